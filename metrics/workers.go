package metrics

import "github.com/prometheus/client_golang/prometheus"

// Workers is fed by the worker manager.
type Workers struct {
	starts   prometheus.Counter
	ready    prometheus.Gauge
	deaths   *bounded
	registry *prometheus.Registry
}

func newWorkers(registry *prometheus.Registry) *Workers {
	w := &Workers{
		starts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "penknife_worker_starts_total",
			Help: "Worker processes that were started.",
		}),
		ready: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "penknife_workers",
			Help: "Worker processes that are alive.",
		}),
		deaths: newBounded(registry, prometheus.CounterOpts{
			Name: "penknife_worker_deaths_total",
			Help: "Worker processes that ended, by cause.",
		}, "cause"),
		registry: registry,
	}
	registry.MustRegister(w.starts, w.ready)
	return w
}

// Started counts a worker process that was started.
func (w *Workers) Started() {
	w.starts.Inc()
	w.ready.Inc()
}

// Ended counts the end of a worker process. Cause is one of the manager's few constant texts.
func (w *Workers) Ended(cause string) {
	w.ready.Dec()
	w.deaths.inc(cause)
}

// Queue makes the number of requests that are queued or running a gauge. It is called at each scrape, from any
// goroutine, and must not block. Queue may be called once.
func (w *Workers) Queue(inFlight func() int) {
	w.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "penknife_queue_requests",
		Help: "Requests that wait for a worker or are in the application.",
	}, func() float64 { return float64(inFlight()) }))
}
