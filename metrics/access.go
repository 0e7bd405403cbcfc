package metrics

import "github.com/prometheus/client_golang/prometheus"

// Access counts who was refused by address.
type Access struct {
	registry *prometheus.Registry
	denied   *bounded
}

func newAccess(registry *prometheus.Registry) *Access {
	return &Access{registry: registry, denied: newBounded(registry, prometheus.CounterOpts{
		Name: "penknife_access_denied_total",
		Help: "Requests that access refused with 403, by the path of the entry.",
	}, "path")}
}

// Rules names the paths of the configuration, and again after a reload.
func (a *Access) Rules(paths []string) { a.denied.expect(paths) }

// Denied counts a request that the entry of that path has refused.
func (a *Access) Denied(path string) { a.denied.inc(path) }

// Watch shows of how many addresses the rate is known, and how many were forgotten for want of room. It is called once.
func (a *Access) Watch(held func() (addresses int, forgotten uint64)) {
	a.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "penknife_clients_held",
			Help: "Addresses whose rate of requests is known (limits.client_rate).",
		}, func() float64 { n, _ := held(); return float64(n) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "penknife_clients_forgotten_total",
			Help: "Addresses whose rate was forgotten because more than limits.client_addresses asked.",
		}, func() float64 { _, n := held(); return float64(n) }),
	)
}
