package workers

import (
	"sync"
	"syscall"
	"time"

	"penknife/workers/link"
)

// event is anything that the supervisor must know. Births and zygote numbers tell late news of a predecessor from
// news of the present one.
type event interface{ isEvent() }

type (
	// zygoteBegun: what was started as the interpreter runs Python.
	zygoteBegun struct{ zygote uint64 }
	// zygoteReady: the zygote waits for orders.
	zygoteReady struct {
		zygote  uint64
		version string   // of the interpreter
		threads []string // that the application's import has started and that a fork loses
	}
	// zygoteRefused: the zygote cannot do its work and is about to exit.
	zygoteRefused struct {
		zygote uint64
		kind   StartKind
		text   string
	}
	// zygoteExited: its process is gone. tail is the end of what it wrote to its standard streams.
	zygoteExited struct {
		zygote uint64
		exit   exit
		tail   string
	}
	// spawned: the zygote has forked a worker.
	spawned struct {
		birth uint64
		pid   int
	}
	// notSpawned: it could not.
	notSpawned struct {
		birth uint64
		text  string
	}
	// workerReady: the worker claims requests from now on.
	workerReady struct{ birth uint64 }
	// workerFailed: the worker could not load the application and is about to exit.
	workerFailed struct {
		birth uint64
		text  string
	}
	// workerUnfit: a warm-up request failed. The worker exits if it was ordered to be strict.
	workerUnfit struct {
		birth uint64
		text  string // a line for people, then a traceback or nothing
	}
	// workerExited: the process is gone, and nothing that it sent is on its way any more.
	workerExited struct {
		birth uint64
		exit  exit
	}
	// halted: a signal has stopped the process, or, with 0, it goes on.
	halted struct {
		birth uint64
		by    syscall.Signal
	}
	// zygoteHalted: the same for the zygote.
	zygoteHalted struct {
		zygote uint64
		by     syscall.Signal
	}
	// overdue: a request passed its time limit in the worker with this index.
	overdue struct {
		index   int
		request link.Overdue
	}
	// dumped: the stacks of a worker with an overdue request were written to the log.
	dumped struct {
		birth uint64
		claim link.Claim
	}
	// slow: a request takes longer than log.slow in the worker with this index, and goes on.
	slow struct {
		index   int
		request link.Overdue
	}
	// hostile: the worker with this index (-1: nobody knows which) wrote nonsense into the queue's memory.
	hostile struct {
		index  int
		reason string
	}
	// scale: somebody asks for another number of workers. answer has room for the answer.
	scale struct {
		order  ScaleOrder
		answer chan<- scaleAnswer
	}
	// roll: a rolling reload lets the generation have quota workers, or (over) as many as are wanted.
	roll struct {
		quota int
		over  bool
	}
	// question: somebody wants to know whether the supervisor is there; it closes the channel.
	question struct{ answer chan<- struct{} }
	// stop: let the workers finish what they hold until the deadline, then kill.
	stop struct{ deadline time.Time }
)

func (zygoteBegun) isEvent()   {}
func (zygoteReady) isEvent()   {}
func (zygoteRefused) isEvent() {}
func (zygoteExited) isEvent()  {}
func (spawned) isEvent()       {}
func (notSpawned) isEvent()    {}
func (workerReady) isEvent()   {}
func (workerFailed) isEvent()  {}
func (workerUnfit) isEvent()   {}
func (workerExited) isEvent()  {}
func (halted) isEvent()        {}
func (zygoteHalted) isEvent()  {}
func (overdue) isEvent()       {}
func (dumped) isEvent()        {}
func (slow) isEvent()          {}
func (hostile) isEvent()       {}
func (scale) isEvent()         {}
func (roll) isEvent()          {}
func (stop) isEvent()          {}
func (question) isEvent()      {}

// mailbox carries events to the supervisor. It has no limit, so that nobody who puts one in ever waits: the number of
// events is bounded by the number of processes and requests.
type mailbox struct {
	signal chan struct{} // of capacity 1: something is in the box

	mu     sync.Mutex
	events []event
}

func newMailbox() *mailbox { return &mailbox{signal: make(chan struct{}, 1)} }

// put never blocks and may be called from any goroutine.
func (m *mailbox) put(e event) {
	m.mu.Lock()
	m.events = append(m.events, e)
	m.mu.Unlock()
	m.nudge()
}

// nudge makes the supervisor look at everything again. It never blocks and may be called from any goroutine.
func (m *mailbox) nudge() {
	select {
	case m.signal <- struct{}{}:
	default:
	}
}

// take empties the box.
func (m *mailbox) take() []event {
	m.mu.Lock()
	defer m.mu.Unlock()
	events := m.events
	m.events = nil
	return events
}
