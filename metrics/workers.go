package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// startBuckets are for the start of a worker, in seconds: a fork takes milliseconds, an import may take a minute.
var startBuckets = []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}

// Workers is fed by the worker manager. It has the methods that the manager asks for.
type Workers struct {
	starts   prometheus.Counter
	took     prometheus.Observer
	exits    *bounded
	retired  *bounded
	ended    *bounded
	slow     prometheus.Counter
	cut      prometheus.Counter
	scaled   *bounded
	overdue  prometheus.Counter
	inMemory prometheus.Counter
	inFile   prometheus.Counter
	output   prometheus.Counter // lines that were dropped
	registry *prometheus.Registry
}

func newWorkers(registry *prometheus.Registry, names Names) *Workers {
	starts := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "penknife_worker_starts_total",
		Help: "Worker processes that became ready.",
	})
	took := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "penknife_worker_start_duration_seconds",
		Help:    "From the order of a worker until it was ready.",
		Buckets: startBuckets,
	})
	overdue := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "penknife_requests_overdue_total",
		Help: "Requests that passed workers.request_timeout in the application.",
	})
	spooled := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "penknife_request_body_bytes_total",
		Help: "Bytes of request bodies that were received completely, by where they waited for a worker.",
	}, []string{"spool"})
	output := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "penknife_log_app_dropped_total",
		Help: "Lines of the application's output beyond log.app_rate.",
	})
	slow := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "penknife_requests_slow_total",
		Help: "Requests that took the application longer than log.slow, while they ran.",
	})
	cut := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "penknife_requests_cut_total",
		Help: "Requests that were cut in a worker at the end of workers.grace_period.",
	})
	registry.MustRegister(slow, cut, starts, took, overdue, spooled, output)
	w := &Workers{
		starts: starts, took: took, overdue: overdue, slow: slow, cut: cut, output: output,
		inMemory: spooled.WithLabelValues("memory"), inFile: spooled.WithLabelValues("file"),
		exits: newBounded(registry, prometheus.CounterOpts{
			Name: "penknife_worker_exits_total",
			Help: "Worker processes that ended, by cause.",
		}, "cause"),
		retired: newBounded(registry, prometheus.CounterOpts{
			Name: "penknife_worker_retirements_total",
			Help: "Workers that had to leave although they lived, by reason.",
		}, "reason"),
		scaled: newScaled(registry),
		ended: newBounded(registry, prometheus.CounterOpts{
			Name: "penknife_overdue_outcomes_total",
			Help: "What became of the workers of requests that passed workers.request_timeout: interrupted or returned, and the worker lives on, or replaced.",
		}, "outcome"),
		registry: registry,
	}
	w.exits.expect(names.Exits)
	w.retired.expect(names.Retires)
	return w
}

// WorkerStarted counts a worker that became ready, so long after it was ordered.
func (w *Workers) WorkerStarted(took time.Duration) {
	w.starts.Inc()
	w.took.Observe(took.Seconds())
}

// WorkerExited counts the end of a worker's process. Cause is one of the manager's few constant texts.
func (w *Workers) WorkerExited(cause string) { w.exits.inc(cause) }

// WorkerRetired counts a worker that had to leave. Reason is one of the manager's few constant texts.
func (w *Workers) WorkerRetired(reason string) { w.retired.inc(reason) }

// OverdueEnded counts what became of the worker of a request that had passed its time limit. Outcome is one of the
// manager's few constant texts.
func (w *Workers) OverdueEnded(outcome string) { w.ended.inc(outcome) }

// RequestsCut counts requests that were cut at the end of a grace period.
func (w *Workers) RequestsCut(requests int) { w.cut.Add(float64(requests)) }

// RequestSlow counts a request that took the application longer than log.slow.
func (w *Workers) RequestSlow() { w.slow.Inc() }

// RequestOverdue counts a request that passed its time limit in the application.
func (w *Workers) RequestOverdue() { w.overdue.Inc() }

// BodySpooled counts a request body that was received, toFile when it did not fit into memory.
func (w *Workers) BodySpooled(bytes int64, toFile bool) {
	if toFile {
		w.inFile.Add(float64(max(bytes, 0)))
		return
	}
	w.inMemory.Add(float64(max(bytes, 0)))
}

// Watch shows what the workers are. Take is called at each scrape, from any goroutine, and must not block for long.
// Watch may be called once.
func (w *Workers) Watch(take func() Pool) { w.registry.MustRegister(newPoolCollector(take)) }

// OutputDropped counts lines of a process that were not logged.
func (w *Workers) OutputDropped(lines int) { w.output.Add(float64(lines)) }
