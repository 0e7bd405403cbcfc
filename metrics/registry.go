package metrics

import (
	"net/http"
	"regexp"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Set is all collectors of one server.
type Set struct {
	Requests *Requests
	Fronts   *Fronts
	TLS      *TLS
	Workers  *Workers
	Reloads  *Reloads
	Static   *Static
	Access   *Access
	AppCalls *AppCalls
	Cache    *Cache
	Logs     *Logs
	Tracing  *Tracing

	Sidecars *Sidecars
	registry *prometheus.Registry
}

// Names are the label values that other packages own. An index into a list is what the methods take; index 0 is
// never a valid value, and whatever is out of range counts as index 0, which is called "unknown".
type Names struct {
	Fronts   []string
	Kinds    []string       // of errors
	Rejected map[int]string // reasons of the kinds which mean that no worker could take the request
	Refusals []string       // why a connection is not served
	Static   []string       // how static answers
	Exits    []string       // causes of the end of a worker
	Retires  []string       // reasons for which a worker must leave

	CacheOutcomes []string // what the response cache does with a request
	CacheReasons  []string // why it does not store an answer; the first is stored

	Calls, CallStatuses []string // what application code asks of penknife, and how that ends
}

// liveHeap is the one figure of the collector that says whether memory is lost: what was reachable at its last run. All
// others depend on when that was, and on how much garbage it permits.
var liveHeap = collectors.GoRuntimeMetricsRule{Matcher: regexp.MustCompile("^/gc/heap/live:bytes$")}

// New makes the collectors, and with them those of the Go runtime and of this process.
func New(version string, names Names) *Set {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(collectors.WithGoCollectorRuntimeMetrics(liveHeap)), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	registerBuildInfo(registry, version)
	fronts := named(names.Fronts)
	encryption := newTLS(registry)
	return &Set{
		Requests: newRequests(registry, fronts, names),
		Fronts:   newFronts(registry, fronts, encryption, names.Refusals),
		TLS:      encryption,
		Workers:  newWorkers(registry, names),
		Reloads:  newReloads(registry),
		Static:   newStatic(registry, named(names.Static)),
		Access:   newAccess(registry),
		AppCalls: newAppCalls(registry, named(names.Calls), named(names.CallStatuses)),
		Sidecars: newSidecars(registry),
		Cache:    newCache(registry, named(names.CacheOutcomes), names.CacheReasons),
		Logs:     newLogs(registry),
		Tracing:  newTracing(registry),
		registry: registry,
	}
}

// scrapesAtOnce bounds what scrapes cost together; one more gets 503.
const scrapesAtOnce = 4

// Handler serves the text format.
func (s *Set) Handler() http.Handler {
	return promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{MaxRequestsInFlight: scrapesAtOnce})
}

// Show adds what has metrics of its own, such as the application's. Names that it does not announce must not be ours.
func (s *Set) Show(c prometheus.Collector) error { return s.registry.Register(c) }

func registerBuildInfo(registry *prometheus.Registry, version string) {
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "penknife_build_info",
		Help: "Always 1; the labels say what was built.",
	}, []string{"version", "go_version"})
	info.WithLabelValues(version, runtime.Version()).Set(1)
	registry.MustRegister(info)
}

// named gives names with index 0 called unknown.
func named(names []string) []string {
	list := append([]string(nil), names...)
	if len(list) == 0 {
		list = append(list, "")
	}
	list[0] = "unknown"
	return list
}

// within gives the index, or 0 if it is out of range.
func within(index, length int) int {
	if index < 0 || index >= length {
		return 0
	}
	return index
}
