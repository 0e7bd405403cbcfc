package metrics

import "github.com/prometheus/client_golang/prometheus"

// Fronts is fed by the front ends.
type Fronts struct {
	names    []string
	open     []prometheus.Gauge
	accepted []prometheus.Counter
	protocol *bounded
}

func newFronts(registry *prometheus.Registry, names []string) *Fronts {
	open := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "penknife_connections",
		Help: "Client connections that are open.",
	}, []string{"front"})
	accepted := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "penknife_connections_accepted_total",
		Help: "Client connections that were accepted.",
	}, []string{"front"})
	registry.MustRegister(open, accepted)
	f := &Fronts{
		names: names,
		protocol: newBounded(registry, prometheus.CounterOpts{
			Name: "penknife_protocol_errors_total",
			Help: "Requests that broke the rules of their protocol or were over a limit, by reason.",
		}, "front", "reason"),
	}
	for _, name := range names {
		f.open = append(f.open, open.WithLabelValues(name))
		f.accepted = append(f.accepted, accepted.WithLabelValues(name))
	}
	return f
}

// Opened counts a connection that was accepted. Front is an index of Names.Fronts.
func (f *Fronts) Opened(front int) {
	front = within(front, len(f.names))
	f.open[front].Inc()
	f.accepted[front].Inc()
}

// Closed counts a connection that ended.
func (f *Fronts) Closed(front int) { f.open[within(front, len(f.names))].Dec() }

// Refused counts a request that broke the protocol. Reason is one of the front end's few constant texts.
func (f *Fronts) Refused(front int, reason string) {
	f.protocol.inc(f.names[within(front, len(f.names))], reason)
}
