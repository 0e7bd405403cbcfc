//go:build !race

package cache

import (
	"strings"
	"testing"

	"penknife/configs"
	"penknife/gateway"
)

var browser = []string{
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64)", "Accept: text/html,application/xhtml+xml", "Accept-Language: de,en;q=0.5",
	"Accept-Encoding: gzip, deflate, br", "Cookie: _ga=GA1.2.3", "Sec-Fetch-Mode: navigate", "Referer: http://example.com/",
}

// A hit allocates nothing, whatever is asked for.
func TestHit_NoAllocation(t *testing.T) {
	b := newBench(t, withTTL(nil), always(fresh+`; ETag: "a"; Vary: Accept-Encoding; Content-Type: text/html`, strings.Repeat("x", 1024)))
	for _, lines := range [][]string{nil, browser, {`If-None-Match: "a"`}, {"Range: bytes=0-9"}, {"Cache-Control: max-age=30"}} {
		r := b.request("GET /path/to/page?q=1", lines...)
		hit := func() {
			resp, err := b.Serve(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.CloseWithError(nil)
		}
		hit()
		if n := testing.AllocsPerRun(200, hit); n >= 1 {
			t.Errorf("%v: %v allocations", lines, n)
		}
	}
}

func BenchmarkHit(b *testing.B) {
	bench := newBench(b, defaults(), always(fresh+"; Content-Type: text/html", strings.Repeat("x", 1024)))
	benchmark(b, bench, bench.request("GET /path?q=1", browser...))
}

func BenchmarkHitVary(b *testing.B) {
	bench := newBench(b, defaults(), always(fresh+"; Content-Type: text/html; Vary: Accept-Encoding", strings.Repeat("x", 1024)))
	benchmark(b, bench, bench.request("GET /path?q=1", browser...))
}

func BenchmarkBypass(b *testing.B) {
	bench := newBench(b, defaults(), nil)
	body := &pieces{}
	resp := gateway.Response{Status: 200, Fields: []byte("Content-Type: text/html\r\nX-A: b\r\n"), Body: body}
	bench.deps.Next = gateway.HandlerFunc(func(*gateway.Request) (*gateway.Response, error) {
		out := resp
		return &out, nil
	})
	benchmark(b, bench, bench.request("GET /path?q=1", append(browser, "If-Match: x")...))
}

func benchmark(b *testing.B, bench *bench, r *gateway.Request) {
	b.ReportAllocs()
	for b.Loop() {
		resp, err := bench.Serve(r)
		if err != nil {
			b.Fatal(err)
		}
		resp.Body.CloseWithError(nil)
	}
}

func TestQuery_NoAllocation(t *testing.T) {
	b := newBench(t, withTTL(func(r *configs.CacheRule) {
		r.KeyQuery, r.IgnoreQuery, r.BypassQuery = []string{"q"}, []string{"utm_*"}, []string{"preview"}
	}), always("", "x"))
	r := b.request("GET /?%71=1&utm%5fsource=a&z+z=2")
	hit := func() {
		resp, err := b.Serve(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.CloseWithError(nil)
	}
	hit()
	if n := testing.AllocsPerRun(200, hit); n >= 1 {
		t.Errorf("%v allocations", n)
	}
}
