package tracing

import (
	"context"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
)

const (
	// maxBatch is the most spans that one request to the collector has.
	maxBatch = 512
	// batchTime is how long spans wait for others.
	batchTime = 2 * time.Second
)

// bounded is a SpanProcessor that drops spans, and counts them, when the batch processor behind it has as many as its
// queue takes. That one would drop too, but tell nobody.
type bounded struct {
	sdk.SpanProcessor
	t *Tracer
}

// OnEnd implements sdk.SpanProcessor.
func (b *bounded) OnEnd(s sdk.ReadOnlySpan) {
	if !s.SpanContext().IsSampled() {
		return
	}
	if b.t.pending.Add(1) > int64(b.t.cfg.Queue) {
		b.t.pending.Add(-1)
		b.t.deps.Counter.SpansDropped(1)
		return
	}
	b.SpanProcessor.OnEnd(s)
}

// exporter counts what the collector took and what it did not. The batch processor's goroutine calls it.
type exporter struct {
	sdk.SpanExporter
	t     *Tracer
	said  time.Time // when a failure was logged
	quiet int       // spans lost since
}

// complainEvery is how often it is logged that the collector does not take spans.
const complainEvery = 30 * time.Second

// ExportSpans implements sdk.SpanExporter. It gives no error: the processor would hand it to a global handler.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	e.t.pending.Add(-int64(len(spans)))
	if err == nil {
		e.t.deps.Counter.SpansExported(len(spans))
		return nil
	}
	e.t.deps.Counter.SpansDropped(len(spans))
	e.quiet += len(spans)
	if now := time.Now(); now.Sub(e.said) >= complainEvery {
		e.t.deps.Log.Warn("tracing: the collector does not take spans", "lost", e.quiet, "error", err)
		e.said, e.quiet = now, 0
	}
	return nil
}
