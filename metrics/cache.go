package metrics

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Cache is fed by the response cache.
type Cache struct {
	registry *prometheus.Registry
	outcomes []string
	requests *prometheus.CounterVec
	cells    atomic.Pointer[[][]prometheus.Counter] // by rule and outcome; one more rule than there are, for index 0
	age      prometheus.Histogram
	kept     []prometheus.Counter
	bytes    prometheus.Counter
	removed  prometheus.Counter
}

// ageBuckets are for ages of answers from the cache, in seconds.
var ageBuckets = []float64{1, 5, 15, 60, 300, 900, 3600, 6 * 3600, 24 * 3600, 7 * 24 * 3600}

func newCache(registry *prometheus.Registry, outcomes, reasons []string) *Cache {
	c := &Cache{
		registry: registry, outcomes: outcomes,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "penknife_cache_requests_total",
			Help: "GET and HEAD requests that reached the response cache, by what became of them and by the path of the rule.",
		}, []string{"outcome", "rule"}),
		age: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "penknife_cache_age_seconds", Help: "Age of the answers that came from the response cache.", Buckets: ageBuckets,
		}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "penknife_cache_stored_bytes_total", Help: "Bytes of answers that were stored, header fields included.",
		}),
		removed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "penknife_cache_invalidated_total", Help: "Stored answers that were purged, or invalidated by unsafe requests.",
		}),
	}
	kept := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "penknife_cache_answers_total",
		Help: "Answers of the application that the response cache looked at, by why they were not stored; stored if they were.",
	}, []string{"reason"})
	if len(reasons) == 0 {
		reasons = []string{"stored"}
	}
	for _, reason := range reasons {
		c.kept = append(c.kept, kept.WithLabelValues(reason))
	}
	registry.MustRegister(c.requests, c.age, kept, c.bytes, c.removed)
	c.Rules(nil)
	return c
}

// Rules names the rules of the configuration, and again after a reload.
func (c *Cache) Rules(paths []string) {
	var cells [][]prometheus.Counter
	for _, path := range append([]string{"none"}, paths...) {
		row := make([]prometheus.Counter, len(c.outcomes))
		for i, outcome := range c.outcomes {
			row[i] = prometheus.NewCounter(prometheus.CounterOpts{}) // index 0 counts for nobody
			if i > 0 {
				row[i] = c.requests.WithLabelValues(outcome, path)
			}
		}
		cells = append(cells, row)
	}
	c.cells.Store(&cells)
}

// cacheHits is how many of the outcomes, from 1, are answers from the cache.
const cacheHits = 5

// Answered counts a request: an index of Names.CacheOutcomes, and one of the rules, from 1, or 0.
func (c *Cache) Answered(outcome, rule int, age time.Duration) {
	outcome = within(outcome, len(c.outcomes))
	cells := *c.cells.Load()
	cells[within(rule, len(cells))][outcome].Inc()
	if outcome > 0 && outcome <= cacheHits {
		c.age.Observe(age.Seconds())
	}
}

// Kept counts an answer of the application: an index of Names.CacheReasons, where 0 is one that was stored.
func (c *Cache) Kept(reason int, bytes int64) {
	c.kept[within(reason, len(c.kept))].Inc()
	if bytes > 0 {
		c.bytes.Add(float64(bytes))
	}
}

// Invalidated counts entries that were removed on demand.
func (c *Cache) Invalidated(n int) {
	if n > 0 {
		c.removed.Add(float64(n))
	}
}

// CacheNow is the cache's store at the moment of a scrape.
type CacheNow struct {
	Items        int
	Bytes, Limit int64
	Removed      map[string]uint64 // by reason
	Waiting      int
}

// Watch shows what the store holds, which now gives. It is called once.
func (c *Cache) Watch(now func() CacheNow) { c.registry.MustRegister(&cacheCollector{now}) }

// cacheCollector asks the store once for each scrape.
type cacheCollector struct{ now func() CacheNow }

// Describe tells nothing: what it collects is fixed by Collect.
func (c *cacheCollector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *cacheCollector) Collect(out chan<- prometheus.Metric) {
	now := c.now()
	gauge := func(name, help string, value float64) {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, nil, nil), prometheus.GaugeValue, value)
	}
	gauge("penknife_cache_entries", "Entries of the response cache in memory.", float64(now.Items))
	gauge("penknife_cache_bytes", "Bytes that the response cache takes in memory, keys and bookkeeping included.", float64(now.Bytes))
	gauge("penknife_cache_limit_bytes", "cache.size.", float64(now.Limit))
	gauge("penknife_cache_waiting_requests", "Requests that wait for another one that fetches the same.", float64(now.Waiting))
	evicted := prometheus.NewDesc("penknife_cache_removed_total", "Entries that left the memory, by reason.", []string{"reason"}, nil)
	for reason, n := range now.Removed {
		out <- prometheus.MustNewConstMetric(evicted, prometheus.CounterValue, float64(n), reason)
	}
}
