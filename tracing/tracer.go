package tracing

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"penknife/configs"
	"penknife/gateway"
)

// Counter is told what becomes of spans. Its methods must not block; they are called from many goroutines.
type Counter interface {
	// SpansExported: the collector took them.
	SpansExported(n int)
	// SpansDropped: they are lost, because the queue was full or the collector did not take them.
	SpansDropped(n int)
}

// Deps is what a Tracer needs from the rest of the process.
type Deps struct {
	Counter Counter
	Log     *slog.Logger
	Version string // of penknife
}

// Tracer makes spans. Start must be called before the first request, Shutdown after the last.
type Tracer struct {
	cfg      configs.Tracing
	deps     Deps
	provider *sdk.TracerProvider // nil before Start
	client   sdk.SpanExporter    // speaks to the collector; as provider
	tracer   trace.Tracer
	pending  atomic.Int64 // spans that ended and were not exported yet
}

// New makes a Tracer that does nothing yet.
func New(cfg configs.Tracing, deps Deps) *Tracer { return &Tracer{cfg: cfg, deps: deps} }

// Start begins to export. It does not connect to the collector: that may start later.
func (t *Tracer) Start(ctx context.Context) error {
	client, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(t.cfg.Endpoint()),
		otlptracehttp.WithHeaders(t.cfg.Headers), otlptracehttp.WithTimeout(t.cfg.Timeout))
	if err != nil {
		return fmt.Errorf("tracing: %w", err)
	}
	t.client = client
	host, _ := os.Hostname()
	batches := sdk.NewBatchSpanProcessor(&exporter{SpanExporter: client, t: t},
		sdk.WithMaxQueueSize(t.cfg.Queue), sdk.WithMaxExportBatchSize(min(t.cfg.Queue, maxBatch)), sdk.WithBatchTimeout(batchTime))
	t.provider = sdk.NewTracerProvider(
		sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(float64(t.cfg.Sample)))),
		sdk.WithSpanProcessor(&bounded{SpanProcessor: batches, t: t}),
		sdk.WithResource(resource.NewSchemaless(
			attribute.String("service.name", t.cfg.ServiceName), attribute.String("host.name", host),
			attribute.Int("process.pid", os.Getpid()),
		)),
	)
	t.tracer = t.provider.Tracer("penknife", trace.WithInstrumentationVersion(t.deps.Version))
	return nil
}

// lastSpans is how long a stop waits for the collector at most: spans are not worth a late restart.
const lastSpans = 3 * time.Second

// Shutdown exports what is left, until ctx ends or the collector has had the time of one request.
func (t *Tracer) Shutdown(ctx context.Context) error {
	if t.provider == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, min(t.cfg.Timeout, lastSpans))
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		_ = t.client.Shutdown(ctx) // ends what is under way
		return fmt.Errorf("export the last spans: %w", err)
	}
	return nil
}

// traced is what the Tracer keeps with a request.
type traced struct {
	ctx     context.Context // of span
	span    trace.Span
	entered time.Time // when the request was handed to the engines
}

// Before begins a span for each request and passes it on.
func (t *Tracer) Before(next gateway.Handler) gateway.Handler {
	return gateway.HandlerFunc(func(r *gateway.Request) (*gateway.Response, error) {
		t.begin(r)
		return next.Serve(r)
	})
}

func (t *Tracer) begin(r *gateway.Request) {
	options := []trace.SpanStartOption{trace.WithTimestamp(r.Start), trace.WithSpanKind(trace.SpanKindServer)}
	ctx, peer := context.Background(), findContext(r)
	switch {
	case peer.IsValid() && r.Trusted:
		ctx = trace.ContextWithRemoteSpanContext(ctx, peer)
	case peer.IsValid():
		options = append(options, trace.WithLinks(trace.Link{SpanContext: peer}))
	}
	ctx, span := t.tracer.Start(ctx, methodOf(r), options...)
	r.Span = &traced{ctx: ctx, span: span, entered: time.Now()}
	r.Trace.TraceID = span.SpanContext().TraceID().String()
	r.Vars = replaceContext(r.Vars, span.SpanContext())
}

// methodOf is the name of a server's span without a route, and the method as the conventions have it: what is no method
// of RFC 9110 or RFC 5789 is _OTHER, since anybody can invent some.
func methodOf(r *gateway.Request) string {
	switch method := string(r.Method); method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodConnect, http.MethodOptions,
		http.MethodTrace, http.MethodPatch:
		return method
	}
	return "_OTHER"
}

// RequestDone ends the spans of a request. One that reached no handler, since the front end refused it, has none.
func (t *Tracer) RequestDone(r *gateway.Request, o gateway.Outcome) {
	own, ok := r.Span.(*traced)
	if !ok {
		return
	}
	end := r.Start.Add(o.Total)
	if own.span.IsRecording() {
		t.children(own, r, end)
		describe(own.span, r, o)
	}
	own.span.End(trace.WithTimestamp(end))
}

// children makes the spans of queue and application. The engines say how long each was; when the first began is known for
// a request without a body. With one, its arrival came before, and the two are put at the end.
func (t *Tracer) children(own *traced, r *gateway.Request, end time.Time) {
	if r.Trace.Queue+r.Trace.App <= 0 {
		return
	}
	begin := own.entered
	if r.ContentLength != 0 {
		if late := end.Add(-r.Trace.Queue - r.Trace.App); late.After(begin) {
			begin = late
		}
	}
	claimed := begin.Add(r.Trace.Queue)
	_, queue := t.tracer.Start(own.ctx, "queue", trace.WithTimestamp(begin))
	queue.End(trace.WithTimestamp(claimed))
	if r.Trace.Worker == 0 {
		return
	}
	_, app := t.tracer.Start(own.ctx, "application", trace.WithTimestamp(claimed), trace.WithAttributes(
		attribute.Int("penknife.worker", r.Trace.Worker-1), attribute.Int("process.pid", r.Trace.PID)))
	app.End(trace.WithTimestamp(claimed.Add(r.Trace.App)))
}

// longest is the most of what a client sent that an attribute has, in bytes.
const longest = 4096

// foreign is an attribute of what a client sent. Protocol Buffers refuse text that is not UTF-8, and with it all the spans
// of a batch, those of others included.
func foreign(name string, value []byte) attribute.KeyValue {
	value = value[:min(len(value), longest)]
	return attribute.String(name, string(bytes.ToValidUTF8(value, []byte("\uFFFD"))))
}

// describe sets the attributes of OpenTelemetry's conventions for HTTP servers. The query is left out: it is where
// secrets are.
func describe(span trace.Span, r *gateway.Request, o gateway.Outcome) {
	attributes := []attribute.KeyValue{
		attribute.String("http.request.method", methodOf(r)),
		foreign("url.path", r.Path), foreign("url.scheme", r.Scheme),
		attribute.Int64("http.response.body.size", max(o.Sent, 0)),
		attribute.String("penknife.front", r.Front.String()), foreign("penknife.request_id", r.RequestID),
	}
	if len(r.RemoteAddr) > 0 {
		attributes = append(attributes, foreign("client.address", r.RemoteAddr))
	}
	if len(r.Host) > 0 {
		attributes = append(attributes, foreign("server.address", r.Host))
	}
	if o.Status != 0 {
		attributes = append(attributes, attribute.Int("http.response.status_code", o.Status))
	}
	if r.Trace.Engine != "" {
		attributes = append(attributes, attribute.String("penknife.engine", r.Trace.Engine))
	}
	if r.Trace.Cache != "" {
		attributes = append(attributes, attribute.String("penknife.cache", r.Trace.Cache))
	}
	switch {
	case o.Err != nil:
		kind := gateway.KindOf(o.Err)
		attributes = append(attributes, attribute.String("error.type", kind.String()))
		if status := kind.Status(); status == 0 || status >= 500 {
			span.SetStatus(codes.Error, kind.String())
		}
	case o.Status >= 500:
		attributes = append(attributes, attribute.String("error.type", strconv.Itoa(o.Status)))
		span.SetStatus(codes.Error, "")
	}
	span.SetAttributes(attributes...)
}
