package workers

import "time"

// Snapshot is the state of the workers at one moment, for the status page and metrics.
type Snapshot struct {
	Generation uint64
	Python     string    // version of the interpreter, empty before the first zygote is ready
	ZygotePID  int       // 0 when there is none
	CrashLoop  bool      // replacements are being delayed
	RetryAt    time.Time // when the next one may start; zero without a crash loop
	InFlight   int       // requests waiting, being served, or being sent to their clients
	Waiting    int       // those that no worker has taken yet
	Places     int       // how many there can be in flight with the present workers
	Threads    int       // requests that each worker can hold at once
	Workers    []WorkerStatus
	Scaling    Scaling
	Retired    map[RetireReason]int // how many had to leave, by reason
	Joining    *Snapshot            // in a rolling reload, the generation that takes over
	Draining   []Snapshot           // generations that were replaced and finish what they hold, oldest first
}

// WorkerStatus is one worker in a Snapshot.
type WorkerStatus struct {
	Index   int
	PID     int
	State   State
	Reason  RetireReason // why it must leave; zero while it may stay
	Started time.Time
	Busy    int    // requests that it holds
	Served  uint64 // requests that it has done
	// Occupied is how long its threads have been occupied by requests since its start, added up (link.Queue.BusyTime).
	Occupied time.Duration
}

// Others gives the generations beside the present one: the one that takes over in a rolling reload, then those that were
// replaced.
func (s Snapshot) Others() []Snapshot {
	if s.Joining == nil {
		return s.Draining
	}
	return append([]Snapshot{*s.Joining}, s.Draining...)
}

// Generations gives the present generation and then the Others.
func (s Snapshot) Generations() []Snapshot { return append([]Snapshot{s}, s.Others()...) }

// Ready counts the workers that claim requests.
func (s Snapshot) Ready() int {
	n := 0
	for i := range s.Workers {
		if s.Workers[i].State == Ready {
			n++
		}
	}
	return n
}
