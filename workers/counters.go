package workers

import "time"

// Counters is told what happens to workers, for metrics. Its methods must not block; they are called from several
// goroutines.
type Counters interface {
	// WorkerStarted: a worker became ready, so long after it was ordered.
	WorkerStarted(took time.Duration)
	// WorkerExited: a worker's process is gone; cause is an ExitCause's name.
	WorkerExited(cause string)
	// WorkerRetired: a worker must leave although it lives; reason is a RetireReason's name.
	WorkerRetired(reason string)
	// Scaled: the number of workers that are wanted was changed; direction is up or down, reason a ScaleReason's name.
	Scaled(direction, reason string)
	// RequestOverdue: a request passed its time limit in the application.
	RequestOverdue()
	// OverdueEnded: what became of the worker's thread afterwards; outcome is an Outcome's name.
	OverdueEnded(outcome string)
	// RequestSlow: a request took longer than log.slow in the application.
	RequestSlow()
	// RequestsCut: so many requests were lost with a worker that had to end at the end of a grace period.
	RequestsCut(requests int)
	// BodySpooled: a request body was received; toFile when it did not fit into memory.
	BodySpooled(bytes int64, toFile bool)
	// OutputDropped: lines of a process were not logged, because it writes more than log.app_rate.
	OutputDropped(lines int)
}

// noCounters stands in when nobody counts.
type noCounters struct{}

func (noCounters) WorkerStarted(time.Duration) {}
func (noCounters) WorkerExited(string)         {}
func (noCounters) WorkerRetired(string)        {}
func (noCounters) Scaled(string, string)       {}
func (noCounters) RequestOverdue()             {}
func (noCounters) OverdueEnded(string)         {}
func (noCounters) RequestSlow()                {}
func (noCounters) RequestsCut(int)             {}
func (noCounters) BodySpooled(int64, bool)     {}
func (noCounters) OutputDropped(int)           {}
