package cache

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"penknife/cache/store"
	"penknife/configs"
	"penknife/gateway"
	"penknife/uwsgiproto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a clock that tests move.
type clock struct{ nanos atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.nanos.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time           { return time.Unix(0, c.nanos.Load()) }
func (c *clock) advance(by time.Duration) { c.nanos.Add(int64(by)) }

// app is an application: what it answers, and how often it was asked.
type app struct {
	mu     sync.Mutex
	calls  int
	seen   []map[string]string // the variables of each call
	answer func(call int, vars map[string]string) reply
}

// reply is an answer of the application.
type reply struct {
	status int
	fields string // lines with "; " between them, for short tests
	body   string
	err    error
	parts  []string      // a body that comes in pieces
	cut    bool          // and ends too early
	gate   chan struct{} // closed: the answer may be given
	length int64         // of a body in pieces; 0: not announced
}

// queued is how long each request waited for a worker.
const queued = time.Millisecond

func (a *app) Serve(r *gateway.Request) (*gateway.Response, error) {
	vars := map[string]string{}
	for rest := uwsgiproto.Vars(r.Vars); len(rest) > 0; {
		key, value, next, err := rest.Next()
		if err != nil {
			return nil, err
		}
		vars[string(key)] = string(value)
		rest = next
	}
	a.mu.Lock()
	a.calls++
	call := a.calls
	a.seen = append(a.seen, vars)
	a.mu.Unlock()
	given := a.answer(call, vars)
	r.Trace.Engine, r.Trace.Queue = "app", queued
	if later := r.Later; later != nil {
		go func() { later(given.await()) }() // ends with the call
		return nil, gateway.ErrPending
	}
	return given.await()
}

func (g reply) await() (*gateway.Response, error) {
	if g.gate != nil {
		<-g.gate
	}
	if g.err != nil {
		return nil, g.err
	}
	return g.response(), nil
}

func (g reply) response() *gateway.Response {
	status := g.status
	if status == 0 {
		status = 200
	}
	var fields strings.Builder
	for _, line := range strings.Split(g.fields, "; ") {
		if line != "" {
			fields.WriteString(line + "\r\n")
		}
	}
	resp := &gateway.Response{Status: status, Reason: []byte("OK"), Fields: []byte(fields.String())}
	if g.parts != nil {
		resp.Length = -1
		if g.length > 0 {
			resp.Length = g.length
		}
		resp.Body = &pieces{parts: slices.Clone(g.parts), cut: g.cut}
		return resp
	}
	resp.Length, resp.Whole, resp.Body = int64(len(g.body)), []byte(g.body), &pieces{}
	return resp
}

func (a *app) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.calls
}

func (a *app) last() map[string]string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.seen[len(a.seen)-1]
}

// pieces is a body that comes in parts; it counts how often it was closed.
type pieces struct {
	parts  []string
	cut    bool
	closed atomic.Int32
}

var errCut = errors.New("the application failed")

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.parts) == 0 {
		if p.cut {
			return 0, errCut
		}
		return 0, io.EOF
	}
	n := copy(b, p.parts[0])
	if p.parts[0] = p.parts[0][n:]; p.parts[0] == "" {
		p.parts = p.parts[1:]
	}
	return n, nil
}

func (p *pieces) CloseWithError(error) { p.closed.Add(1) }

// bench is a handler with its surroundings.
type bench struct {
	*Handler
	app   *app
	clock *clock
	tally *tally
}

// tally counts what the handler tells.
type tally struct {
	mu       sync.Mutex
	outcomes map[Outcome]int
	reasons  map[Reason]int
	removed  int
}

func (c *tally) Answered(outcome, _ int, _ time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outcomes[Outcome(outcome)]++
}

func (c *tally) Kept(reason int, _ int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reasons[Reason(reason)]++
}

func (c *tally) Invalidated(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.removed += n
}

func (c *tally) of(o Outcome) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.outcomes[o]
}

func defaults() configs.Cache {
	cfg := configs.Default().Cache
	cfg.Enabled, cfg.Size = true, 16<<20
	return cfg
}

func newBench(t testing.TB, cfg configs.Cache, answer func(call int, vars map[string]string) reply) *bench {
	t.Helper()
	b := &bench{app: &app{answer: answer}, clock: newClock(), tally: &tally{outcomes: map[Outcome]int{}, reasons: map[Reason]int{}}}
	kept, err := store.New(store.Options{Namespace: "http", Limit: int64(cfg.Size), LimitName: "cache.size", View: View, Now: b.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	b.Handler = New(cfg, Deps{Next: b.app, Store: kept, Counter: b.tally, Now: b.clock.now})
	t.Cleanup(func() {
		if err := b.Shutdown(t.Context()); err != nil && t.Context().Err() == nil {
			t.Errorf("shutdown: %v", err)
		}
	})
	return b
}

// always answers the same.
func always(fields, body string) func(int, map[string]string) reply {
	return func(int, map[string]string) reply { return reply{fields: fields, body: body} }
}

// got is an answer as a client has it.
type got struct {
	status int
	fields string
	body   string
	cut    error
	trace  gateway.Trace
}

// field gives the value of a field, of several the last.
func (g got) field(name string) string {
	value := ""
	for rest := []byte(g.fields); len(rest) > 0; {
		var line fieldLine
		if line, rest = nextLine(rest); line.isNamed(strings.ToLower(name)) {
			value = string(line.value)
		}
	}
	return value
}

// request makes one: "GET http://host/path?query", then "Name: value" lines, or "NAME=value" for other variables.
func (b *bench) request(line string, lines ...string) *gateway.Request {
	method, target, _ := strings.Cut(line, " ")
	scheme, rest, found := strings.Cut(target, "://")
	host := "example.com"
	if found {
		host, target, _ = strings.Cut(rest, "/")
		target = "/" + target
	} else {
		scheme = "http"
	}
	path, query, _ := strings.Cut(target, "?")
	r := &gateway.Request{
		ID: 1, Start: b.clock.now(), Method: []byte(method), Target: []byte(target), Path: []byte(path), Query: []byte(query),
		Host: []byte(host), Scheme: []byte(scheme), Trace: gateway.Trace{TraceID: clientTrace},
	}
	vars := []string{"REQUEST_METHOD", method, "REQUEST_URI", target, "PATH_INFO", path, "QUERY_STRING", query, "HTTP_HOST", host}
	for _, text := range lines {
		if name, value, ok := strings.Cut(text, ": "); ok {
			vars = append(vars, variableOf([]byte(name)), value)
		} else {
			name, value, _ := strings.Cut(text, "=")
			vars = append(vars, name, value)
		}
	}
	for i := 0; i < len(vars); i += 2 {
		r.Vars, _ = uwsgiproto.AppendVar(r.Vars, vars[i], vars[i+1])
	}
	return r
}

// clientTrace is the trace that every request belongs to, whoever answers it.
const clientTrace = "4bf92f3577b34da6a3ce929d0e0e4736"

// do makes a request and takes the whole answer.
func (b *bench) do(t testing.TB, line string, lines ...string) got {
	t.Helper()
	r := b.request(line, lines...)
	resp, err := b.Serve(r)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	g := take(r, resp)
	if g.trace.TraceID != clientTrace {
		t.Errorf("%s: the trace became %q", line, g.trace.TraceID)
	}
	return g
}

func take(r *gateway.Request, resp *gateway.Response) got {
	g := got{status: resp.Status, fields: string(resp.Fields)}
	if resp.Whole != nil {
		g.body = string(resp.Whole)
	} else {
		var body bytes.Buffer
		_, g.cut = io.Copy(&body, resp.Body)
		g.body = body.String()
	}
	resp.Body.CloseWithError(nil)
	g.trace = r.Trace
	return g
}

// expect checks what a request gets, and how often the application was asked so far.
func (b *bench) expect(t testing.TB, g got, cacheStatus string, calls int) {
	t.Helper()
	if status := g.field("Cache-Status"); status != "penknife; "+cacheStatus {
		t.Errorf("Cache-Status %q, want %q", status, cacheStatus)
	}
	if n := b.app.count(); n != calls {
		t.Errorf("the application was asked %d times, want %d", n, calls)
	}
}

func number(n int) string { return strconv.Itoa(n) }
