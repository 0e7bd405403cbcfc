package metrics

import "github.com/prometheus/client_golang/prometheus"

// Logs is fed by the logs.
type Logs struct{ main, access prometheus.Counter }

func newLogs(registry *prometheus.Registry) *Logs {
	dropped := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "penknife_log_dropped_total",
		Help: "Lines that were lost because the output of a log failed or was slower than log.buffer permits.",
	}, []string{"log"})
	registry.MustRegister(dropped)
	return &Logs{main: dropped.WithLabelValues("main"), access: dropped.WithLabelValues("access")}
}

// Main counts lines that the log of messages lost.
func (l *Logs) Main(lines int) { l.main.Add(float64(lines)) }

// Access counts lines that the access log lost.
func (l *Logs) Access(lines int) { l.access.Add(float64(lines)) }
