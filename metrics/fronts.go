package metrics

import "github.com/prometheus/client_golang/prometheus"

// Fronts is fed by the front ends, each through its own Front.
type Fronts struct {
	all []Front
}

// Front counts for one protocol. It has the methods that the front ends ask for.
type Front struct {
	name     string
	open     prometheus.Gauge
	accepted prometheus.Counter
	refused  map[string]prometheus.Counter // by reason
	idle     prometheus.Counter
	protocol *bounded
	tls      *TLS
}

func newFronts(registry *prometheus.Registry, names []string, encryption *TLS, refusals []string) *Fronts {
	open := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "penknife_connections",
		Help: "Client connections that are open.",
	}, []string{"front"})
	accepted := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "penknife_connections_accepted_total",
		Help: "Client connections that were accepted.",
	}, []string{"front"})
	refused := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "penknife_connections_refused_total",
		Help: "Client connections that were not served, by reason.",
	}, []string{"front", "reason"})
	idle := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "penknife_connections_idle_closed_total",
		Help: "Client connections that were closed after limits.idle_timeout without a request.",
	}, []string{"front"})
	registry.MustRegister(open, accepted, refused, idle)
	protocol := newBounded(registry, prometheus.CounterOpts{
		Name: "penknife_protocol_errors_total",
		Help: "Requests that broke the rules of their protocol or were over a limit, by reason.",
	}, "front", "reason")
	// Index 0 counts for nobody: no series shows it.
	nobody := Front{
		name: names[0], open: prometheus.NewGauge(prometheus.GaugeOpts{}), protocol: protocol,
		accepted: prometheus.NewCounter(prometheus.CounterOpts{}), idle: prometheus.NewCounter(prometheus.CounterOpts{}),
		tls: encryption,
	}
	f := &Fronts{all: []Front{nobody}}
	for _, name := range names[1:] {
		of := map[string]prometheus.Counter{}
		for _, reason := range refusals {
			of[reason] = refused.WithLabelValues(name, reason)
		}
		f.all = append(f.all, Front{
			name: name, open: open.WithLabelValues(name), accepted: accepted.WithLabelValues(name),
			refused: of, idle: idle.WithLabelValues(name), protocol: protocol,
			tls: encryption,
		})
	}
	return f
}

// Of gives the counters of one front, an index of Names.Fronts.
func (f *Fronts) Of(front int) *Front { return &f.all[within(front, len(f.all))] }

// ConnectionOpened counts a connection that was accepted.
func (f *Front) ConnectionOpened() {
	f.open.Inc()
	f.accepted.Inc()
}

// ConnectionClosed counts the end of a connection that was accepted.
func (f *Front) ConnectionClosed() { f.open.Dec() }

// ConnectionRefused counts a connection that was not served. Reason is one of Names.Refusals; no other is counted.
func (f *Front) ConnectionRefused(reason string) {
	if counter := f.refused[reason]; counter != nil {
		counter.Inc()
	}
}

// ConnectionIdle counts a connection that was closed for want of a request.
func (f *Front) ConnectionIdle() { f.idle.Inc() }

// TLSHandshake counts one that is over.
func (f *Front) TLSHandshake(result string) { f.tls.Handshake(result) }

// ProtocolError counts a request that broke the protocol. Reason is one of the front end's few constant texts.
func (f *Front) ProtocolError(reason string) { f.protocol.inc(f.name, reason) }
