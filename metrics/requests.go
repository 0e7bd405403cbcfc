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
	classes  [len(classes)]atomic.Uint64 // the same over fronts and methods, for Totals
	duration []durations                 // by front
	queue    durations
	app      durations
	sent     []prometheus.Counter
	errors   []prometheus.Counter
	rejected []prometheus.Counter // by kind; nil: not one of those
}

// Totals is what was counted since the start, for whoever computes rates and percentiles of it.
type Totals struct {
	Classes    [6]uint64 // requests without an answer, then 1xx to 5xx
	Total      Counts    // from the first byte of the request to the last of the answer
	Queue, App Counts
	AppTime    time.Duration // the sum of App
}

func newRequests(registry *prometheus.Registry, fronts []string, names Names) *Requests {
	r := &Requests{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "penknife_requests_total",
			Help: "Requests that are over, by protocol, method and class of status; class none got no answer.",
		}, []string{"front", "method", "class"}),
		fronts: fronts,
		cells:  make([][len(methods)][len(classes)]series, len(fronts)),
	}
	sent := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "penknife_response_body_bytes_total",
		Help: "Bytes of response bodies that were handed to the connections of clients.",
	}, []string{"front"})
	failures := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "penknife_request_errors_total",
		Help: "Requests that ended in an error page or were cut, by kind of error.",
	}, []string{"kind"})
	rejected := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "penknife_requests_rejected_total",
		Help: "Requests that got 503 because no worker could take them, by reason.",
	}, []string{"reason"})
	registry.MustRegister(r.total, sent, failures, rejected)
	r.duration, r.sent = make([]durations, len(fronts)), make([]prometheus.Counter, len(fronts))
	for i := 1; i < len(fronts); i++ {
		r.sent[i] = sent.WithLabelValues(fronts[i])
	}
	for i, kind := range named(names.Kinds) {
		r.errors = append(r.errors, failures.WithLabelValues(kind))
		r.rejected = append(r.rejected, nil)
		if reason := names.Rejected[i]; reason != "" {
			r.rejected[i] = rejected.WithLabelValues(reason)
		}
	}
	r.registerDurations(registry)
	return r
}

func (r *Requests) registerDurations(registry *prometheus.Registry) {
	total := &histogram{desc: prometheus.NewDesc("penknife_request_duration_seconds",
		"From the first byte of a request to the last of its answer.", []string{"front"}, nil)}
	for i := 1; i < len(r.fronts); i++ {
		total.of, total.labels = append(total.of, &r.duration[i]), append(total.labels, r.fronts[i:i+1])
	}
	one := func(name, help string, of *durations) *histogram {
		return &histogram{desc: prometheus.NewDesc(name, help, nil, nil), of: []*durations{of}, labels: [][]string{nil}}
	}
	registry.MustRegister(total,
		one("penknife_request_queue_duration_seconds", "How long requests waited for a worker.", &r.queue),
		one("penknife_request_application_duration_seconds",
			"From the moment that a worker took a request to the end of the application's answer.", &r.app))
}

// Done counts a request. Front is an index of Names.Fronts; status is 0 when nothing could be sent.
func (r *Requests) Done(front int, method []byte, status int, sent int64, took time.Duration) {
	front = within(front, len(r.fronts))
	class := within(status/100, len(classes))
	r.counter(front, methodIndex(method), class).Inc()
	r.classes[class].Add(1)
	if front == 0 {
		return // a fault of the caller, which the counter above shows
	}
	r.duration[front].add(took)
	if sent > 0 {
		r.sent[front].Add(float64(sent))
	}
}

// Waited counts the time that a request waited for a worker.
func (r *Requests) Waited(queue time.Duration) { r.queue.add(queue) }

// Served counts the time that the application took for a request.
func (r *Requests) Served(app time.Duration) { r.app.add(app) }

// Failed counts a request that ended in an error. Kind is an index of Names.Kinds.
func (r *Requests) Failed(kind int) {
	kind = within(kind, len(r.errors))
	r.errors[kind].Inc()
	if rejected := r.rejected[kind]; rejected != nil {
		rejected.Inc()
	}
}

// Totals reads everything that is needed for rates and percentiles. The numbers are of slightly different moments.
func (r *Requests) Totals() *Totals {
	t := &Totals{AppTime: time.Duration(r.app.sum.Load())}
	for i := range r.classes {
		t.Classes[i] = r.classes[i].Load()
	}
	for i := range r.duration {
		r.duration[i].addTo(&t.Total)
	}
	r.queue.addTo(&t.Queue)
	r.app.addTo(&t.App)
	return t
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
