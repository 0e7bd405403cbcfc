package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// AppCalls is fed by the calls that the application's code makes to penknife.
type AppCalls struct {
	registry   *prometheus.Registry
	operations []string
	statuses   []string
	calls      *prometheus.CounterVec
	took       prometheus.Histogram
	channels   prometheus.Gauge
	refused    prometheus.Counter
}

func newAppCalls(registry *prometheus.Registry, operations, statuses []string) *AppCalls {
	a := &AppCalls{
		registry: registry, operations: operations, statuses: statuses,
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "penknife_app_calls_total",
			Help: "Calls of the application's code to penknife, such as those of penknife.cache, by how they ended.",
		}, []string{"operation", "status"}),
		took: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "penknife_app_call_duration_seconds", Help: "Time that a call of the application's code took in penknife.",
			Buckets: []float64{.00001, .000025, .0001, .00025, .001, .01, .1, 1, 10},
		}),
		channels: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "penknife_app_channels", Help: "Threads of the application that have a channel for calls to penknife.",
		}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "penknife_app_channels_refused_total", Help: "Channels over app_cache.channels, and descriptors that were none.",
		}),
	}
	registry.MustRegister(a.calls, a.took, a.channels, a.refused)
	return a
}

// Called counts a call: indexes of Names.Calls and Names.CallStatuses.
func (a *AppCalls) Called(operation, status int, took time.Duration) {
	operation, status = within(operation, len(a.operations)), within(status, len(a.statuses))
	a.calls.WithLabelValues(a.operations[operation], a.statuses[status]).Inc()
	a.took.Observe(took.Seconds())
}

// Channels changes how many channels are open.
func (a *AppCalls) Channels(delta int) { a.channels.Add(float64(delta)) }

// Refused counts a channel that was not taken.
func (a *AppCalls) Refused() { a.refused.Inc() }

// WatchMetrics shows how much room the application's own metrics take. It is called once, if there can be some.
func (a *AppCalls) WatchMetrics(cells func() (used, limit int), rejected func() uint64) {
	a.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "penknife_app_metrics_series", Help: "Time series of the application's own metrics.",
	}, func() float64 { used, _ := cells(); return float64(used) }), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "penknife_app_metrics_limit_series", Help: "How many there can be: app_metrics.series.",
	}, func() float64 { _, limit := cells(); return float64(limit) }), prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "penknife_app_metrics_rejected_total", Help: "Metrics and series that were asked for over a limit of app_metrics.",
	}, func() float64 { return float64(rejected()) }))
}

// AppCache is the application's cache at the moment of a scrape.
type AppCache struct {
	Items        int
	Bytes, Limit int64
	Hits, Misses uint64
	Refused      uint64            // entries over a limit
	Removed      map[string]uint64 // by reason
}

// WatchCache shows the application's cache, which take looks at. It is called once, if there is one.
func (a *AppCalls) WatchCache(take func() AppCache) {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	a.registry.MustRegister(&appCacheCollector{
		take: take,
		list: []appCacheMetric{
			{desc("penknife_app_cache_entries", "Entries of the application's cache."), prometheus.GaugeValue,
				func(c AppCache) float64 { return float64(c.Items) }},
			{desc("penknife_app_cache_bytes", "Memory that they take, everything included."), prometheus.GaugeValue,
				func(c AppCache) float64 { return float64(c.Bytes) }},
			{desc("penknife_app_cache_limit_bytes", "What they may take: app_cache.size."), prometheus.GaugeValue,
				func(c AppCache) float64 { return float64(c.Limit) }},
			{desc("penknife_app_cache_hits_total", "Reads in penknife's process that found something."), prometheus.CounterValue,
				func(c AppCache) float64 { return float64(c.Hits) }},
			{desc("penknife_app_cache_misses_total", "Reads that found nothing."), prometheus.CounterValue,
				func(c AppCache) float64 { return float64(c.Misses) }},
			{desc("penknife_app_cache_refused_total", "Entries over a limit."), prometheus.CounterValue,
				func(c AppCache) float64 { return float64(c.Refused) }},
		},
		removed: desc("penknife_app_cache_removed_total", "Entries that went.", "reason"),
	})
}

type appCacheCollector struct {
	take    func() AppCache
	list    []appCacheMetric
	removed *prometheus.Desc
}

// appCacheMetric is one number of an AppCache.
type appCacheMetric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(AppCache) float64
}

// Describe is part of prometheus.Collector.
func (c *appCacheCollector) Describe(to chan<- *prometheus.Desc) {
	for _, m := range c.list {
		to <- m.desc
	}
	to <- c.removed
}

// Collect is part of prometheus.Collector.
func (c *appCacheCollector) Collect(to chan<- prometheus.Metric) {
	now := c.take()
	for _, m := range c.list {
		to <- prometheus.MustNewConstMetric(m.desc, m.kind, m.of(now))
	}
	for reason, n := range now.Removed {
		to <- prometheus.MustNewConstMetric(c.removed, prometheus.CounterValue, float64(n), reason)
	}
}
