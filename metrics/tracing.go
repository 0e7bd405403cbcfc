package metrics

import "github.com/prometheus/client_golang/prometheus"

// Tracing is fed by the tracer.
type Tracing struct{ exported, dropped prometheus.Counter }

func newTracing(registry *prometheus.Registry) *Tracing {
	spans := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "penknife_tracing_spans_total",
		Help: "Spans that were taken by the collector, or dropped because it did not take them or tracing.queue was full.",
	}, []string{"result"})
	registry.MustRegister(spans)
	return &Tracing{exported: spans.WithLabelValues("exported"), dropped: spans.WithLabelValues("dropped")}
}

// SpansExported counts spans that the collector took.
func (t *Tracing) SpansExported(n int) { t.exported.Add(float64(n)) }

// SpansDropped counts spans that are lost.
func (t *Tracing) SpansDropped(n int) { t.dropped.Add(float64(n)) }
