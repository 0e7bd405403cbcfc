package workers

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
)

var retireNames = [...]string{
	RetireShutdown: "shutdown", RetireOverdue: "request_timeout", RetireHostile: "hostile",
	RetireStartTimeout: "start_timeout", RetireStartFailed: "start_failed",
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
