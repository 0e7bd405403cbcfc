package cache

import (
	"strings"
	"testing"
	"time"

	"penknife/configs"
	"penknife/gateway"
)

const fresh = "Cache-Control: max-age=60"

func TestHit_SaysWhatItIs(t *testing.T) {
	b := newBench(t, defaults(), always(fresh+"; Content-Type: text/x; ETag: \"a\"; Content-Length: 5; X-Own: 1", "hello"))
	first := b.do(t, "GET /a")
	b.expect(t, first, "fwd=uri-miss; stored", 1)
	if first.field("Age") != "" || first.trace.Engine != "app" || first.trace.Cache != "miss" {
		t.Errorf("the first answer: %+v", first)
	}
	b.clock.advance(10 * time.Second)
	second := b.do(t, "GET /a")
	b.expect(t, second, "hit; ttl=50", 1)
	if second.body != "hello" || second.status != 200 || second.field("Age") != "10" || second.field("X-Own") != "1" ||
		second.field("Date") != "Sun, 01 Mar 2026 12:00:00 GMT" || second.field("Content-Length") != "" ||
		second.trace.Engine != "cache" || second.trace.Cache != "hit" {
		t.Errorf("the second answer: %+v", second)
	}
	b.expect(t, b.do(t, "GET /b"), "fwd=uri-miss; stored", 2)
	b.clock.advance(50 * time.Second)
	b.expect(t, b.do(t, "GET /a"), "fwd=stale; stored", 3)
	if b.tally.of(Hit) != 1 || b.tally.of(Miss) != 3 {
		t.Errorf("counted: %v", b.tally.outcomes)
	}
}

// RFC 9111 section 3.1: fields of one connection, and those that Connection names, are not stored.
func TestRFC9111_3_1_FieldsOfOneConnection(t *testing.T) {
	b := newBench(t, defaults(), always(fresh+"; Connection: X-Once, close; X-Once: 1; Keep-Alive: x; Proxy-Authenticate: y; Age: 5; Warning: 110; X-Kept: 2", "x"))
	b.do(t, "GET /")
	g := b.do(t, "GET /")
	for _, name := range []string{"Connection", "X-Once", "Keep-Alive", "Proxy-Authenticate", "Warning"} {
		if g.field(name) != "" {
			t.Errorf("%s is stored: %s", name, g.fields)
		}
	}
	if g.field("X-Kept") != "2" || g.field("Age") != "5" || strings.Count(g.fields, "Age:") != 1 {
		t.Errorf("%s", g.fields)
	}
}

// RFC 9111 section 4.3.1, 4.3.3 and 4.3.4: what is stale is confirmed by 304, which updates its fields.
func TestRFC9111_4_3_Validation(t *testing.T) {
	b := newBench(t, defaults(), func(call int, vars map[string]string) reply {
		if vars["HTTP_IF_NONE_MATCH"] == `"a"` && vars["HTTP_IF_MODIFIED_SINCE"] == "Sun, 01 Mar 2026 00:00:00 GMT" {
			return reply{status: 304, fields: "Cache-Control: max-age=30; X-New: " + number(call)}
		}
		return reply{fields: fresh + "; ETag: \"a\"; Last-Modified: Sun, 01 Mar 2026 00:00:00 GMT; X-Old: 1; X-New: 0", body: "hello"}
	})
	b.do(t, "GET /")
	b.clock.advance(time.Minute)
	g := b.do(t, "GET /", `If-None-Match: "other"`, "Range: bytes=1-2")
	if status := g.field("Cache-Status"); status != "penknife; fwd=stale; fwd-status=304; stored" {
		t.Error(status)
	}
	if g.status != 206 || g.body != "el" || g.field("X-New") != "2" || g.field("X-Old") != "1" {
		t.Errorf("%+v", g)
	}
	b.clock.advance(29 * time.Second)
	b.expect(t, b.do(t, "GET /"), "hit; ttl=1", 2)
	if b.tally.of(Revalidated) != 1 {
		t.Errorf("counted: %v", b.tally.outcomes)
	}
}

// RFC 9111 section 4.3.4: a 304 with another validator does not speak of the stored answer, which is asked for anew.
func TestRFC9111_4_3_4_ConfirmsAnother(t *testing.T) {
	b := newBench(t, defaults(), func(call int, vars map[string]string) reply {
		if vars["HTTP_IF_NONE_MATCH"] != "" {
			return reply{status: 304, fields: `ETag: "b"`}
		}
		return reply{fields: fresh + `; ETag: "a"`, body: number(call)}
	})
	b.do(t, "GET /")
	b.clock.advance(time.Minute)
	if g := b.do(t, "GET /"); g.status != 200 || g.body != "3" {
		t.Errorf("%+v", g)
	}
}

// RFC 9111 section 4.3.2: conditions of clients are answered from the cache.
func TestRFC9111_4_3_2_ConditionsOfClients(t *testing.T) {
	b := newBench(t, defaults(), always(fresh+"; ETag: W/\"a\"; Last-Modified: Sun, 01 Mar 2026 00:00:00 GMT; Content-Type: text/x; Vary: X", "hello"))
	b.do(t, "GET /")
	for condition, want := range map[string]int{
		`If-None-Match: "a"`:                               304, // weakly
		`If-None-Match: "b", W/"a"`:                        304,
		`If-None-Match: *`:                                 304,
		`If-None-Match: "b"`:                               200,
		`If-None-Match: a`:                                 200,
		"If-Modified-Since: Sun, 01 Mar 2026 00:00:00 GMT": 304,
		"If-Modified-Since: Sat, 28 Feb 2026 00:00:00 GMT": 200,
		"If-Modified-Since: yesterday":                     200,
	} {
		g := b.do(t, "GET /", condition)
		if g.status != want || (g.body == "") != (want == 304) || b.app.count() != 1 {
			t.Errorf("%s: %d %q, %d calls", condition, g.status, g.body, b.app.count())
		}
		if want == 304 && (g.field("ETag") == "" || g.field("Cache-Control") == "" || g.field("Vary") == "" ||
			g.field("Date") == "" || g.field("Content-Type") != "") {
			t.Errorf("%s: %s", condition, g.fields)
		}
	}
	g := b.do(t, "GET /", `If-None-Match: "b"`, "If-Modified-Since: Sun, 01 Mar 2026 00:00:00 GMT")
	if g.status != 200 {
		t.Error("If-Modified-Since counts beside If-None-Match")
	}
}

// RFC 9111 section 3.3 and 3.4, RFC 9110 section 14: ranges of whole stored answers; several ranges get everything.
func TestRFC9110_14_Ranges(t *testing.T) {
	b := newBench(t, defaults(), always(fresh+`; ETag: "a"`, "0123456789"))
	b.do(t, "GET /")
	for _, test := range []struct {
		lines  string
		status int
		body   string
		ranges string
	}{
		{"Range: bytes=0-3", 206, "0123", "bytes 0-3/10"},
		{"Range: bytes=7-", 206, "789", "bytes 7-9/10"},
		{"Range: bytes=-2", 206, "89", "bytes 8-9/10"},
		{"Range: bytes=-20", 206, "0123456789", "bytes 0-9/10"},
		{"Range: bytes=8-99", 206, "89", "bytes 8-9/10"},
		{"Range: bytes=10-", 416, "", "bytes */10"},
		{"Range: bytes=-0", 416, "", "bytes */10"},
		{"Range: bytes=0-1,3-4", 200, "0123456789", ""},
		{"Range: bytes=3-1", 200, "0123456789", ""},
		{"Range: lines=1-2", 200, "0123456789", ""},
		{`Range: bytes=0-3; If-Range: "a"`, 206, "0123", "bytes 0-3/10"},
		{`Range: bytes=0-3; If-Range: "b"`, 200, "0123456789", ""},
		{`Range: bytes=0-3; If-Range: W/"a"`, 200, "0123456789", ""},
		{`Range: bytes=0-3; If-None-Match: "a"`, 304, "", ""},
	} {
		g := b.do(t, "GET /", strings.Split(test.lines, "; ")...)
		if g.status != test.status || g.body != test.body || g.field("Content-Range") != test.ranges {
			t.Errorf("%s: %d %q %q", test.lines, g.status, g.body, g.field("Content-Range"))
		}
	}
	if b.app.count() != 1 {
		t.Errorf("the application was asked %d times", b.app.count())
	}
}

// A request for a part of what is not stored goes to the application as it is, and its 206 is not stored.
func TestRange_OfWhatIsNotStored(t *testing.T) {
	b := newBench(t, defaults(), func(_ int, vars map[string]string) reply {
		if vars["HTTP_RANGE"] == "bytes=0-1" {
			return reply{status: 206, fields: fresh + "; Content-Range: bytes 0-1/5", body: "he"}
		}
		return reply{fields: fresh, body: "hello"}
	})
	b.expect(t, b.do(t, "GET /", "Range: bytes=0-1"), "fwd=partial; detail=status", 1)
	b.expect(t, b.do(t, "GET /"), "fwd=uri-miss; stored", 2)
	if g := b.do(t, "GET /", "Range: bytes=0-1"); g.status != 206 || g.body != "he" || b.app.count() != 2 {
		t.Errorf("%+v", g)
	}
}

// RFC 9110 section 9.3.2 and RFC 9111 section 4.3.5: HEAD from a stored GET; what HEAD tells updates or removes that.
func TestRFC9111_4_3_5_Head(t *testing.T) {
	tag := `"a"`
	b := newBench(t, defaults(), func(_ int, vars map[string]string) reply {
		return reply{fields: fresh + "; ETag: " + tag + "; X-Method: " + vars["REQUEST_METHOD"], body: "hello"}
	})
	b.expect(t, b.do(t, "HEAD /"), "fwd=uri-miss", 1)
	b.do(t, "GET /")
	b.expect(t, b.do(t, "HEAD /"), "hit; ttl=60", 2)
	b.clock.advance(time.Minute)
	b.do(t, "HEAD /")
	if g := b.do(t, "GET /"); g.field("Cache-Status") != "penknife; hit; ttl=60" || g.field("X-Method") != "HEAD" || g.body != "hello" {
		t.Errorf("not updated: %+v", g)
	}
	b.clock.advance(time.Minute)
	tag = `"b"`
	b.do(t, "HEAD /")
	if g := b.do(t, "GET /"); g.field("Cache-Status") != "penknife; fwd=uri-miss; stored" || b.app.last()["HTTP_IF_NONE_MATCH"] != "" {
		t.Errorf("not removed: %+v", g)
	}
}

// RFC 9111 section 4.1: the request's fields that Vary names must be the same; blanks around commas do not count.
func TestRFC9111_4_1_Vary(t *testing.T) {
	b := newBench(t, defaults(), func(_ int, vars map[string]string) reply {
		return reply{fields: fresh + "; Vary: Accept-Language, X-A", body: vars["HTTP_ACCEPT_LANGUAGE"] + "|" + vars["HTTP_X_A"]}
	})
	ask := func(status string, calls int, body string, lines ...string) {
		t.Helper()
		g := b.do(t, "GET /", lines...)
		b.expect(t, g, status, calls)
		if g.body != body {
			t.Errorf("%v: %q", lines, g.body)
		}
	}
	ask("fwd=uri-miss; stored", 1, "de|", "Accept-Language: de")
	ask("hit; ttl=60", 1, "de|", "Accept-Language: de")
	ask("fwd=vary-miss; stored", 2, "fr|", "Accept-Language: fr")
	ask("fwd=vary-miss; stored", 3, "de|1", "Accept-Language: de", "X-A: 1")
	ask("fwd=vary-miss; stored", 4, "|")
	ask("fwd=vary-miss; stored", 5, "|", "Accept-Language: ")
	ask("hit; ttl=60", 5, "de|", "Accept-Language: de")
	ask("fwd=vary-miss; stored", 6, "a, b|", "Accept-Language: a, b")
	ask("hit; ttl=60", 6, "a, b|", "Accept-Language: a,b")
	long := strings.Repeat("x", 300)
	ask("fwd=vary-miss; stored", 7, long+"|", "Accept-Language: "+long)
	ask("fwd=vary-miss; stored", 8, long+"y|", "Accept-Language: "+long+"y")
	ask("hit; ttl=60", 8, long+"|", "Accept-Language: "+long)
}

// RFC 9111 section 4.4: unsafe requests that succeed invalidate their target, and what Location and Content-Location name
// on the same origin.
func TestRFC9111_4_4_Invalidation(t *testing.T) {
	answerTo := reply{}
	b := newBench(t, defaults(), func(_ int, vars map[string]string) reply {
		if vars["REQUEST_METHOD"] != "GET" {
			return answerTo
		}
		return reply{fields: fresh + "; Vary: X", body: "x"}
	})
	fill := func() {
		for _, path := range []string{"/a", "/b?q=1", "http://other.com/b", "/c"} {
			b.do(t, "GET "+path)
			b.do(t, "GET "+path, "X: 1")
		}
	}
	isStored := func(path string) bool {
		before := b.app.count()
		b.do(t, "GET "+path, "X: 1")
		return b.app.count() == before
	}
	for _, test := range []struct {
		request string
		answer  reply
		gone    string
	}{
		{"POST /a", reply{status: 200}, "/a"},
		{"PUT /a", reply{status: 204}, "/a"},
		{"DELETE /a", reply{status: 301}, "/a"},
		{"M-SEARCH /a", reply{status: 200}, "/a"},
		{"POST /a", reply{status: 400}, ""},
		{"POST /a", reply{status: 500}, ""},
		{"OPTIONS /a", reply{status: 200}, ""},
		{"POST /x", reply{status: 201, fields: "Location: /b?q=1"}, "/b?q=1"},
		{"POST /x", reply{status: 201, fields: "Location: http://EXAMPLE.com:80/b?q=1"}, "/b?q=1"},
		{"POST /x/y", reply{status: 201, fields: "Content-Location: ../c"}, "/c"},
		{"POST /x", reply{status: 201, fields: "Location: http://other.com/b"}, ""},
		{"POST /x", reply{status: 201, fields: "Location: //other.com/b"}, ""},
	} {
		fill()
		answerTo = test.answer
		b.do(t, test.request)
		for _, path := range []string{"/a", "/b?q=1", "http://other.com/b", "/c"} {
			if isStored(path) == (path == test.gone) {
				t.Errorf("%s, %+v: %s stored: %v", test.request, test.answer, path, path == test.gone)
			}
		}
	}
}

// RFC 9111 section 5.2.1.7.
func TestRFC9111_5_2_1_7_OnlyIfCached(t *testing.T) {
	b := newBench(t, defaults(), always(fresh, "x"))
	if g := b.do(t, "GET /", "Cache-Control: only-if-cached"); g.status != 504 || b.app.count() != 0 {
		t.Errorf("%+v", g)
	}
	b.do(t, "GET /")
	if g := b.do(t, "GET /", "Cache-Control: only-if-cached"); g.status != 200 || b.app.count() != 1 {
		t.Errorf("%+v", g)
	}
}

// A client that wants a new answer gets one, which is stored for all; unless clients have no say.
func TestNoCacheOfClients(t *testing.T) {
	for _, directives := range []string{configs.CacheObey, configs.CacheIgnore} {
		cfg := defaults()
		cfg.RequestDirectives = directives
		b := newBench(t, cfg, func(call int, _ map[string]string) reply { return reply{fields: fresh, body: number(call)} })
		b.do(t, "GET /")
		want := map[string]string{configs.CacheObey: "2", configs.CacheIgnore: "1"}[directives]
		for _, line := range []string{"Cache-Control: no-cache", ""} {
			if g := b.do(t, "GET /", line); g.body != want {
				t.Errorf("%s, %s: %q", directives, line, g.body)
			}
		}
	}
}

// RFC 5861 section 4: a stale answer instead of an error, for as long as the application or the operator permits.
func TestRFC5861_4_StaleIfError(t *testing.T) {
	down := false
	b := newBench(t, defaults(), func(int, map[string]string) reply {
		if down {
			return reply{status: 503, body: "down"}
		}
		return reply{fields: "Cache-Control: max-age=60, stale-if-error=60", body: "x"}
	})
	b.do(t, "GET /")
	down = true
	b.clock.advance(90 * time.Second)
	if g := b.do(t, "GET /"); g.body != "x" || g.field("Cache-Status") != "penknife; hit; ttl=-30; detail=stale_on_error" || g.field("Age") != "90" {
		t.Errorf("%+v", g)
	}
	b.app.answer = func(int, map[string]string) reply { return reply{err: gateway.Errorf(gateway.KindWorkerDied, "x")} }
	if g := b.do(t, "GET /"); g.body != "x" || g.trace.Engine != "cache" || g.trace.Queue != queued {
		t.Errorf("%+v", g)
	}
	b.clock.advance(30 * time.Second)
	r := b.request("GET /")
	if _, err := b.Serve(r); gateway.KindOf(err) != gateway.KindWorkerDied || r.Trace.Engine != "app" || r.Trace.Queue != queued {
		t.Errorf("after its time: %v, %+v", err, r.Trace)
	}
}

// Times of operators do not overrule what the application says (RFC 9111 section 5.2.2.2 and 5.2.2.10).
func TestStale_NotAgainstTheApplication(t *testing.T) {
	cfg := defaults()
	cfg.StaleIfError, cfg.StaleWhileRevalidate = time.Hour, time.Hour
	for _, control := range []string{"max-age=60, must-revalidate", "max-age=60, proxy-revalidate", "s-maxage=60"} {
		b := newBench(t, cfg, always("Cache-Control: "+control, "x"))
		b.do(t, "GET /")
		b.clock.advance(61 * time.Second)
		b.do(t, "GET /")
		if b.app.count() != 2 || b.tally.of(HitStale) != 0 {
			t.Errorf("%s: sent stale", control)
		}
	}
}

// What was stored before is not sent any more once the application says something that cannot be stored.
func TestDecline_RemovesWhatWasStored(t *testing.T) {
	b := newBench(t, defaults(), func(call int, _ map[string]string) reply {
		if call == 1 {
			return reply{fields: fresh + "; ETag: \"a\"", body: "public"}
		}
		return reply{fields: "Cache-Control: private", body: "private"}
	})
	b.do(t, "GET /")
	b.clock.advance(time.Minute)
	if g := b.do(t, "GET /"); g.body != "private" {
		t.Errorf("%+v", g)
	}
	if g := b.do(t, "GET /", "Cache-Control: max-stale"); g.body != "private" {
		t.Errorf("%+v", g)
	}
}

// A variant that is soon stale does not take the others with it.
func TestVary_EachVariantHasItsOwnTime(t *testing.T) {
	cfg := defaults()
	cfg.KeepStale = 0
	b := newBench(t, cfg, func(_ int, vars map[string]string) reply {
		return reply{fields: "Cache-Control: max-age=" + vars["HTTP_X"] + "; Vary: X", body: "x"}
	})
	for calls, order := range [][]string{{"100", "10"}, {"10", "100"}} {
		for _, x := range order {
			b.do(t, "GET /"+number(calls), "X: "+x)
		}
		b.clock.advance(50 * time.Second)
		b.expect(t, b.do(t, "GET /"+number(calls), "X: 100"), "hit; ttl=50", 2*calls+2)
	}
}

// A client that wants its own answer not to be stored takes nothing from the others.
func TestNoStoreOfClients_RemovesNothing(t *testing.T) {
	b := newBench(t, defaults(), func(call int, vars map[string]string) reply {
		if vars["HTTP_IF_NONE_MATCH"] != "" {
			return reply{status: 304}
		}
		return reply{fields: fresh + `; ETag: "a"`, body: number(call)}
	})
	b.do(t, "GET /")
	for _, line := range []string{"GET /", "HEAD /"} {
		b.do(t, line, "Cache-Control: no-cache, no-store")
		if g := b.do(t, "GET /"); g.field("Cache-Status") != "penknife; hit; ttl=60" || g.body != "1" {
			t.Errorf("%s: %+v", line, g)
		}
	}
	b.app.answer = func(int, map[string]string) reply { return reply{fields: fresh, body: "other"} }
	b.do(t, "GET /", "Cache-Control: no-cache, no-store")
	if g := b.do(t, "GET /"); g.body != "1" {
		t.Errorf("%+v", g)
	}
}
