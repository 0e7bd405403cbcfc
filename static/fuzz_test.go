package static

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"penknife/configs"
	"penknife/gateway"
)

// FuzzPath asks for any path with any header: nothing from outside the root, no redirect to another host, never an error.
func FuzzPath(f *testing.F) {
	for _, seed := range []string{
		"/static/a.txt", "/static/../secret", "/static/%2e%2e/secret", "/static/out", "/static/sub/../../secret", "//static/sub",
		"/static/sub", "/static/.hidden", "/static/a.txt\x00", "/static/\\..\\secret",
	} {
		f.Add([]byte(seed), "bytes=0-0", "gzip", `"x"`, "Sun, 06 Nov 1994 08:49:37 GMT")
	}
	s := newSite(f, map[string]string{
		"pub/a.txt": strings.Repeat("public ", 100), "pub/sub/index.html": "public", "secret": "secret", "pub/.hidden": "secret",
	}, func(c *configs.Static) { c.Root = filepath.Join(c.Root, "pub") })
	s.mounts[0].counter = nil
	if err := os.Symlink("../secret", filepath.Join(s.root, "pub/out")); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, path []byte, ranges, encoding, tag, date string) {
		if len(ranges)+len(encoding)+len(tag)+len(date) > 60000 {
			return
		}
		r := request("GET", "/", "Range: "+ranges, "Accept-Encoding: "+encoding, "If-None-Match: "+tag,
			"If-Modified-Since: "+date, "If-Range: "+date)
		r.Path, r.Query, r.Start = path, []byte(ranges), time.Now()
		resp, err := s.Serve(r)
		if err != nil {
			t.Fatalf("%q: %v", path, err)
		}
		checkPublic(t, s, r, resp)
	})
}

func checkPublic(t *testing.T, s *site, r *gateway.Request, resp *gateway.Response) {
	s.t = t
	got := s.receive(r, resp)
	to, redirected := got.fields["location"]
	switch {
	case strings.Contains(got.body, "secret"):
		t.Fatalf("%q gives %q", r.Path, got.body)
	case redirected && (len(to) < 2 || to[0] != '/' || to[1] == '/' || to[1] == '\\'):
		t.Fatalf("%q leads to %q", r.Path, to)
	}
}

func FuzzLists(f *testing.F) {
	f.Add([]byte(`"a", W/"b"`), []byte("gzip;q=0.5, *;q=0"))
	f.Fuzz(func(t *testing.T, list, accept []byte) {
		strong, weak := listHas(list, `"a"`, true), listHas(list, `"a"`, false)
		if strong && !weak {
			t.Fatalf("%q matches strongly and not weakly", list)
		}
		w := parseAccept(accept)
		for set := codingSet(0); set < 1<<codingPlain; set += 2 {
			if c := w.choose(set); c != codingPlain && (!set.has(c) || w[c] <= 0) {
				t.Fatalf("%q: %v of %b", accept, c, set)
			}
		}
	})
}
