package tracing

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"penknife/configs"
	"penknife/gateway"
	"penknife/uwsgiproto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeCollector is an OTLP/HTTP receiver that keeps the spans by name.
type fakeCollector struct {
	*httptest.Server
	mu     sync.Mutex
	spans  map[string]*spans.Span
	header http.Header
	fail   atomic.Bool
	block  chan struct{} // not nil: an export waits for it
}

func newCollector(t *testing.T) *fakeCollector {
	c := &fakeCollector{spans: map[string]*spans.Span{}}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var request collector.ExportTraceServiceRequest
		if err != nil || proto.Unmarshal(body, &request) != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("export to %s: %v", r.URL, err)
		}
		if c.block != nil {
			<-c.block
		}
		if c.fail.Load() {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.header = r.Header
		for _, resource := range request.ResourceSpans {
			if got := resource.Resource.String(); !strings.Contains(got, "mysite") {
				t.Errorf("resource %s", got)
			}
			for _, scope := range resource.ScopeSpans {
				for _, span := range scope.Spans {
					c.spans[span.Name] = span
				}
			}
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(c.Close)
	return c
}

// counts is the Counter.
type counts struct{ exported, dropped atomic.Int64 }

func (c *counts) SpansExported(n int) { c.exported.Add(int64(n)) }
func (c *counts) SpansDropped(n int)  { c.dropped.Add(int64(n)) }

func startTracer(t *testing.T, url string, change func(*configs.Tracing)) (*Tracer, *counts, *bytes.Buffer) {
	t.Helper()
	cfg := configs.Default().Tracing
	cfg.OTLP, cfg.ServiceName, cfg.Headers = url, "mysite", map[string]string{"x-key": "secret"}
	if change != nil {
		change(&cfg)
	}
	counter, log := &counts{}, &bytes.Buffer{}
	tracer := New(cfg, Deps{Counter: counter, Log: slog.New(slog.NewTextHandler(log, nil)), Version: "1"})
	if err := tracer.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return tracer, counter, log
}

const (
	clientTrace  = "0af7651916cd43dd8448eb211c80319c"
	clientSpan   = "b7ad6b7169203331"
	clientParent = "00-" + clientTrace + "-" + clientSpan + "-01"
)

func block(pairs ...string) (vars []byte) {
	for i := 0; i < len(pairs); i += 2 {
		vars, _ = uwsgiproto.AppendVar(vars, pairs[i], pairs[i+1])
	}
	return vars
}

// serve sends one request through a Tracer and gives the parent that the application saw.
func serve(t *testing.T, tracer *Tracer, trusted bool, vars []byte, o gateway.Outcome) (parent string, r *gateway.Request) {
	t.Helper()
	r = &gateway.Request{
		Start: time.Now().Add(-time.Second), Trusted: trusted, Method: []byte("GET"), Path: []byte("/a"), Scheme: []byte("http"),
		Vars: vars, RequestID: []byte("0f1e"), Front: gateway.FrontHTTP,
	}
	_, _ = tracer.Before(gateway.HandlerFunc(func(r *gateway.Request) (*gateway.Response, error) {
		times := 0
		for rest := uwsgiproto.Vars(r.Vars); len(rest) > 0; {
			key, value, after, err := rest.Next()
			if err != nil {
				t.Fatal(err)
			}
			if string(key) == varParent {
				parent = string(value)
				times++
			}
			rest = after
		}
		if last, _ := uwsgiproto.Vars(r.Vars).Lookup("LAST"); times != 1 || string(last) != "1" {
			t.Errorf("%d parents; LAST=%q", times, last)
		}
		r.Trace.Queue, r.Trace.App, r.Trace.Worker, r.Trace.PID, r.Trace.Engine = 10*time.Millisecond, 20*time.Millisecond, 3, 77, "app"
		return nil, nil
	})).Serve(r)
	tracer.RequestDone(r, o)
	return parent, r
}

func TestSpansOfATrustedParent(t *testing.T) {
	c := newCollector(t)
	tracer, counter, _ := startTracer(t, c.URL, nil)
	parent, r := serve(t, tracer, true, block("HTTP_TRACEPARENT", clientParent, "HTTP_TRACESTATE", "a=1", "LAST", "1"),
		gateway.Outcome{Status: 503, Sent: 5, Total: 2 * time.Second, Err: gateway.Errorf(gateway.KindOverloaded, "x")})
	if err := tracer.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	server, queue, app := c.spans["GET"], c.spans["queue"], c.spans["application"]
	if server == nil || queue == nil || app == nil || counter.exported.Load() != 3 || counter.dropped.Load() != 0 {
		t.Fatalf("%v", c.spans)
	}
	if hex.EncodeToString(server.TraceId) != clientTrace || hex.EncodeToString(server.ParentSpanId) != clientSpan || server.TraceState != "a=1" ||
		server.Kind != spans.Span_SPAN_KIND_SERVER || server.Status.Code != spans.Status_STATUS_CODE_ERROR || r.Trace.TraceID != clientTrace {
		t.Errorf("%v", server)
	}
	if want := "00-" + clientTrace + "-" + hex.EncodeToString(server.SpanId) + "-01"; parent != want {
		t.Errorf("the application saw %s, want %s", parent, want)
	}
	if state, _ := uwsgiproto.Vars(r.Vars).Lookup(varState); string(state) != "a=1" {
		t.Errorf("state %q", state)
	}
	length := func(s *spans.Span) time.Duration { return time.Duration(s.EndTimeUnixNano - s.StartTimeUnixNano) }
	for _, child := range []*spans.Span{queue, app} {
		if !bytes.Equal(child.ParentSpanId, server.SpanId) || !bytes.Equal(child.TraceId, server.TraceId) {
			t.Errorf("%v is no child", child)
		}
	}
	if length(server) != 2*time.Second || length(queue) != 10*time.Millisecond || length(app) != 20*time.Millisecond ||
		queue.EndTimeUnixNano != app.StartTimeUnixNano || queue.StartTimeUnixNano < server.StartTimeUnixNano {
		t.Errorf("times: %v, %v, %v", length(server), length(queue), length(app))
	}
	attributes := map[string]string{}
	for _, a := range server.Attributes {
		attributes[a.Key] = strings.Trim(a.Value.String(), `"`)
	}
	for key, want := range map[string]string{
		"http.request.method": "GET", "url.path": "/a", "http.response.status_code": "503", "penknife.request_id": "0f1e",
		"error.type": "overloaded", "penknife.engine": "app",
	} {
		if !strings.Contains(attributes[key], want) {
			t.Errorf("%s is %q, want %s", key, attributes[key], want)
		}
	}
	for _, key := range []string{"client.address", "server.address"} { // a unix socket without Host
		if value, ok := attributes[key]; ok {
			t.Errorf("%s is %q, and nobody said one", key, value)
		}
	}
	if c.header.Get("X-Key") != "secret" {
		t.Errorf("headers %v", c.header)
	}
}

// TestAStrangersParentIsALink: nobody outside decides what is recorded, or joins a trace of ours.
func TestAStrangersParentIsALink(t *testing.T) {
	c := newCollector(t)
	tracer, _, _ := startTracer(t, c.URL, nil)
	parent, _ := serve(t, tracer, false, block("HTTP_TRACEPARENT", clientParent, "LAST", "1"), gateway.Outcome{Status: 200})
	if err := tracer.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	server := c.spans["GET"]
	if hex.EncodeToString(server.TraceId) == clientTrace || len(server.ParentSpanId) > 0 || len(server.Links) != 1 ||
		hex.EncodeToString(server.Links[0].TraceId) != clientTrace || strings.Contains(parent, clientTrace) {
		t.Errorf("%v, the application saw %s", server, parent)
	}
}

func TestSampling(t *testing.T) {
	c := newCollector(t)
	tracer, counter, _ := startTracer(t, c.URL, func(cfg *configs.Tracing) { cfg.Sample = 0 })
	// A new trace is not recorded, and the application is told so; a trusted parent that is sampled goes on.
	if parent, _ := serve(t, tracer, false, block("LAST", "1"), gateway.Outcome{Status: 200}); !strings.HasSuffix(parent, "-00") {
		t.Errorf("the application saw %s", parent)
	}
	if parent, _ := serve(t, tracer, true, block("HTTP_TRACEPARENT", clientParent, "LAST", "1"), gateway.Outcome{Status: 200}); !strings.HasSuffix(parent, "-01") {
		t.Errorf("the application saw %s", parent)
	}
	if err := tracer.Shutdown(t.Context()); err != nil || counter.exported.Load() != 3 {
		t.Errorf("%v, %d spans", err, counter.exported.Load())
	}
}

func TestACollectorThatFailsOrHangsCostsSpansOnly(t *testing.T) {
	c := newCollector(t)
	c.fail.Store(true)
	tracer, counter, log := startTracer(t, c.URL, nil)
	serve(t, tracer, false, block("LAST", "1"), gateway.Outcome{Status: 200})
	if err := tracer.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if counter.dropped.Load() != 3 || counter.exported.Load() != 0 || !strings.Contains(log.String(), "does not take spans") {
		t.Errorf("%d dropped, log %s", counter.dropped.Load(), log)
	}

	hanging := newCollector(t)
	hanging.block = make(chan struct{})
	tracer, counter, _ = startTracer(t, hanging.URL, func(cfg *configs.Tracing) { cfg.Queue = 16 })
	for range 100 {
		serve(t, tracer, false, block("LAST", "1"), gateway.Outcome{Status: 200}) // returns, or the test hangs
	}
	if n := counter.dropped.Load(); n != 300-16 {
		t.Errorf("%d dropped", n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := tracer.Shutdown(ctx); err == nil {
		t.Error("the last spans were not exported, and nobody says so")
	}
	close(hanging.block)
}

// TestHostileRequestsCostNobodysSpans: bytes that are no text do not make the whole batch unsendable.
func TestHostileRequestsCostNobodysSpans(t *testing.T) {
	c := newCollector(t)
	tracer, counter, log := startTracer(t, c.URL, nil)
	r := &gateway.Request{
		Start: time.Now(), Method: []byte("\xff"), Path: []byte("/\xff\xfe" + strings.Repeat("é", longest)), Host: []byte("\x80"),
		Scheme: []byte("\xff"), RemoteAddr: []byte("\xff"), RequestID: []byte("\xff"), Trusted: true,
		Vars: block("HTTP_TRACEPARENT", clientParent, "HTTP_TRACESTATE", "\xff=\xff", "LAST", "1"),
	}
	tracer.begin(r)
	tracer.RequestDone(r, gateway.Outcome{Status: 200})
	if err := tracer.Shutdown(t.Context()); err != nil || counter.exported.Load() != 1 || counter.dropped.Load() != 0 {
		t.Errorf("%v, %d exported, %s", err, counter.exported.Load(), log)
	}
}

// TestAStopDoesNotWaitForTheCollector: it is tried once, and not for as long as requests get to end.
func TestAStopDoesNotWaitForTheCollector(t *testing.T) {
	hanging := newCollector(t)
	hanging.block = make(chan struct{})
	defer close(hanging.block)
	tracer, _, _ := startTracer(t, hanging.URL, func(cfg *configs.Tracing) { cfg.Timeout = 200 * time.Millisecond })
	serve(t, tracer, false, block("LAST", "1"), gateway.Outcome{Status: 200})
	begin := time.Now()
	if err := tracer.Shutdown(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("after %v: %v", time.Since(begin), err)
	}
}

func TestRefusedRequestsHaveNoSpan(t *testing.T) {
	c := newCollector(t)
	tracer, counter, _ := startTracer(t, c.URL, nil)
	tracer.RequestDone(&gateway.Request{}, gateway.Outcome{Status: 400})
	if err := tracer.Shutdown(t.Context()); err != nil || counter.exported.Load() != 0 {
		t.Errorf("%v, %d", err, counter.exported.Load())
	}
}

// Truth: https://www.w3.org/TR/trace-context/ sections 3.2.2 and 4.3.
func TestParseContext(t *testing.T) {
	for text, valid := range map[string]bool{
		clientParent: true, "00-" + clientTrace + "-" + clientSpan + "-00": true,
		"cc-" + clientTrace + "-" + clientSpan + "-01-what-the-future": true, "cc-" + clientTrace + "-" + clientSpan + "-01": true,
		"cc-" + clientTrace + "-" + clientSpan + "-01.x": false, clientParent + "-x": false, "ff-" + clientTrace + "-" + clientSpan + "-01": false,
		"00-" + strings.ToUpper(clientTrace) + "-" + clientSpan + "-01": false, "00-" + strings.Repeat("0", 32) + "-" + clientSpan + "-01": false,
		"00-" + clientTrace + "-" + strings.Repeat("0", 16) + "-01": false, "": false, "00": false, "0g-" + clientTrace + "-" + clientSpan + "-01": false,
		"00-" + clientTrace + "-" + clientSpan + "-0x": false, clientParent[:54]: false,
	} {
		if got := parseContext(text, ""); got.IsValid() != valid {
			t.Errorf("%q: %v", text, got)
		}
	}
	if got := parseContext(clientParent, "a=1,,"); !got.IsValid() || got.TraceState().Len() > 1 {
		t.Errorf("a broken state: %v", got)
	}
	twice := findContext(&gateway.Request{Vars: block(varParent, clientParent, varParent, clientParent)})
	if twice.IsValid() {
		t.Error("two parents")
	}
}

func FuzzReplaceContext(f *testing.F) {
	f.Add(block(varParent, clientParent, "A", "b"))
	f.Add([]byte{1, 0, 'x'})
	f.Fuzz(func(t *testing.T, vars []byte) {
		sc := findContext(&gateway.Request{Vars: vars})
		got := replaceContext(vars, sc)
		scanner := uwsgiproto.NewScanner(vars, 1<<20)
		for scanner.Scan() {
		}
		if scanner.Err != nil {
			return
		}
		parents := 0
		again := uwsgiproto.NewScanner(got, 1<<20)
		for again.Scan() {
			if string(again.Key) == varParent {
				parents++
			}
		}
		if again.Err != nil || parents != 1 {
			t.Errorf("%v, %d parents", again.Err, parents)
		}
	})
}
