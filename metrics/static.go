package metrics

import "github.com/prometheus/client_golang/prometheus"

// Static is fed by the static file server.
type Static struct {
	registry *prometheus.Registry
	answers  []prometheus.Counter
}

func newStatic(registry *prometheus.Registry, outcomes []string) *Static {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "penknife_static_requests_total",
		Help: "Requests below the mounts of static, by how they were answered.",
	}, []string{"outcome"})
	registry.MustRegister(vec)
	s := &Static{registry: registry, answers: make([]prometheus.Counter, len(outcomes))}
	s.answers[0] = prometheus.NewCounter(prometheus.CounterOpts{}) // counts for nobody: no series shows it
	for i, name := range outcomes[1:] {
		s.answers[i+1] = vec.WithLabelValues(name)
	}
	return s
}

// Answered counts a request. How is an index of Names.Static.
func (s *Static) Answered(how int) { s.answers[within(how, len(s.answers))].Inc() }

// Watch shows what the files in memory take, which held gives. It is called once.
func (s *Static) Watch(held func() int64) {
	s.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "penknife_static_memory_bytes",
		Help: "Bytes of memory that static files take.",
	}, func() float64 { return float64(held()) }))
}
