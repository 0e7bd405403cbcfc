package cache

import (
	"strings"
	"testing"

	"penknife/uwsgiproto"
)

// FuzzTwoRequests: what one request leaves in the cache is never given to another to which the application would have
// answered something else.
func FuzzTwoRequests(f *testing.F) {
	f.Add("a.example", "/x", "q=1", "en", "A.EXAMPLE:80", "/x", "q=1", "en", "")
	f.Add("a", "/x", "", "a, b", "a", "/x?", "", "a,b", "bytes=0-1")
	f.Add("a:443", "/x", "a=b&c", "", "a", "/x", "a=b&c\x00", "\x00", "")
	f.Add("a", "/%2e", "utm_source=1&a", "", "a", "/.", "a", "n", "bytes=-5")
	// What the application says depends on everything that it is told, as far as it may by RFC 9110 and its own Vary.
	answer := func(_ int, vars map[string]string) reply {
		host := strings.TrimSuffix(strings.ToLower(vars["HTTP_HOST"]), ":80")
		body := strings.Join([]string{host, vars["PATH_INFO"], vars["QUERY_STRING"], string(appendCompact(nil, []byte(vars["HTTP_X_V"])))}, "|")
		return reply{fields: "Cache-Control: max-age=60; Vary: X-V", body: body}
	}
	f.Fuzz(func(t *testing.T, host1, path1, query1, v1, host2, path2, query2, v2, span string) {
		for _, text := range []string{host1, path1, query1, v1, host2, path2, query2, v2} {
			if len(text) > uwsgiproto.MaxVar {
				return // no var block holds it
			}
		}
		b, alone := newBench(t, defaults(), answer), newBench(t, defaults(), answer)
		ask := func(b *bench, host, path, query, v string) got {
			r := b.request("GET /")
			r.Vars = nil
			for _, pair := range [][2]string{{"REQUEST_METHOD", "GET"}, {"HTTP_HOST", host}, {"PATH_INFO", path}, {"QUERY_STRING", query}, {"HTTP_X_V", v}} {
				var err error
				if r.Vars, err = uwsgiproto.AppendVar(r.Vars, pair[0], pair[1]); err != nil {
					t.Fatal(err)
				}
			}
			r.Host, r.Path, r.Query, r.Target = []byte(host), []byte(path), []byte(query), []byte(path+"?"+query)
			resp, err := b.Serve(r)
			if err != nil {
				t.Fatal(err)
			}
			return take(r, resp)
		}
		ask(b, host1, path1, query1, v1)
		want, second := ask(alone, host2, path2, query2, v2), ask(b, host2, path2, query2, v2)
		if second.body != want.body || second.status != want.status {
			t.Errorf("%d %q, alone %d %q", second.status, second.body, want.status, want.body)
		}
		parseRange([]byte(span), int64(len(want.body)))
	})
}

// FuzzAsked: a cookie that is there has a value, whatever stands around it, and times in Cache-Control are never negative.
func FuzzAsked(f *testing.F) {
	f.Add("a=1; session=x; b", "max-age=60, no-cache=\"a, b\", stale-if-error", "session")
	f.Add(";;= ;=;session", "max-age=99999999999999999999, max-age=-1, =, \"", "")
	f.Add("session = x;session=\"y;z\"", "only-if-cached,,max-stale=\"5\"", "session")
	f.Fuzz(func(t *testing.T, cookie, control, name string) {
		if len(cookie) > uwsgiproto.MaxVar || len(control) > uwsgiproto.MaxVar {
			return
		}
		b := newBench(t, defaults(), always("", ""))
		a := readAsked(b.request("GET /", "HTTP_COOKIE="+cookie, "HTTP_CACHE_CONTROL="+control))
		if value := a.cookieNamed(name); value != nil && (!a.hasCookie(newPattern(name)) || !strings.Contains(cookie, string(value))) {
			t.Errorf("%q of %q is %q", name, cookie, value)
		}
		if c := a.control; c.maxAge < -1 || c.minFresh < -1 || c.maxStale < -1 {
			t.Errorf("%q: %+v", control, c)
		}
	})
}
