package workers

import (
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"
)

// phase is where the generation as a whole is.
type phase uint8

const (
	phaseStarting phase = iota + 1 // nothing was ready yet: a failure is final
	phaseRunning                   // whatever happens, it goes on
	phaseStopping
)

// supervisorConfig is what a supervisor needs to know and to use.
type supervisorConfig struct {
	generation   uint64
	wanted       int // workers at first
	mode         ScaleMode
	configured   int // workers that the configuration asks for when nobody and no load does
	bounds       bounds
	auto         autoscaler
	threads      int // of each worker
	indexes      int // worker indexes that the queue has; the surplus over bounds.most is for replacements
	startTimeout time.Duration
	// requestTimeout is also how long a worker may be suspended; 0: there is no limit.
	requestTimeout time.Duration
	interrupt      time.Duration // that the application has to give way to an exception; 0: there is none
	recycling      recycling
	interpreter    string // its path, for messages
	log            *slog.Logger
	counters       Counters
}

// supervisor owns the life of one generation's zygote and workers. Everything below mail belongs to the goroutine
// that runs run; the rest of the world puts events into mail, reads view, and waits for started and done.
type supervisor struct {
	supervisorConfig
	launcher launcher
	lanes    lanes
	mail     *mailbox
	started  chan *StartError // gets exactly one: nil when all workers have been ready once
	done     chan struct{}    // closed when every process is gone
	view     atomic.Pointer[view]

	phase   phase
	workers []*worker // in the order of birth; exited ones are taken out
	births  uint64
	crash   backoff
	zygote  zygoteRecord
	retired map[RetireReason]int
	extra   int  // workers beyond wanted that are to be there now: successors of those that have reached a limit
	rolling bool // a rolling reload is under way: there may be quota workers
	quota   int
	joining bool        // the generation is the new one of it
	failure *StartError // why a worker did not get ready while joining
	served  uint64      // requests that workers had done which are gone
	held    []int       // by worker index; only read uses it
	stopAt  time.Time
	wake    time.Time // when to look again although nothing happens; zero: never
	dirty   bool      // view is out of date
	refuses bool      // the queue was told to take nothing
}

func newSupervisor(c supervisorConfig, l launcher, q lanes, mail *mailbox) *supervisor {
	s := &supervisor{
		supervisorConfig: c, launcher: l, lanes: q, mail: mail,
		started: make(chan *StartError, 1), done: make(chan struct{}),
		phase: phaseStarting, dirty: true, retired: map[RetireReason]int{},
		crash:  backoff{random: rand.Float64},
		zygote: zygoteRecord{crash: backoff{random: rand.Float64}},
	}
	s.held = make([]int, c.indexes)
	s.view.Store(newView())
	return s
}

// run is the loop. It returns when a stop, or a failed start, has ended every process.
func (s *supervisor) run() {
	defer close(s.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		now := time.Now()
		for _, e := range s.mail.take() {
			s.handle(e, now)
		}
		s.advance(now)
		s.publish()
		if s.finished() {
			return
		}
		if s.wake.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(s.wake))
		}
		select {
		case <-s.mail.signal:
		case <-timer.C:
		}
	}
}

// advance does what time asks for, and notes when to look again.
func (s *supervisor) advance(now time.Time) {
	s.wake = time.Time{}
	for _, w := range s.workers {
		s.checkWorker(w, now)
	}
	s.checkZygote(now)
	if s.phase != phaseStopping {
		s.autoscale(now)
		s.shed(now)
		s.recycle(now)
		s.replace(now)
	}
}

// replace orders the workers that are missing. During a crash loop it is one at a time: the next is ordered when the
// one before it is ready.
func (s *supervisor) replace(now time.Time) {
	if !s.zygote.usable() {
		return
	}
	for missing := s.target() + s.extra - s.count(Starting) - s.serving(); missing > 0; missing-- {
		if s.crash.looping() && (s.count(Starting) > 0 || !s.due(s.crash.next, now)) {
			return
		}
		index := s.freeIndex()
		if index < 0 {
			return // every spare one is held by a process that does not die; one exit will bring us back here
		}
		s.order(index, now)
	}
}

// order asks the zygote for one worker.
func (s *supervisor) order(index int, now time.Time) {
	s.births++
	s.lanes.WorkerStarting(index)
	strict := s.phase == phaseStarting || s.joining
	handle, err := s.launcher.spawn(s.births, index, strict)
	if err != nil {
		s.log.Error("no worker could be ordered", "worker", index, "error", err)
		s.lanes.WorkerDied(index, "never started")
		s.crash.failed(err, now)
		s.failStart(&StartError{Kind: StartSystem, Reason: "a worker could not be ordered", Err: err})
		s.mail.put(notSpawned{}) // of nobody: makes the loop look again
		return
	}
	w := &worker{birth: s.births, index: index, state: Starting, strict: strict, handle: handle, started: now}
	if s.startTimeout > 0 {
		w.deadline = now.Add(s.startTimeout)
	}
	s.due(w.deadline, now)
	s.workers = append(s.workers, w)
	s.dirty = true
}

func (s *supervisor) count(state State) int {
	n := 0
	for _, w := range s.workers {
		if w.state == state {
			n++
		}
	}
	return n
}

func (s *supervisor) freeIndex() int {
	for index := range s.indexes {
		if s.byIndex(index) == nil {
			return index
		}
	}
	return -1
}

func (s *supervisor) byIndex(index int) *worker {
	for _, w := range s.workers {
		if w.index == index {
			return w
		}
	}
	return nil
}

func (s *supervisor) byBirth(birth uint64) *worker {
	for _, w := range s.workers {
		if w.birth == birth {
			return w
		}
	}
	return nil
}

func (s *supervisor) forget(w *worker) {
	s.workers = slices.DeleteFunc(s.workers, func(other *worker) bool { return other == w })
	s.dirty = true
}

// failStart gives up the first start of the generation. A failure after that is not final: it is only reported to a
// rolling reload that waits.
func (s *supervisor) failStart(err *StartError) {
	if s.joining && s.phase == phaseRunning && s.failure == nil {
		s.failure, s.dirty = err, true
	}
	if s.phase != phaseStarting {
		return
	}
	s.started <- err
	s.phase = phaseStopping
	now := time.Now()
	s.stopAt = now
	for _, w := range s.workers {
		s.kill(w, RetireStartFailed, now)
	}
	s.launcher.killZygote()
}

// finished tells whether nothing is left to wait for.
func (s *supervisor) finished() bool {
	if s.phase != phaseStopping || s.zygote.exists() {
		return false
	}
	for _, w := range s.workers {
		if !w.stuck {
			return false
		}
	}
	return true
}
