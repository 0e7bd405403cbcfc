package sidecars

import "time"

// State is where a daemon is.
type State uint8

// The states.
const (
	StateStarting State = iota + 1 // not started yet
	StateRunning
	StateWaiting // ended, and will be started again after a pause
	StateStopped // ended as it should, and stays down
	StateFailed  // ended with an error, and stays down
)

var stateNames = [...]string{
	StateStarting: "starting", StateRunning: "running", StateWaiting: "waiting", StateStopped: "stopped", StateFailed: "failed",
}

// String is the name for people and metrics.
func (s State) String() string {
	if s == 0 || int(s) >= len(stateNames) {
		return "unknown"
	}
	return stateNames[s]
}

// DaemonStatus is one daemon at one moment.
type DaemonStatus struct {
	Name     string
	State    State
	PID      int       // 0: it does not run
	Started  time.Time // the present or the latest process
	Restarts int
	Last     string // how the latest one ended by itself; empty: none did
}

// JobStatus is one job at one moment.
type JobStatus struct {
	Name, Schedule string
	Next           time.Time // zero: never
	Running        int
	Runs, Failures int
	Skipped        int       // because the run before it was not over
	LastBegin      time.Time // zero: it has not run
	LastTook       time.Duration
	LastOutcome    string
}

// Counter is told what happened, for metrics. It must not block.
type Counter interface {
	// DaemonRestarted: a daemon ended by itself and will be started again.
	DaemonRestarted(name string)
	// JobDone: a run is over, or was not begun. result is ResultSucceeded or one of its neighbours.
	JobDone(name, result string, took time.Duration)
}

// What became of a run.
const (
	ResultSucceeded = "succeeded"
	ResultFailed    = "failed"
	ResultTimeout   = "timeout"
	ResultSkipped   = "skipped" // the run before it was not over
)
