package workers

import (
	"syscall"
	"time"

	"penknife/configs"
	"penknife/workers/link"
)

const (
	overdueGrace = 5 * time.Second        // for the other requests of a worker that has an overdue one
	overdueCheck = 250 * time.Millisecond // between looks at them
	// interruptCheck is when the first look is due after an interruption: nearly all work at once.
	interruptCheck = 20 * time.Millisecond
	// blockedAfter is how long after a time limit a worker counts as one that serves although none of its threads does:
	// nearly all are back sooner.
	blockedAfter = time.Second
	// slowDumps is the least time between two dumps of a worker's stacks for slow requests: each stops it for a moment.
	slowDumps = 10 * time.Second
)

// stackSignal makes a Python process write the stacks of all its threads, interruptSignal lets its main thread look
// whether its request shall end. Real-time signals: no application uses them by accident.
const (
	stackSignal     = syscall.Signal(60)
	interruptSignal = syscall.Signal(61)
)

// Outcome is what became of the worker of a request that had passed its time limit.
type Outcome uint8

// The outcomes.
const (
	OutcomeReturned    Outcome = iota + 1 // the application came back before it was interrupted
	OutcomeInterrupted                    // it gave way to the exception; the worker goes on
	OutcomeReplaced                       // it did not, or was not asked to; the worker had to go
)

var outcomeNames = [...]string{
	OutcomeReturned: "returned", OutcomeInterrupted: "interrupted", OutcomeReplaced: "replaced",
}

// String is the name used in logs and as a metric label.
func (o Outcome) String() string {
	if o == 0 || int(o) >= len(outcomeNames) {
		return "unknown"
	}
	return outcomeNames[o]
}

// overdueRequest is one that its client has given up on, and a thread of the worker has not.
type overdueRequest struct {
	link.Overdue
	since    time.Time // when that was found out
	stacks   bool      // they are in the log
	asked    bool      // it was interrupted
	giveUp   time.Time // when the worker is given up for it
	hopeless bool      // it was
}

// interruptGrace is how long an interrupted request has; 0 when there is to be no interruption.
func interruptGrace(c configs.Workers) time.Duration {
	if !c.Interrupt {
		return 0
	}
	return c.InterruptGrace
}

// onOverdue begins with the stacks: what follows would change them.
func (s *supervisor) onOverdue(e overdue, now time.Time) {
	w := s.byIndex(e.index)
	if w == nil || w.pid == 0 {
		return
	}
	s.counters.RequestOverdue()
	w.overdue = append(w.overdue, &overdueRequest{Overdue: e.request, since: now})
	birth, claim, report := w.birth, e.request.Claim, s.reporter(w, e.request)
	w.handle.stacks(func(dump string) {
		report("request timeout", dump)
		s.mail.put(dumped{birth, claim})
	})
	if s.interrupt == 0 && w.stays() {
		s.drain(w, RetireOverdue, now.Add(overdueGrace))
	}
}

// reporter gives what writes the record of a request that takes too long, and all stacks. Any goroutine may call it.
func (s *supervisor) reporter(w *worker, r link.Overdue) func(message, dump string) {
	log := s.log.With("worker", w.index, "pid", w.pid, "request", r.RequestID, "request_id", r.Name)
	return func(message, dump string) {
		stack := stackOf(dump, r.ThreadID)
		if stack == "" {
			stack = "unknown"
		}
		log.Error(message, "method", r.Method, "target", r.Target, "age", r.Age, "thread", r.Thread, "stack", stack)
		if dump != "" {
			log.Error("stacks of all threads", "text", dump)
		}
	}
}

// onDumped goes on with a request whose stacks are in the log.
func (s *supervisor) onDumped(e dumped, now time.Time) {
	w := s.byBirth(e.birth)
	if w == nil {
		return
	}
	for _, r := range w.overdue {
		if r.Claim == e.claim && !r.stacks {
			r.stacks, r.giveUp = true, now.Add(s.interrupt)
			s.ask(w, r)
			w.overdueCheck = now.Add(interruptCheck)
		}
	}
}

// ask interrupts a request. The signal is repeated with each look: one that comes just before the call that it shall
// end has no effect.
func (s *supervisor) ask(w *worker, r *overdueRequest) {
	if s.interrupt == 0 || r.hopeless {
		return
	}
	if s.lanes.Interrupt(r.Claim) {
		r.asked = true
		if r.Thread == 0 {
			w.handle.signal(interruptSignal)
		}
	}
}

// checkOverdue looks what became of a worker's overdue requests, and gives the worker up for one that stays.
func (s *supervisor) checkOverdue(w *worker, now time.Time) {
	if len(w.overdue) == 0 || w.state == Stopping || !s.due(w.overdueCheck, now) {
		return
	}
	var left []*overdueRequest
	for _, r := range w.overdue {
		if !s.lanes.Holds(r.Claim) {
			s.cameBack(w, r, now)
			continue
		}
		left = append(left, r)
		if !r.stacks {
			continue
		}
		if !r.hopeless && !now.Before(r.giveUp) {
			s.lose(w, r)
		}
		s.ask(w, r)
	}
	w.overdue = left
	w.overdueCheck = now.Add(overdueCheck)
	if w.stays() && w.hopeless() > 0 {
		s.drain(w, RetireOverdue, now.Add(overdueGrace))
	}
	if w.state == Draining && w.hopeless() > 0 && s.lanes.Busy(w.index) <= w.hopeless() {
		s.kill(w, w.reason, now) // nothing is left that could end well
		return
	}
	s.block(w, now)
	if len(left) > 0 {
		s.due(w.overdueCheck, now)
	}
}

// block notes whether overdue requests hold all threads of a worker. Then another takes its place while they still have
// their grace, and if it comes back after all there is one too many for a moment.
func (s *supervisor) block(w *worker, now time.Time) {
	held := 0
	for _, r := range w.overdue {
		if now.Sub(r.since) >= blockedAfter {
			held++
		}
	}
	if blocked := held >= s.threads; blocked != w.blocked {
		w.blocked, s.dirty = blocked, true
	}
}

// serving counts the ready workers that can take a request, now or when they have answered another one.
func (s *supervisor) serving() int {
	n := 0
	for _, w := range s.workers {
		if w.state == Ready && !w.blocked {
			n++
		}
	}
	return n
}

// cameBack ends the matter of a request whose thread works again.
func (s *supervisor) cameBack(w *worker, r *overdueRequest, now time.Time) {
	outcome := OutcomeReturned
	if r.asked {
		outcome = OutcomeInterrupted
	}
	s.counters.OverdueEnded(outcome.String())
	s.log.Warn("request timeout: the thread is free again", "worker", w.index, "pid", w.pid, "request", r.RequestID,
		"request_id", r.Name, "outcome", outcome.String(), "after", now.Sub(r.since))
}

// lose says that a worker is given up for a request.
func (s *supervisor) lose(w *worker, r *overdueRequest) {
	r.hopeless = true
	if r.asked {
		s.log.Error("request timeout: the application did not give way to the exception", "worker", w.index,
			"pid", w.pid, "request", r.RequestID, "request_id", r.Name, "grace", s.interrupt)
	}
}

// buryOverdue ends the matter of what a worker takes with it.
func (s *supervisor) buryOverdue(w *worker) {
	for _, r := range w.overdue {
		s.counters.OverdueEnded(OutcomeReplaced.String())
		s.log.Warn("request timeout: the worker was replaced", "worker", w.index, "pid", w.pid, "request", r.RequestID,
			"request_id", r.Name, "outcome", OutcomeReplaced.String())
	}
	w.overdue = nil
}

// hopeless counts the overdue requests for which the worker was given up.
func (w *worker) hopeless() (n int) {
	for _, r := range w.overdue {
		if r.hopeless {
			n++
		}
	}
	return n
}

// onSlow writes the record of a request that is slow and goes on. Its stack is in it, unless the worker has just
// shown others.
func (s *supervisor) onSlow(e slow, now time.Time) {
	w := s.byIndex(e.index)
	if w == nil || w.pid == 0 {
		return
	}
	s.counters.RequestSlow()
	r := e.request
	log := s.log.With("worker", w.index, "pid", w.pid, "request", r.RequestID, "request_id", r.Name,
		"method", r.Method, "target", r.Target, "age", r.Age, "thread", r.Thread)
	if !w.dumped.IsZero() && now.Sub(w.dumped) < slowDumps {
		log.Warn("slow request", "stack", "not looked at again within "+slowDumps.String())
		return
	}
	w.dumped = now
	w.handle.stacks(func(dump string) {
		stack := stackOf(dump, r.ThreadID)
		if stack == "" {
			stack = "unknown"
		}
		log.Warn("slow request", "stack", stack)
	})
}
