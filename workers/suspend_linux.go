package workers

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// suspendedAfter is how long a process may be stopped without that anything is said or done: tools that look at processes
// stop them for a moment.
const suspendedAfter = time.Second

// onHalted takes in that a signal has stopped a worker's process (SIGSTOP and its like, not a debugger), or that it goes on.
// The kernel tells, also of a worker that nobody asks for anything.
func (s *supervisor) onHalted(e halted, now time.Time) {
	w := s.byBirth(e.birth)
	if w == nil {
		return
	}
	if e.by != 0 {
		if w.halted.IsZero() {
			w.halted, w.haltedBy = now, e.by
		}
		return
	}
	since := w.halted
	w.halted = time.Time{}
	if w.state == Suspended && s.move(w, Ready) {
		s.log.Warn("suspended worker goes on", "worker", w.index, "pid", w.pid, "after", now.Sub(since))
	}
}

// suspend takes a ready worker that stays stopped out of the count, so that another takes its place at once. It keeps what
// it holds: it may go on.
func (s *supervisor) suspend(w *worker, now time.Time) {
	if w.halted.IsZero() || !s.due(w.halted.Add(suspendedAfter), now) || !s.move(w, Suspended) {
		return
	}
	s.log.Error("worker is suspended: another takes its place; SIGCONT lets it go on", "worker", w.index, "pid", w.pid,
		"signal", unix.SignalName(w.haltedBy), "holds", s.lanes.Busy(w.index), "limit", s.requestTimeout)
	if s.requestTimeout > 0 {
		w.deadline = w.halted.Add(max(s.requestTimeout, suspendedAfter))
	}
}

// checkSuspended kills a worker that is stopped for as long as a request may take. What it holds then is overdue, and has
// its own grace (checkOverdue), which ends sooner than the time that is added here.
func (s *supervisor) checkSuspended(w *worker, now time.Time) {
	if !s.due(w.deadline, now) {
		return
	}
	if w.check.IsZero() && s.lanes.Busy(w.index) > 0 {
		w.check = now
		w.deadline = now.Add(s.interrupt + overdueGrace)
		s.due(w.deadline, now)
		return
	}
	s.log.Error("suspended worker is killed (workers.request_timeout)", "worker", w.index, "pid", w.pid,
		"after", now.Sub(w.halted), "limit", s.requestTimeout)
	s.kill(w, RetireSuspended, now)
	s.due(w.deadline, now)
}

// stopSuspended does not wait for a worker that cannot hear.
func (s *supervisor) stopSuspended(w *worker, now time.Time) {
	if s.lanes.Busy(w.index) == 0 {
		s.kill(w, RetireShutdown, now)
		return
	}
	s.drain(w, RetireShutdown, s.stopAt)
}

func (s *supervisor) onZygoteHalted(e zygoteHalted, now time.Time) {
	z := &s.zygote
	if e.zygote != z.number || !z.exists() || e.by != 0 && !z.halted.IsZero() {
		return
	}
	if e.by != 0 {
		z.halted, z.haltedBy = now, e.by
		return
	}
	if z.suspended {
		s.log.Warn("suspended zygote goes on", "pid", z.pid, "after", now.Sub(z.halted))
	}
	z.halted, z.suspended = time.Time{}, false
}

// checkHaltedZygote ends a zygote that stays stopped: it would be missed when the next worker is, and only then.
func (s *supervisor) checkHaltedZygote(now time.Time) {
	z := &s.zygote
	if z.halted.IsZero() || !z.usable() || !s.due(z.halted.Add(suspendedAfter), now) {
		return
	}
	if !z.suspended {
		z.suspended = true
		s.log.Error("zygote is suspended: no worker can be started; SIGCONT lets it go on", "pid", z.pid,
			"signal", unix.SignalName(z.haltedBy), "limit", s.startTimeout)
	}
	if s.startTimeout > 0 && z.refusal == nil && s.due(z.halted.Add(s.startTimeout), now) {
		z.refusal = &StartError{Kind: StartTimeout, Reason: "it was suspended for " + s.startTimeout.String() + " (workers.start_timeout)"}
		s.launcher.killZygote()
	}
}

// follow has tell called with the signal that has stopped a process, and with 0 when the process goes on, until it is
// removed. tell must not block.
func (f *family) follow(pid int, tell func(by syscall.Signal)) {
	f.mu.Lock()
	f.followed[pid] = tell
	f.mu.Unlock()
	heed(pid, tell) // the signal for it may have come before
}

// heedAll tells of all stops since the last time; the kernel sends SIGCHLD for them as for an end.
func (f *family) heedAll() {
	f.mu.Lock()
	all := make(map[int]func(syscall.Signal), len(f.followed))
	for pid, tell := range f.followed {
		all[pid] = tell
	}
	f.mu.Unlock()
	for pid, tell := range all {
		heed(pid, tell)
	}
}

// heed takes what the kernel has to tell about a child's stops. It keeps the last one only.
func heed(pid int, tell func(by syscall.Signal)) {
	const stopped, continued = 5, 6 // CLD_STOPPED, CLD_CONTINUED
	var info childInfo
	if waitid(unix.P_PID, pid, &info, unix.WSTOPPED|unix.WCONTINUED|unix.WNOHANG) != nil {
		return // it is gone
	}
	switch info.Code {
	case stopped:
		tell(syscall.Signal(info.status()))
	case continued:
		tell(0)
	}
}
