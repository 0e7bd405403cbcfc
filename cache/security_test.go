package cache

import (
	"testing"
	"time"

	"penknife/configs"
)

// echo answers with the variable, and the fields.
func echo(name, fields string) func(int, map[string]string) reply {
	return func(_ int, vars map[string]string) reply { return reply{fields: fields, body: vars[name]} }
}

// withTTL has a rule for applications that say nothing.
func withTTL(change func(*configs.CacheRule)) configs.Cache {
	cfg := defaults()
	rule := configs.DefaultCacheRule()
	rule.Path, rule.TTL = "/", time.Minute
	if change != nil {
		change(&rule)
	}
	cfg.Rules = []configs.CacheRule{rule}
	return cfg
}

// The answer for one user never reaches another: each row is a way in which applications tell users apart.
func TestNoAnswerOfOneUserToAnother(t *testing.T) {
	for _, test := range []struct {
		name, variable, fields string
		cfg                    configs.Cache
		alice, bob             string
	}{
		{"Authorization", "HTTP_AUTHORIZATION", fresh, defaults(), "Authorization: Basic alice", "Authorization: Basic bob"},
		{"Authorization and a rule", "HTTP_AUTHORIZATION", "", withTTL(nil), "Authorization: Basic alice", "Authorization: Basic bob"},
		{"Authorization and a rule for cookies", "HTTP_AUTHORIZATION", "", withTTL(func(r *configs.CacheRule) { r.WithCookies = true }),
			"Authorization: Basic alice", "Authorization: Basic bob"},
		{"REMOTE_USER", "REMOTE_USER", fresh, defaults(), "REMOTE_USER=alice", "REMOTE_USER=bob"},
		{"REMOTE_USER and a rule", "REMOTE_USER", "", withTTL(nil), "REMOTE_USER=alice", "REMOTE_USER=bob"},
		{"a proxy's user and a rule", "HTTP_X_REMOTE_USER", "", withTTL(nil), "X-Remote-User: alice", "X-Remote-User: bob"},
		{"a key of an API", "HTTP_X_API_KEY", fresh, defaults(), "X-API-Key: alice", "X-API-Key: bob"},
		{"a certificate", "SSL_CLIENT_S_DN", fresh, defaults(), "SSL_CLIENT_S_DN=CN=alice", "SSL_CLIENT_S_DN=CN=bob"},
		{"a session, said by Vary", "HTTP_COOKIE", fresh + "; Vary: Cookie", defaults(), "Cookie: s=alice", "Cookie: s=bob"},
		{"a session and a rule", "HTTP_COOKIE", "", withTTL(nil), "Cookie: s=alice", "Cookie: s=bob"},
		{"a session, private", "HTTP_COOKIE", fresh + ", private", defaults(), "Cookie: s=alice", "Cookie: s=bob"},
		{"a session that begins", "HTTP_COOKIE", fresh + "; Set-Cookie: s=x", defaults(), "Cookie: s=alice", "Cookie: s=bob"},
		{"a cookie in the key", "HTTP_COOKIE", fresh, withTTL(func(r *configs.CacheRule) { r.KeyCookies = []string{"s"} }), "Cookie: s=alice", "Cookie: s=bob"},
		{"a header in the key", "HTTP_X_TENANT", fresh, withTTL(func(r *configs.CacheRule) { r.KeyHeaders = []string{"X-Tenant"} }), "X-Tenant: alice", "X-Tenant: bob"},
		{"a bypass", "HTTP_COOKIE", fresh, withTTL(func(r *configs.CacheRule) { r.BypassCookies = []string{"sess*"} }), "Cookie: session=alice", "Cookie: session=bob"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, test.cfg, echo(test.variable, test.fields))
			want := map[string]string{}
			for _, user := range []string{test.alice, test.bob, ""} {
				want[user] = func() string { // what the application alone would say
					alone := newBench(t, test.cfg, echo(test.variable, test.fields))
					return alone.do(t, "GET /", user).body
				}()
			}
			for range 2 {
				for _, user := range []string{test.alice, test.bob, "", test.alice} {
					if g := b.do(t, "GET /", user); g.body != want[user] {
						t.Errorf("%q gets %q", user, g.body)
					}
				}
			}
		})
	}
}

// A rule's answers for visitors are not for those who have a session: they would not see their own page.
func TestRule_VisitorsPageIsNotForUsers(t *testing.T) {
	b := newBench(t, withTTL(nil), echo("HTTP_COOKIE", ""))
	b.do(t, "GET /")
	b.expect(t, b.do(t, "GET /"), "hit; ttl=60", 1)
	if g := b.do(t, "GET /", "Cookie: s=alice"); g.body != "s=alice" {
		t.Errorf("%+v", g)
	}
	b.expect(t, b.do(t, "GET /"), "hit; ttl=60", 2)
}

func TestSetCookie_IsNeverSentToAnother(t *testing.T) {
	b := newBench(t, withTTL(func(r *configs.CacheRule) { r.StripSetCookie = true }), always(fresh+"; Set-Cookie: s=alice; X: 1", "x"))
	for range 2 {
		if g := b.do(t, "GET /"); g.field("Set-Cookie") != "" || g.field("X") != "1" {
			t.Errorf("%+v", g)
		}
	}
	b.expect(t, b.do(t, "GET /"), "hit; ttl=60", 1)
}

// Cache poisoning: what a request says about its own address distinguishes answers, so that an answer with it reaches
// nobody who has not said the same.
func TestPoisoning(t *testing.T) {
	for _, test := range []struct{ name, variable, line, header string }{
		{"Host", "HTTP_HOST", "GET http://evil.com/", ""},
		{"scheme", "HTTP_HOST", "GET https://example.com/", ""},
		{"port", "HTTP_HOST", "GET http://example.com:81/", ""},
		{"X-Forwarded-Host", "HTTP_X_FORWARDED_HOST", "GET /", "X-Forwarded-Host: evil.com"},
		{"X-Forwarded-Proto", "HTTP_X_FORWARDED_PROTO", "GET /", "X-Forwarded-Proto: https"},
		{"X-Forwarded-Prefix", "HTTP_X_FORWARDED_PREFIX", "GET /", "X-Forwarded-Prefix: /evil"},
		{"X-Original-URL", "HTTP_X_ORIGINAL_URL", "GET /", "X-Original-URL: /evil"},
		{"X-Host", "HTTP_X_HOST", "GET /", "X-Host: evil.com"},
		{"Forwarded", "HTTP_FORWARDED", "GET /", "Forwarded: for=1.2.3.4;host=evil.com"},
		{"raw target", "REQUEST_URI", "GET /", "REQUEST_URI=/%2e"},
		{"method", "HTTP_X_HTTP_METHOD_OVERRIDE", "GET /", "X-HTTP-Method-Override: DELETE"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, defaults(), echo(test.variable, fresh))
			r := b.request(test.line, test.header)
			if test.name == "raw target" {
				r.Target = []byte("/%2e")
			}
			resp, err := b.Serve(r)
			if err != nil {
				t.Fatal(err)
			}
			take(r, resp)
			alone := newBench(t, defaults(), echo(test.variable, fresh)).do(t, "GET /")
			if g := b.do(t, "GET /"); g.body != alone.body || b.app.count() != 2 {
				t.Errorf("poisoned: %q, %d calls", g.body, b.app.count())
			}
		})
	}
	b := newBench(t, defaults(), always(fresh, "x"))
	b.do(t, "GET /", "Forwarded: for=1.2.3.4;proto=http")
	b.do(t, "GET /", "Forwarded: for=5.6.7.8;proto=http")
	b.do(t, "GET http://EXAMPLE.com:80/", "Forwarded: for=5.6.7.8;proto=http")
	if b.app.count() != 1 {
		t.Error("the client's address distinguishes answers, or the case of a host")
	}
}

// Requests that differ have different keys, whatever bytes are in them.
func TestKeys_AreNotForged(t *testing.T) {
	cfg := withTTL(func(r *configs.CacheRule) { r.KeyCookies, r.KeyHeaders = []string{"a", "b"}, []string{"X-A", "X-B"} })
	b := newBench(t, cfg, always(fresh, "x"))
	seen := map[string]int{}
	for i, lines := range [][]string{
		{"GET /"}, {"GET /?a"}, {"GET /%3Fa"}, {"GET /a"}, {"GET /", "Cookie: a=1"}, {"GET /", "Cookie: b=1"},
		{"GET /", "Cookie: a="}, {"GET /", "Cookie: a=c\x00"}, {"GET /", "X-A: 1"}, {"GET /", "X-B: 1"}, {"GET /", "X-A: "},
		{"GET /", "X-A: h\x01p1"}, {"GET /", "X-Forwarded-Host: a"}, {"GET /", "X-Host: a"}, {"GET /", "X-Host: "},
	} {
		v := b.visit(b.request(lines[0], lines[1:]...))
		if !v.fits() {
			t.Fatalf("%q has no key", lines)
		}
		if other, twice := seen[string(v.key)]; twice {
			t.Errorf("rows %d and %d have the key %q", other, i, v.key)
		}
		seen[string(v.key)] = i
	}
	r := b.request("GET /x")
	r.Path = []byte("/x\x00y")
	if v := b.visit(r); v.fits() {
		t.Error("a path with NUL has a key")
	}
	r = b.request("GET /x")
	r.Host = nil
	if v := b.visit(r); v.fits() {
		t.Error("a request without a host has a key")
	}
}
