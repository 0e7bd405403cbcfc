package gateway

import "time"

// Trace is what engines note about a request on its way, for the observer: logs, metrics and traces. An engine writes
// it before it hands the response over, and again, for what is known only then, before CloseWithError returns.
type Trace struct {
	// Queue is how long the request waited for a worker, App how long the application took, from the claim to the end
	// of its answer. Both are 0 when no worker was asked. Of a request that no worker took in time, all is Queue; of one
	// whose worker died or was too slow, App ends with that.
	Queue, App time.Duration
	// Worker is the index of the worker that took the request, counted from 1, and PID its process; 0 for none.
	Worker, PID int
	// Engine says whose answer it is, an error's too: "app", "static", "cache"; a constant text. Empty: nobody was asked.
	Engine string
	// Cache is what the response cache did, a constant text as in RFC 9211: "hit", "miss", ...; empty without one.
	Cache string
	// TraceID is the W3C trace id of a request that is traced, in hexadecimal; empty otherwise.
	TraceID string
}

// TakeOver notes what engines noted with another request that was made in place of this one. What is said of this
// one stays: Cache and TraceID.
func (t *Trace) TakeOver(other Trace) {
	other.Cache, other.TraceID = t.Cache, t.TraceID
	*t = other
}
