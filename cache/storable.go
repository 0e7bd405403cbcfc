package cache

import (
	"net/http"
	"time"
)

// Reason is why an answer was not stored.
type Reason uint8

// The reasons. The zero Reason is none: it was stored.
const (
	ReasonMethod      Reason = iota + 1 // only answers to GET are stored
	ReasonRule                          // cache.rules: store is false, or a bypass
	ReasonNoKey                         // a request without a host, or with NUL in its URL
	ReasonBody                          // a GET with content
	ReasonStatus                        // 206, 304, or one that must be understood and is not
	ReasonNoStore                       // no-store of the application
	ReasonPrivate                       // private
	ReasonUser                          // Authorization or REMOTE_USER without public, s-maxage or must-revalidate
	ReasonVaryAny                       // Vary: *
	ReasonSetCookie                     // Set-Cookie
	ReasonClient                        // no-store of the client
	ReasonNoFreshness                   // the application gives no freshness, and no rule does
	ReasonCookie                        // a rule gives freshness, but not for requests with cookies
	ReasonLarge                         // over max_object
	ReasonCut                           // the body was not complete, or not as long as announced
	ReasonFull                          // the store did not take it
	ReasonFailed                        // there was no answer
	ReasonPurged                        // the URL was purged while the application made the answer
	ReasonEvents                        // text/event-stream, which has no end
)

var reasons = [...]string{
	"stored", "method", "rule", "no_key", "request_body", "status", "no_store", "private", "user", "vary_any", "set_cookie",
	"client_no_store", "no_freshness", "cookie", "too_large", "cut", "store_full", "failed", "purged", "events",
}

// String gives a word that is fit for a label.
func (r Reason) String() string {
	if int(r) < len(reasons) {
		return reasons[r]
	}
	return "unknown"
}

// isOfTheRequest says that another request's answer could be stored all the same: it says nothing about what is stored.
func (r Reason) isOfTheRequest() bool {
	return r == ReasonClient || r == ReasonUser || r == ReasonCookie
}

// Reasons lists the words of all reasons, by their numbers, for labels; the first is an answer that was stored.
func Reasons() []string { return reasons[:] }

// verdict is what becomes of an answer.
type verdict struct {
	reason   Reason // 0: store it
	lifetime time.Duration
	implicit bool // the lifetime is a rule's, or guessed
}

// judgement is what the decision needs besides request and answer.
type judgement struct {
	rule      *rule
	heuristic int  // percent
	obey      bool // directives of clients count
	received  time.Time
}

// judge decides whether the answer to a GET may be stored by a shared cache (RFC 9111 section 3).
func (j *judgement) judge(q *asked, status int, a *answer) verdict {
	d := &a.control
	switch {
	case status < 200 || status == http.StatusPartialContent || status == http.StatusNotModified:
		return verdict{reason: ReasonStatus}
	case d.has(hasMustUnderstand) && !isUnderstood(status):
		return verdict{reason: ReasonStatus}
	case d.has(hasNoStore) && !d.has(hasMustUnderstand):
		return verdict{reason: ReasonNoStore}
	case d.has(hasPrivate):
		return verdict{reason: ReasonPrivate}
	case q.hasUser && !d.has(hasPublic|hasMustRevalidate) && d.sMaxage == absent:
		return verdict{reason: ReasonUser}
	case a.varyAny:
		return verdict{reason: ReasonVaryAny}
	case a.events:
		return verdict{reason: ReasonEvents}
	case a.setCookie && !j.rule.stripSetCookie:
		return verdict{reason: ReasonSetCookie}
	case j.obey && q.control.has(hasNoStore):
		return verdict{reason: ReasonClient}
	}
	return j.freshness(q, status, a)
}

// freshness finds the lifetime. An answer that is never fresh is worth storing only if the application can confirm it or
// it may be sent stale.
func (j *judgement) freshness(q *asked, status int, a *answer) verdict {
	lifetime, given := a.explicitLifetime(j.received)
	if given || a.control.has(hasNoCache) {
		worth := lifetime > 0 && !a.control.has(hasNoCache) || len(a.etag) > 0 || a.lastModified != 0 ||
			a.control.staleWhileRevalidate > 0 || a.control.staleIfError > 0
		if !worth {
			return verdict{reason: ReasonNoFreshness}
		}
		return verdict{lifetime: lifetime}
	}
	if lifetime = j.rule.implicitTTL(status); lifetime == 0 {
		lifetime = a.heuristicLifetime(status, j.heuristic, j.received)
	}
	switch {
	case lifetime == 0:
		return verdict{reason: ReasonNoFreshness}
	case q.hasUser:
		return verdict{reason: ReasonUser}
	case q.cookie != nil && !j.rule.withCookies:
		return verdict{reason: ReasonCookie}
	}
	return verdict{lifetime: lifetime, implicit: true}
}

// isUnderstood lists the statuses whose caching rules are known: those that RFC 9110 defines.
func isUnderstood(status int) bool {
	switch status {
	case 200, 203, 204, 300, 301, 302, 303, 305, 307, 308, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412,
		413, 414, 415, 416, 417, 421, 422, 426, 500, 501, 502, 503, 504, 505:
		return true
	}
	return false
}
