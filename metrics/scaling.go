package metrics

import "github.com/prometheus/client_golang/prometheus"

func newScaled(registry *prometheus.Registry) *bounded {
	return newBounded(registry, prometheus.CounterOpts{
		Name: "penknife_scaling_total",
		Help: "Changes of the number of workers that are wanted, by direction and reason.",
	}, "direction", "reason")
}

// Scaled counts a change of the number of workers that are wanted. Direction is up or down, reason one of the manager's
// few constant texts.
func (w *Workers) Scaled(direction, reason string) { w.scaled.inc(direction, reason) }

// WatchScaling makes gauges of how many workers are wanted, and how many there may be. The functions are called at each
// scrape, from any goroutine, and must not block. WatchScaling may be called once.
func (w *Workers) WatchScaling(wanted, least, most func() int) {
	gauge := func(name, help string, value func() int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(value()) })
	}
	w.registry.MustRegister(
		gauge("penknife_workers_wanted", "Worker processes that there shall be now.", wanted),
		gauge("penknife_workers_min", "Worker processes that there shall be at least.", least),
		gauge("penknife_workers_max", "Worker processes that there may be.", most),
	)
}
