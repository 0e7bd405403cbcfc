package cache

import (
	"errors"
	"testing"
	"time"

	"penknife/configs"
)

func TestRules_LongestPrefixAtASlash(t *testing.T) {
	cfg := defaults()
	for i, path := range []string{"/a/", "/a/b", "/ab/", "/c.html"} {
		cfg.Rules = append(cfg.Rules, configs.CacheRule{Path: path, Store: true, TTL: time.Duration(i + 1)})
	}
	set := newRuleSet(cfg)
	for path, want := range map[string]int{
		"/": 0, "/a": 1, "/a/": 1, "/a/x": 1, "/a/b": 2, "/a/b/c": 2, "/a/bc": 1, "/ab": 3, "/abc": 0, "/c.html": 4, "/c.htmlx": 0,
	} {
		if got := set.of([]byte(path)).index; got != want {
			t.Errorf("%s: rule %d, want %d", path, got, want)
		}
	}
}

func TestRules_WhatTheyDo(t *testing.T) {
	for _, test := range []struct {
		name   string
		rule   func(*configs.CacheRule)
		fields string
		first  []string
		second []string
		calls  int // after both
	}{
		{"a time", nil, "", []string{"GET /"}, []string{"GET /"}, 1},
		{"not stored", func(r *configs.CacheRule) { r.Store = false }, fresh, []string{"GET /"}, []string{"GET /"}, 2},
		{"bypass by cookie", func(r *configs.CacheRule) { r.BypassCookies = []string{"s"} }, fresh, []string{"GET /"}, []string{"GET /", "Cookie: a=b; s=1"}, 2},
		{"no such cookie", func(r *configs.CacheRule) { r.BypassCookies = []string{"s"} }, fresh, []string{"GET /"}, []string{"GET /", "Cookie: ss=1"}, 1},
		{"bypass by header", func(r *configs.CacheRule) { r.BypassHeaders = []string{"X-Preview"} }, fresh, []string{"GET /"}, []string{"GET /", "X-Preview: "}, 2},
		{"bypass by query", func(r *configs.CacheRule) { r.BypassQuery = []string{"preview"} }, fresh, []string{"GET /?a=1&preview=1"}, []string{"GET /?a=1&preview=1"}, 2},
		{"ignored parameters", func(r *configs.CacheRule) { r.IgnoreQuery = []string{"utm_*", "gclid"} }, fresh,
			[]string{"GET /?utm_source=a&q=1"}, []string{"GET /?q=1&gclid=2"}, 1},
		{"all ignored", func(r *configs.CacheRule) { r.IgnoreQuery = []string{"utm_*"} }, fresh, []string{"GET /?utm_source=a"}, []string{"GET /"}, 1},
		{"chosen parameters", func(r *configs.CacheRule) { r.KeyQuery = []string{"q"} }, fresh, []string{"GET /?q=1&x=2"}, []string{"GET /?x=3&q=1"}, 1},
		{"another parameter", func(r *configs.CacheRule) { r.KeyQuery = []string{"q"} }, fresh, []string{"GET /?q=1"}, []string{"GET /?q=2"}, 2},
		{"too large", func(r *configs.CacheRule) { r.MaxObject = 3 }, fresh, []string{"GET /"}, []string{"GET /"}, 2},
		{"a body", nil, "", []string{"POST /x"}, []string{"POST /x"}, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, withTTL(test.rule), always(test.fields, "0123456789"))
			b.do(t, test.first[0], test.first[1:]...)
			b.do(t, test.second[0], test.second[1:]...)
			if n := b.app.count(); n != test.calls {
				t.Errorf("%d calls, want %d", n, test.calls)
			}
		})
	}
}

// The application gets the query as it came, also what does not distinguish answers.
func TestRules_IgnoredParametersReachTheApplication(t *testing.T) {
	cfg := defaults()
	cfg.IgnoreQuery = []string{"utm_*"}
	b := newBench(t, cfg, always(fresh, "x"))
	b.do(t, "GET /?utm_source=a&q=1")
	if got := b.app.last()["QUERY_STRING"]; got != "utm_source=a&q=1" {
		t.Errorf("%q", got)
	}
}

func TestStatusTTLAndHeuristic(t *testing.T) {
	cfg := withTTL(func(r *configs.CacheRule) { r.StatusTTL = map[string]string{"404": "10s"} })
	b := newBench(t, cfg, func(int, map[string]string) reply { return reply{status: 404, body: "x"} })
	b.do(t, "GET /")
	b.clock.advance(9 * time.Second)
	b.expect(t, b.do(t, "GET /"), "hit; ttl=1", 1)
	b.clock.advance(time.Second)
	b.expect(t, b.do(t, "GET /"), "fwd=stale; stored", 2)

	cfg = defaults()
	cfg.Heuristic = 10
	b = newBench(t, cfg, always("Last-Modified: Sun, 01 Mar 2026 02:00:00 GMT", "x"))
	b.do(t, "GET /")
	b.expect(t, b.do(t, "GET /"), "hit; ttl=3600", 1)
}

func TestPurge(t *testing.T) {
	newFull := func() *bench {
		b := newBench(t, defaults(), func(_ int, vars map[string]string) reply {
			return reply{fields: fresh + "; Vary: X; Cache-Tag: all, p" + vars["PATH_INFO"] + "; Surrogate-Key: s1 s2", body: "x"}
		})
		for _, path := range []string{"/a", "/a b", "/a/1", "/a/2?q=1", "/b", "https://example.com/a"} {
			b.do(t, "GET "+path)
			b.do(t, "GET "+path, "X: 1")
		}
		return b
	}
	for _, test := range []struct {
		name  string
		purge func(*bench) (int, error)
		gone  []string
	}{
		{"URL", func(b *bench) (int, error) { return b.PurgeURL("http://example.com/a") }, []string{"/a"}},
		{"URL with query, host in capitals", func(b *bench) (int, error) { return b.PurgeURL("http://EXAMPLE.com:80/a/2?q=1") }, []string{"/a/2?q=1"}},
		{"URL with escapes", func(b *bench) (int, error) { return b.PurgeURL("http://example.com/a%20b") }, []string{"/a b"}},
		{"prefix", func(b *bench) (int, error) { return b.PurgePrefix("http://example.com/a/") }, []string{"/a/1", "/a/2?q=1"}},
		{"tag", func(b *bench) (int, error) { return b.PurgeTag("p/a/1") }, []string{"/a/1"}},
		{"surrogate key", func(b *bench) (int, error) { return b.PurgeTag("s2") },
			[]string{"/a", "/a b", "/a/1", "/a/2?q=1", "/b", "https://example.com/a"}},
		{"all", func(b *bench) (int, error) { return b.PurgeAll() }, []string{"/a", "/a b", "/a/1", "/a/2?q=1", "/b", "https://example.com/a"}},
		{"nothing", func(b *bench) (int, error) { return b.PurgeTag("none") }, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newFull()
			if n, err := test.purge(b); err != nil || (n > 0) != (len(test.gone) > 0) {
				t.Fatalf("%d, %v", n, err)
			}
			for _, path := range []string{"/a", "/a b", "/a/1", "/a/2?q=1", "/b", "https://example.com/a"} {
				want := 0
				for _, gone := range test.gone {
					if gone == path {
						want = 2
					}
				}
				before := b.app.count()
				b.do(t, "GET "+path)
				b.do(t, "GET "+path, "X: 1")
				if got := b.app.count() - before; got != want {
					t.Errorf("%s: %d calls, want %d", path, got, want)
				}
			}
		})
	}
	b := newFull()
	if g := b.do(t, "GET /a"); g.field("Cache-Tag")+g.field("Surrogate-Key") != "" {
		t.Errorf("tags reach the client: %s", g.fields)
	}
	for _, bad := range []string{"", "/a", "example.com/a", "http:///a", "::"} {
		if _, err := b.PurgeURL(bad); !errors.Is(err, ErrURL) {
			t.Errorf("%q: %v", bad, err)
		}
		if _, err := b.PurgePrefix(bad); !errors.Is(err, ErrURL) {
			t.Errorf("prefix %q: %v", bad, err)
		}
	}
	if _, err := b.PurgeTag(""); !errors.Is(err, ErrTag) {
		t.Errorf("an empty tag: %v", err)
	}
}

func TestTags_Kept(t *testing.T) {
	cfg := defaults()
	cfg.Tags = configs.CacheKeep
	b := newBench(t, cfg, always(fresh+"; Cache-Tag: a", "x"))
	b.do(t, "GET /")
	if g := b.do(t, "GET /"); g.field("Cache-Tag") != "a" {
		t.Errorf("%s", g.fields)
	}
}

// Tags are stripped from all that passes, also from what is not stored and from other methods.
func TestTags_AlwaysStripped(t *testing.T) {
	b := newBench(t, defaults(), always("Cache-Tag: a; Surrogate-Key: b; X: 1", "x"))
	for _, line := range []string{"GET /", "POST /", "OPTIONS /"} {
		if g := b.do(t, line, "If-Match: x"); g.field("Cache-Tag")+g.field("Surrogate-Key") != "" || g.field("X") != "1" {
			t.Errorf("%s: %s", line, g.fields)
		}
	}
}

func TestTop(t *testing.T) {
	b := newBench(t, defaults(), always(fresh+"; Vary: X", "x"))
	for range 5 {
		b.do(t, "GET /often")
	}
	top := b.Top(1)
	if len(top) != 1 || top[0].URL != "http://example.com/often" || top[0].Hits != 4 || top[0].Fetches != 1 || top[0].Bytes == 0 {
		t.Errorf("%+v", top)
	}
	b.clock.advance(2 * time.Minute)
	b.do(t, "GET /often")
	b.do(t, "GET /often")
	if top = b.Top(5); len(top) != 1 || top[0].Hits != 5 || top[0].Fetches != 2 {
		t.Errorf("renewed: %+v", top)
	}
}

// What goes past the cache says so (RFC 9211 section 2.2), with and without tags, from both kinds of front end.
func TestRFC9211_2_2_Bypass(t *testing.T) {
	for _, fields := range []string{fresh, fresh + "; Cache-Tag: t"} {
		b := newBench(t, withTTL(func(r *configs.CacheRule) { r.BypassQuery = []string{"preview"} }), always(fields, "x"))
		b.expect(t, b.do(t, "GET /?preview"), "fwd=bypass", 1)
		b.expect(t, b.do(t, "HEAD /?preview"), "fwd=bypass", 2)
		b.expect(t, b.do(t, "GET /", "If-Match: x"), "fwd=bypass", 3)
		b.expect(t, b.do(t, "POST /"), "fwd=method", 4)
		b.expect(t, b.do(t, "OPTIONS /"), "fwd=method", 5)
		b.expect(t, <-b.later(t, "POST /"), "fwd=method", 6)
	}
}

// The hit rate is of requests, however often each looks into the store.
func TestStats_CountRequests(t *testing.T) {
	b := newBench(t, defaults(), always(fresh+"; Vary: Accept", "x"))
	for range 4 {
		b.do(t, "GET /", "Accept: a")
	}
	b.do(t, "GET /", "Accept: b")
	b.do(t, "POST /other")
	if s := b.Stats(); s.Hits != 3 || s.Misses != 2 {
		t.Errorf("%d hits and %d misses, want 3 and 2", s.Hits, s.Misses)
	}
}
