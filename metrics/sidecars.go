package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// jobBuckets are for the time that a job takes, in seconds.
var jobBuckets = []float64{.1, .5, 1, 5, 10, 30, 60, 300, 900, 3600}

// Sidecars is fed by the manager of daemons and jobs. The labels are names from the configuration.
type Sidecars struct {
	restarts *prometheus.CounterVec
	runs     *prometheus.CounterVec
	took     *prometheus.HistogramVec
	success  *prometheus.GaugeVec
}

func newSidecars(registry *prometheus.Registry) *Sidecars {
	s := &Sidecars{
		restarts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "penknife_daemon_restarts_total",
			Help: "Daemons that ended by themselves and were started again.",
		}, []string{"daemon"}),
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "penknife_cron_runs_total",
			Help: "Runs of scheduled jobs that are over, or were skipped, by result.",
		}, []string{"job", "result"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "penknife_cron_run_duration_seconds",
			Help:    "How long runs of scheduled jobs took.",
			Buckets: jobBuckets,
		}, []string{"job"}),
		success: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "penknife_cron_last_success_timestamp_seconds",
			Help: "When the latest run of a scheduled job that succeeded was over.",
		}, []string{"job"}),
	}
	registry.MustRegister(s.restarts, s.runs, s.took, s.success)
	return s
}

// DaemonRestarted counts a daemon that ended by itself and is started again.
func (s *Sidecars) DaemonRestarted(name string) { s.restarts.WithLabelValues(name).Inc() }

// JobDone counts a run of a job; a skipped one has taken no time.
func (s *Sidecars) JobDone(name, result string, took time.Duration) {
	s.runs.WithLabelValues(name, result).Inc()
	if took > 0 {
		s.took.WithLabelValues(name).Observe(took.Seconds())
	}
	if result == "succeeded" {
		s.success.WithLabelValues(name).SetToCurrentTime()
	}
}
