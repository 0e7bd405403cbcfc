package metrics

import "github.com/prometheus/client_golang/prometheus"

// Logs is fed by the logs.
type Logs struct{ main, access, app prometheus.Counter }

func newLogs(registry *prometheus.Registry) *Logs {
	dropped := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "penknife_log_dropped_total",
		Help: "Lines that were lost because the output of a log failed or was slower than log.buffer permits.",
	}, []string{"log"})
	app := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "penknife_log_app_dropped_total",
		Help: "Lines of the application's output beyond log.app_rate.",
	})
	registry.MustRegister(dropped, app)
	return &Logs{main: dropped.WithLabelValues("main"), access: dropped.WithLabelValues("access"), app: app}
}

// Main counts lines that the log of messages lost.
func (l *Logs) Main(lines int) { l.main.Add(float64(lines)) }

// Access counts lines that the access log lost.
func (l *Logs) Access(lines int) { l.access.Add(float64(lines)) }

// App counts lines of a worker that were left out.
func (l *Logs) App(lines int) { l.app.Add(float64(lines)) }
