package metrics

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// methods are the label values for a method; any other is "other".
var methods = [...]string{"other", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

// classes are the label values for a status: 1xx to 5xx, and "none" when nothing could be sent.
var classes = [...]string{"none", "1xx", "2xx", "3xx", "4xx", "5xx"}

// durationBuckets reach from what a cached answer takes to the default request timeout, in seconds.
var durationBuckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}

// series is one cell of a table of counters. It is made when it is first counted, so that the page shows what has
// happened and not every combination that could.
type series struct {
	atomic.Pointer[prometheus.Counter]
}

// Requests counts requests that are over.
type Requests struct {
	total    *prometheus.CounterVec
	fronts   []string
	cells    [][len(methods)][len(classes)]series
	duration []prometheus.Observer
	sent     []prometheus.Counter
	errors   []prometheus.Counter
}

func newRequests(registry *prometheus.Registry, fronts, kinds []string) *Requests {
	r := &Requests{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "penknife_requests_total",
			Help: "Requests that are over, by protocol, method and class of status; class none got no answer.",
		}, []string{"front", "method", "class"}),
		fronts: fronts,
		cells:  make([][len(methods)][len(classes)]series, len(fronts)),
	}
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "penknife_request_duration_seconds",
		Help:    "From the first byte of a request to the last of its answer.",
		Buckets: durationBuckets,
	}, []string{"front"})
	sent := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "penknife_response_body_bytes_total",
		Help: "Bytes of response bodies that were handed to the connections of clients.",
	}, []string{"front"})
	failures := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "penknife_request_errors_total",
		Help: "Requests that ended in an error page or were cut, by kind of error.",
	}, []string{"kind"})
	registry.MustRegister(r.total, duration, sent, failures)
	r.duration, r.sent = make([]prometheus.Observer, len(fronts)), make([]prometheus.Counter, len(fronts))
	for i := 1; i < len(fronts); i++ {
		r.duration[i], r.sent[i] = duration.WithLabelValues(fronts[i]), sent.WithLabelValues(fronts[i])
	}
	for _, kind := range kinds {
		r.errors = append(r.errors, failures.WithLabelValues(kind))
	}
	return r
}

// Done counts a request. Front is an index of Names.Fronts; status is 0 when nothing could be sent.
func (r *Requests) Done(front int, method []byte, status int, sent int64, took time.Duration) {
	front = within(front, len(r.fronts))
	r.counter(front, methodIndex(method), within(status/100, len(classes))).Inc()
	if front == 0 {
		return // a fault of the caller, which the counter above shows
	}
	r.duration[front].Observe(took.Seconds())
	if sent > 0 {
		r.sent[front].Add(float64(sent))
	}
}

// Failed counts a request that ended in an error. Kind is an index of Names.Kinds.
func (r *Requests) Failed(kind int) {
	r.errors[within(kind, len(r.errors))].Inc()
}

func (r *Requests) counter(front, method, class int) prometheus.Counter {
	cell := &r.cells[front][method][class]
	if c := cell.Load(); c != nil {
		return *c
	}
	// Two who meet here get the same counter from the vector.
	c := r.total.WithLabelValues(r.fronts[front], methods[method], classes[class])
	cell.Store(&c)
	return c
}

func methodIndex(method []byte) int {
	for i := 1; i < len(methods); i++ {
		if methods[i] == string(method) {
			return i
		}
	}
	return 0
}
