package gateway

import (
	"errors"
	"fmt"
	"time"
)

// Kind says in outward terms what went wrong. Each has one status in the table below.
type Kind uint8

// The kinds. The zero Kind is invalid.
const (
	KindBadRequest        Kind = iota + 1 // malformed packet, head or body: 400, close
	KindForbidden                         // the client's address may not ask for this path: 403
	KindBodyTimeout                       // the client was too slow with its request: 408, close
	KindBodyTooLarge                      // over the body limit: 413
	KindTargetTooLong                     // request line over its limit: 414
	KindExpectation                       // an Expect other than 100-continue: 417
	KindTooManyRequests                   // from the client's address: 429, Retry-After
	KindHeadTooLarge                      // var block or header block over its limit: 431
	KindApp                               // the application raised before its headers were sent: 500
	KindInternal                          // a fault of ours: 500
	KindUnsupported                       // unknown modifier1, method or transfer coding: 501
	KindWorkerDied                        // the worker died with the request: 502
	KindUnavailable                       // no worker is ready: 503, Retry-After
	KindOverloaded                        // the queue is full: 503, Retry-After
	KindQueueTimeout                      // waited too long for a worker: 503, Retry-After
	KindRequestTimeout                    // the application took too long: 504
	KindVersion                           // an HTTP version that is not spoken: 505
	KindInsufficientSpace                 // no place to spool the body: 507
	KindClientGone                        // the client left; nobody to answer
	KindAppCut                            // the application failed after its headers were sent: cut the connection
)

type kindInfo struct {
	name   string
	status int
}

// kinds is the one table that maps what happened to what the client gets. Status 0 means: nothing can be sent.
var kinds = [...]kindInfo{
	KindBadRequest:        {"bad_request", 400},
	KindForbidden:         {"forbidden", 403},
	KindBodyTimeout:       {"body_timeout", 408},
	KindBodyTooLarge:      {"body_too_large", 413},
	KindTargetTooLong:     {"target_too_long", 414},
	KindExpectation:       {"expectation", 417},
	KindTooManyRequests:   {"too_many_requests", 429},
	KindHeadTooLarge:      {"head_too_large", 431},
	KindApp:               {"app_error", 500},
	KindInternal:          {"internal", 500},
	KindUnsupported:       {"unsupported", 501},
	KindWorkerDied:        {"worker_died", 502},
	KindUnavailable:       {"unavailable", 503},
	KindOverloaded:        {"overloaded", 503},
	KindQueueTimeout:      {"queue_timeout", 503},
	KindRequestTimeout:    {"request_timeout", 504},
	KindVersion:           {"version", 505},
	KindInsufficientSpace: {"insufficient_space", 507},
	KindClientGone:        {"client_gone", 0},
	KindAppCut:            {"app_cut", 0},
}

// Kinds lists every kind, for tests and for code that makes a counter for each.
func Kinds() []Kind {
	all := make([]Kind, 0, len(kinds)-1)
	for k := 1; k < len(kinds); k++ {
		all = append(all, Kind(k))
	}
	return all
}

// String is the name used in logs and as a metric label.
func (k Kind) String() string {
	if k == 0 || int(k) >= len(kinds) {
		return "unknown"
	}
	return kinds[k].name
}

// Status is what the client gets, 0 when nothing can be sent.
func (k Kind) Status() int {
	if k == 0 || int(k) >= len(kinds) {
		return 500
	}
	return kinds[k].status
}

// Error is a failure that knows what the client should get.
type Error struct {
	Kind Kind
	// Reason is one sentence for the log, and for the client when Public is set.
	Reason string
	// Public says that Reason tells the client about its own request and gives nothing of ours away.
	Public bool
	// RetryAfter is sent to the client with a 503 or a 429, rounded up to whole seconds; 0 means 1 second.
	RetryAfter time.Duration
	// Err is the cause, or nil.
	Err error
}

// Errorf makes an *Error whose Reason is for the log only.
func Errorf(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Reason: fmt.Sprintf(format, args...)}
}

// PublicErrorf makes an *Error whose Reason the client may read.
func PublicErrorf(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Reason: fmt.Sprintf(format, args...), Public: true}
}

// Error gives kind, reason and cause.
func (e *Error) Error() string {
	text := e.Kind.String()
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf finds the kind of an error: that of the first *Error in its chain, KindInternal for any other.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return KindInternal
}
