package server

import (
	"penknife/accesslog"
	"penknife/admin"
	"penknife/appcalls"
	"penknife/cache"
	"penknife/clients"
	"penknife/gateway"
	"penknife/metrics"
	"penknife/server/history"
	"penknife/static"
	"penknife/tracing"
	"penknife/uwsgistats"
	"penknife/workers"
)

// observer writes down what became of a request, for both fronts.
type observer struct {
	requests *metrics.Requests
	history  *history.Recorder
	access   *accesslog.Log    // nil when there is none
	tracer   *tracing.Tracer   // nil when nothing is traced
	tally    *uwsgistats.Tally // nil when there is none
}

var _ gateway.Observer = (*observer)(nil)

// RequestDone counts the request and gives it its line in the access log. It does not block.
func (o *observer) RequestDone(r *gateway.Request, outcome gateway.Outcome) {
	o.requests.Done(int(r.Front), r.Method, outcome.Status, outcome.Sent, outcome.Total)
	if asked := r.Trace.Worker != 0; asked || r.Trace.Queue != 0 {
		o.requests.Waited(r.Trace.Queue)
		if asked {
			o.requests.Served(r.Trace.App)
		}
	}
	if outcome.Err != nil {
		o.requests.Failed(int(gateway.KindOf(outcome.Err)))
	}
	if r.Trace.Engine == admin.Engine {
		return // probes come every few seconds and say nothing
	}
	o.history.Requested()
	if o.tracer != nil {
		o.tracer.RequestDone(r, outcome)
	}
	if o.tally != nil {
		o.tally.Add(r, outcome)
	}
	if o.access != nil {
		o.access.Add(r, outcome)
	}
}

// metricNames are the label values that other packages own.
func metricNames() metrics.Names {
	names := metrics.Names{
		CacheOutcomes: cache.Outcomes(), CacheReasons: cache.Reasons(),

		Refusals: clients.Refusals(),

		Kinds: []string{""}, Static: static.Outcomes(), Exits: workers.ExitCauses(), Retires: workers.RetireReasons(),
		Calls: appcalls.Operations(), CallStatuses: appcalls.Statuses(),
		Rejected: map[int]string{
			int(gateway.KindUnavailable):  "unavailable",
			int(gateway.KindOverloaded):   "queue_full",
			int(gateway.KindQueueTimeout): "queue_timeout",
		},
	}
	for front := gateway.Front(0); front <= gateway.FrontUwsgi; front++ {
		names.Fronts = append(names.Fronts, front.String())
	}
	for _, kind := range gateway.Kinds() {
		names.Kinds = append(names.Kinds, kind.String())
	}
	return names
}
