package access

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"penknife/clients"
	"penknife/configs"
	"penknife/gateway"
	"penknife/sockets"
)

// bench is a handler with what it tells, in front of one that answers with no response.
type bench struct {
	*Handler
	rates  *clients.Rates
	log    bytes.Buffer
	denied []string
}

func (b *bench) Denied(rule string) { b.denied = append(b.denied, rule) }

func newBench(t *testing.T, proxies ...string) *bench {
	t.Helper()
	trusted, err := sockets.ParseSet(proxies)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{rates: clients.NewRates()}
	next := gateway.HandlerFunc(func(*gateway.Request) (*gateway.Response, error) { return nil, nil })
	b.Handler = New(Deps{Next: next, Rates: b.rates, Proxies: trusted, Counter: b, Log: slog.New(slog.NewTextHandler(&b.log, nil))})
	return b
}

// ask gives the status that a client gets, 0 when the request passes.
func (b *bench) ask(r *gateway.Request) int {
	if _, err := b.Serve(r); err != nil {
		return gateway.KindOf(err).Status()
	}
	return 0
}

func from(client, path string) *gateway.Request {
	return &gateway.Request{ID: 7, RemoteAddr: []byte(client), Path: []byte(path), Target: []byte(path), Front: gateway.FrontHTTP, Start: time.Now()}
}

// TestForbidden: 403 with a line and a counter, and no word to the client about the rule.
func TestForbidden(t *testing.T) {
	b := newBench(t)
	if err := b.Configure([]configs.Access{allow("/admin/", "10.0.0.0/8")}); err != nil {
		t.Fatal(err)
	}
	for client, want := range map[string]int{"203.0.113.9": 403, "10.0.0.1": 0, "::ffff:10.0.0.1": 0, "": 403, "unix:": 403, "nonsense": 403} {
		if got := b.ask(from(client, "/admin/x")); got != want {
			t.Errorf("%q: %d, want %d", client, got, want)
		}
	}
	if len(b.denied) != 4 || b.denied[0] != "/admin/" {
		t.Errorf("%q", b.denied)
	}
	if text := b.log.String(); strings.Count(text, `msg="request forbidden" reason=access path=/admin/ client=`) != 4 || !strings.Contains(text, "client=203.0.113.9 request=7") {
		t.Errorf("the log says\n%s", text)
	}
	r := from("203.0.113.9", "/admin/x")
	_, err := b.Serve(r)
	page, _ := gateway.PageFor(err)
	if page.Text != "403 Forbidden\n" || page.Close || r.Trace.Engine != "access" {
		t.Errorf("%+v, engine %q", page, r.Trace.Engine)
	}
	if err := b.Configure([]configs.Access{allow("/", "nonsense")}); err == nil || b.ask(from("203.0.113.9", "/admin/x")) != 403 {
		t.Error("a bad list was taken, or the old one is gone")
	}
	if err := b.Configure(nil); err != nil || b.ask(from("203.0.113.9", "/admin/x")) != 0 {
		t.Errorf("rules that are gone hold on: %v", err)
	}
}

// TestTooMany: 429 with the time to wait, for the client's address and not for the proxy's own.
func TestTooMany(t *testing.T) {
	b := newBench(t, "10.0.0.0/8")
	b.rates.Configure(1, 2, 1000)
	ask := func(r *gateway.Request, n int) (refused int) {
		for range n {
			if b.ask(r) == 429 {
				refused++
			}
		}
		return refused
	}
	proxy := from("10.0.0.1", "/")
	if got := ask(proxy, 10); got != 8 { // its address is forged, or that of a client
		t.Errorf("%d refused", got)
	}
	proxy.RemoteAddr, proxy.Trusted = []byte("10.0.0.2"), true
	if got := ask(proxy, 10); got != 0 {
		t.Errorf("%d of a trusted proxy refused", got)
	}
	client := from("203.0.113.9", "/")
	client.Trusted = true // its proxy is
	if got := ask(client, 10); got != 8 {
		t.Errorf("%d refused", got)
	}
	behind := from("10.0.0.3", "/")
	behind.Trusted, behind.Front = true, gateway.FrontUwsgi // trusted_proxies are those of HTTP
	if got := ask(behind, 10); got != 8 {
		t.Errorf("%d refused", got)
	}
	if got := ask(from("", "/"), 10); got != 0 {
		t.Errorf("%d of nobody refused", got)
	}
	_, err := b.Serve(client)
	page, _ := gateway.PageFor(err)
	if page.Status != 429 || page.RetryAfter != "1" || !strings.Contains(page.Text, "too many requests from your address") {
		t.Errorf("%+v", page)
	}
	if text := b.log.String(); !strings.Contains(text, `msg="too many requests" reason=limits.client_rate client=203.0.113.9`) {
		t.Errorf("the log says\n%s", text)
	}
}

// TestOffCostsNothing: no allocation, and the answer of what stands behind is passed on, one that comes later too.
func TestOffCostsNothing(t *testing.T) {
	b := newBench(t)
	b.deps.Next = gateway.HandlerFunc(func(*gateway.Request) (*gateway.Response, error) { return nil, gateway.ErrPending })
	r := from("203.0.113.9", "/")
	if n := testing.AllocsPerRun(100, func() { _, _ = b.Serve(r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if _, err := b.Serve(r); !errors.Is(err, gateway.ErrPending) {
		t.Errorf("%v", err)
	}
}

func BenchmarkRules(bench *testing.B) {
	h := New(Deps{Next: gateway.HandlerFunc(func(*gateway.Request) (*gateway.Response, error) { return nil, nil }), Rates: clients.NewRates()})
	if err := h.Configure([]configs.Access{allow("/admin/", "10.0.0.0/8"), allow("/", "all")}); err != nil {
		bench.Fatal(err)
	}
	for path, name := range map[string]string{"/blog/2026/11": "plain", "/wiki/Main_Page": "folded", "/a/../b": "odd"} {
		bench.Run(name, func(bench *testing.B) {
			r := from("203.0.113.9", path)
			for bench.Loop() {
				_, _ = h.Serve(r)
			}
		})
	}
}
