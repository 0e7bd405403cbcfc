package workers

import "slices"

// RetireReason is why a worker must leave although it lives. It is set at most once; the zero value means that it
// may stay.
type RetireReason uint8

// The reasons.
const (
	RetireShutdown     RetireReason = iota + 1 // the generation is stopped
	RetireOverdue                              // a request passed its time limit in it
	RetireHostile                              // it wrote nonsense into the queue's memory
	RetireStartTimeout                         // it did not get ready in time
	RetireStartFailed                          // the start of its generation was given up
	RetireMaxRequests                          // it has done its share (workers.max_requests)
	RetireMaxLifetime                          // it has lived long enough (workers.max_lifetime)
	RetireMaxRSS                               // it has grown too large (workers.max_rss)
	RetireMaxCPU                               // it has used enough processor time (workers.max_cpu_time)
	RetireScaleDown                            // there are more than wanted
	RetireSuspended                            // a signal had stopped it for too long
)

var retireNames = [...]string{
	RetireShutdown: "shutdown", RetireOverdue: "request_timeout", RetireHostile: "hostile",
	RetireStartTimeout: "start_timeout", RetireStartFailed: "start_failed",
	RetireMaxRequests: "max_requests", RetireMaxLifetime: "max_lifetime", RetireMaxRSS: "max_rss",
	RetireMaxCPU: "max_cpu_time", RetireScaleDown: "scale_down", RetireSuspended: "suspended",
}

// String is the name used in logs and on the status page; empty for the zero value.
func (r RetireReason) String() string {
	if r == 0 {
		return ""
	}
	if int(r) < len(retireNames) {
		return retireNames[r]
	}
	return "unknown"
}

// RetireReasons lists the names of all reasons.
func RetireReasons() []string { return slices.Clone(retireNames[1:]) }

// recycles tells whether it is no fault: the worker leaves when its successor is ready, and finishes what it holds.
func (r RetireReason) recycles() bool {
	return r == RetireMaxRequests || r == RetireMaxLifetime || r == RetireMaxRSS || r == RetireMaxCPU
}

// leaves tells whether the worker goes in peace: nothing but its requests limits its time.
func (r RetireReason) leaves() bool { return r.recycles() || r == RetireScaleDown }

// retire notes why a worker must leave; the first reason stays.
func (s *supervisor) retire(w *worker, reason RetireReason) {
	if w.reason != 0 {
		return
	}
	w.reason = reason
	s.retired[reason]++
	s.counters.WorkerRetired(reason.String())
}
