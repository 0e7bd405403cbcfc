package server

import (
	"penknife/gateway"
	"penknife/metrics"
	"penknife/static"
)

// observer writes down what became of a request, for both fronts.
type observer struct {
	requests *metrics.Requests
	access   *accessLog // nil when there is none
}

var _ gateway.Observer = (*observer)(nil)

// RequestDone counts the request and gives it its line in the access log. It does not block.
func (o *observer) RequestDone(r *gateway.Request, outcome gateway.Outcome) {
	o.requests.Done(int(r.Front), r.Method, outcome.Status, outcome.Sent, outcome.Total)
	if outcome.Err != nil {
		o.requests.Failed(int(gateway.KindOf(outcome.Err)))
	}
	if o.access != nil {
		o.access.add(r, outcome)
	}
}

// metricNames are the label values that other packages own.
func metricNames() metrics.Names {
	names := metrics.Names{Kinds: []string{""}, Static: static.Outcomes()}
	for front := gateway.Front(0); front <= gateway.FrontUwsgi; front++ {
		names.Fronts = append(names.Fronts, front.String())
	}
	for _, kind := range gateway.Kinds() {
		names.Kinds = append(names.Kinds, kind.String())
	}
	return names
}
