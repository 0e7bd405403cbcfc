package access

import (
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"penknife/clients"
	"penknife/configs"
	"penknife/gateway"
	"penknife/sockets"
)

// engineName is what Trace.Engine says of requests that are refused here.
const engineName = "access"

// Counter is told the path of the rule that refuses a request. It must not block.
type Counter interface {
	Denied(rule string)
}

// Deps is what the handler gets from the composition root.
type Deps struct {
	Next    gateway.Handler
	Rates   *clients.Rates
	Proxies sockets.Set // trusted_proxies of all HTTP listeners: what they ask for themselves is not counted
	Counter Counter
	Log     *slog.Logger
}

// Handler refuses requests by the client's address, and passes all others on. It needs no start and no stop.
type Handler struct {
	deps     Deps
	rules    atomic.Pointer[ruleSet] // nil: none
	throttle clients.Throttle
}

var _ gateway.Handler = (*Handler)(nil)

// New makes a Handler without rules.
func New(deps Deps) *Handler { return &Handler{deps: deps} }

// Configure sets the rules, also while requests are served. The error is one of an address list; then the rules stay.
func (h *Handler) Configure(sections []configs.Access) error {
	rules, err := newRuleSet(sections)
	if err == nil {
		h.rules.Store(rules)
	}
	return err
}

// Serve implements gateway.Handler. Without rules and rates it is two loads and a call.
func (h *Handler) Serve(r *gateway.Request) (*gateway.Response, error) {
	rules, limited := h.rules.Load(), h.deps.Rates.On()
	if rules == nil && !limited {
		return h.deps.Next.Serve(r)
	}
	client, _ := netip.ParseAddr(string(r.RemoteAddr)) // unix peers have none, and what is none counts as none
	if limited && !h.isProxy(r, client) {
		if wait, ok := h.deps.Rates.Take(client, time.Now()); !ok {
			return nil, h.tooMany(r, wait)
		}
	}
	if rules == nil {
		return h.deps.Next.Serve(r)
	}
	if rule := rules.refusal(r.Path, client); rule != nil {
		return nil, h.forbidden(r, rule)
	}
	return h.deps.Next.Serve(r)
}

// isProxy tells whether a proxy that is trusted asks for itself.
func (h *Handler) isProxy(r *gateway.Request, client netip.Addr) bool {
	return r.Trusted && r.Front == gateway.FrontHTTP && h.deps.Proxies.Contains(client)
}

func (h *Handler) tooMany(r *gateway.Request, wait time.Duration) error {
	r.Trace.Engine = engineName
	h.throttle.Warn(h.deps.Log, "too many requests", "reason", "limits.client_rate", "client", string(r.RemoteAddr),
		"request", r.ID, "request_id", string(r.RequestID), "method", string(r.Method), "target", string(r.Target))
	return &gateway.Error{
		Kind: gateway.KindTooManyRequests, Reason: "too many requests from your address", Public: true, RetryAfter: wait,
	}
}

func (h *Handler) forbidden(r *gateway.Request, by *rule) error {
	r.Trace.Engine = engineName
	h.deps.Counter.Denied(by.name)
	h.throttle.Warn(h.deps.Log, "request forbidden", "reason", "access", "path", by.name, "client", string(r.RemoteAddr),
		"request", r.ID, "request_id", string(r.RequestID), "method", string(r.Method), "target", string(r.Target))
	return errForbidden
}

// errForbidden says nothing about the rule: who may not is not told why.
var errForbidden = &gateway.Error{Kind: gateway.KindForbidden, Reason: "access"}
