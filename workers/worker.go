package workers

import (
	"syscall"
	"time"
)

// worker is the supervisor's record of one worker process. Only the supervisor's goroutine touches it.
type worker struct {
	birth   uint64 // unique in the generation
	index   int    // lane block in the queue, reused after the exit
	pid     int    // 0 until the zygote has answered
	state   State
	reason  RetireReason
	handle  workerHandle
	failure string // what it said about the application that it could not load

	strict bool   // a warm-up request that fails ends it
	unfit  string // what it said about that

	started  time.Time
	ready    time.Time // zero until it was
	deadline time.Time // of the present state; zero: none
	check    time.Time // next look at what it still holds; zero: none
	overdue  []*overdueRequest
	// overdueCheck is the next look at those, dumped when slow ones last had its stacks shown.
	overdueCheck, dumped time.Time
	blocked              bool           // overdue requests hold all its threads
	halted               time.Time      // when a signal has stopped the process; zero: it runs
	haltedBy             syscall.Signal // which
	settled              bool           // has lived for stableLife, and that was said
	stuck                bool           // was killed and does not go

	limits lifeLimits
	enough RetireReason // the limit that it has reached; it stays Ready until its successor is
	left   time.Time    // when it was told to leave for that
}

// Time limits inside the supervisor.
const (
	exitGrace   = 5 * time.Second        // for a worker that was told to leave and has nothing left to do
	shortGrace  = 300 * time.Millisecond // the same, when the time for stopping is over
	killWait    = 5 * time.Second        // from SIGKILL to the exit; a process in uninterruptible sleep takes longer
	zygoteGrace = time.Second            // for a zygote that was told to leave
)

// move changes the state, if the table allows it.
func (s *supervisor) move(w *worker, next State) bool {
	if !w.state.mayBecome(next) {
		s.log.Error("illegal worker state change", "worker", w.index, "from", w.state.String(), "to", next.String())
		return false
	}
	w.state = next
	w.deadline, w.check = time.Time{}, time.Time{}
	s.dirty = true
	return true
}

// drain tells a worker to leave after what it holds. One that is still Starting may hold something: it claims requests as
// soon as it has said that it is ready, whether or not that was heard yet.
func (s *supervisor) drain(w *worker, reason RetireReason, deadline time.Time) {
	if !s.move(w, Draining) {
		return
	}
	s.retire(w, reason)
	w.deadline = deadline
	s.lanes.StopWorker(w.index)
}

// kill ends a worker's whole process group. Its exit is news that comes later; that of a worker whose pid is not
// known yet is killed when it is.
func (s *supervisor) kill(w *worker, reason RetireReason, now time.Time) {
	if w.state == Stopping || !s.move(w, Stopping) {
		return
	}
	s.retire(w, reason)
	w.deadline = now.Add(killWait)
	if w.pid != 0 {
		w.handle.kill()
	}
}

// checkWorker does what a worker's deadlines ask for.
func (s *supervisor) checkWorker(w *worker, now time.Time) {
	s.checkOverdue(w, now)
	switch w.state {
	case Starting:
		if s.due(w.deadline, now) {
			s.log.Error("worker was not ready in time (workers.start_timeout)", "worker", w.index, "pid", w.pid, "limit", s.startTimeout)
			s.kill(w, RetireStartTimeout, now)
			s.due(w.deadline, now)
		}
	case Ready:
		s.suspend(w, now)
		if !w.settled && s.crash.rounds > 0 && s.due(w.ready.Add(stableLife), now) {
			w.settled = true
			s.crash.lived(w.started)
			s.dirty = true
		}
	case Suspended:
		s.checkSuspended(w, now)
	case Draining:
		s.checkDraining(w, now)
	case Stopping:
		if !w.stuck && s.due(w.deadline, now) {
			w.stuck = true
			lost := s.lanes.Forsake(w.index, "it was killed and does not exit")
			s.log.Error("killed worker does not exit", "worker", w.index, "pid", w.pid, "lost", lost)
			s.buryOverdue(w)
			if w.pid == 0 { // the zygote owes its pid
				s.launcher.killZygote()
			}
		}
	case Exited:
	}
}

// checkDraining kills a worker whose time is over.
func (s *supervisor) checkDraining(w *worker, now time.Time) {
	if s.due(w.deadline, now) {
		if w.deadline.Before(s.stopAt) && s.lanes.Busy(w.index) > 0 {
			w.deadline = s.stopAt // it was ready, and nobody had heard of it
			s.due(w.deadline, now)
			return
		}
		s.kill(w, w.reason, now)
		s.due(w.deadline, now)
		return
	}
	if len(w.overdue) == 0 {
		s.checkLeaving(w, now)
	}
}

// due tells whether a moment has come; if not, the supervisor will look again then. Zero never comes.
func (s *supervisor) due(at, now time.Time) bool {
	if at.IsZero() {
		return false
	}
	if !now.Before(at) {
		return true
	}
	if s.wake.IsZero() || at.Before(s.wake) {
		s.wake = at
	}
	return false
}
