package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Reloads is fed by the server.
type Reloads struct {
	succeeded, failed prometheus.Counter
	success, when     prometheus.Gauge
}

func newReloads(registry *prometheus.Registry) *Reloads {
	total := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "penknife_reloads_total",
		Help: "Reloads that are over, by result.",
	}, []string{"result"})
	success := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "penknife_reload_last_successful",
		Help: "Whether the latest reload succeeded; 1 before there was any.",
	})
	when := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "penknife_reload_last_success_timestamp_seconds",
		Help: "When the configuration in force was loaded: the latest successful reload, or the start.",
	})
	registry.MustRegister(total, success, when)
	success.Set(1)
	return &Reloads{
		succeeded: total.WithLabelValues("success"), failed: total.WithLabelValues("failure"),
		success: success, when: when,
	}
}

// Loaded notes that a configuration is in force from then on; a reload's is counted by Done as well.
func (r *Reloads) Loaded(at time.Time) { r.when.Set(float64(at.UnixMilli()) / 1000) }

// Done counts a reload.
func (r *Reloads) Done(ok bool) {
	if ok {
		r.succeeded.Inc()
		r.success.Set(1)
		return
	}
	r.failed.Inc()
	r.success.Set(0)
}
