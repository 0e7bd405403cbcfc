package workers

import (
	"errors"
	"fmt"
	"time"
)

// handle takes one event in. What follows from the new state is advance's business.
func (s *supervisor) handle(e event, now time.Time) {
	switch e := e.(type) {
	case zygoteBegun:
		if e.zygote == s.zygote.number {
			s.zygote.begun = true
		}
	case zygoteReady:
		s.onZygoteReady(e, now)
	case zygoteRefused:
		if e.zygote == s.zygote.number && s.zygote.refusal == nil {
			s.zygote.refusal = refusal(e, s.interpreter)
		}
	case zygoteExited:
		s.onZygoteExited(e, now)
	case spawned:
		s.onSpawned(e, now)
	case notSpawned:
		s.onNotSpawned(e, now)
	case workerReady:
		s.onWorkerReady(e, now)
	case workerFailed:
		if w := s.byBirth(e.birth); w != nil {
			w.failure = e.text
		}
	case workerUnfit:
		s.onWorkerUnfit(e)
	case workerExited:
		if w := s.byBirth(e.birth); w != nil {
			s.onWorkerExited(w, e.exit, now)
		}
	case halted:
		s.onHalted(e, now)
	case zygoteHalted:
		s.onZygoteHalted(e, now)
	case overdue:
		s.onOverdue(e, now)
	case dumped:
		s.onDumped(e, now)
	case slow:
		s.onSlow(e, now)
	case hostile:
		s.onHostile(e, now)
	case scale:
		s.onScale(e, now)
	case roll:
		s.onRoll(e, now)
	case stop:
		s.onStop(e, now)
	case question:
		close(e.answer)
	}
}

func (s *supervisor) onZygoteReady(e zygoteReady, now time.Time) {
	z := &s.zygote
	if e.zygote != z.number || !z.exists() {
		return
	}
	z.ready, z.version, z.deadline = now, e.version, time.Time{}
	s.dirty = true
	s.log.Info("zygote ready", "pid", z.pid, "python", e.version, "interpreter", s.interpreter, "took", now.Sub(z.started))
	if len(e.threads) > 0 {
		s.log.Warn("the application started threads when it was imported: they do not exist in the workers, and "+
			"locks that they held stay locked; set app.preload to false if it needs them", "threads", e.threads)
	}
}

func refusal(e zygoteRefused, interpreter string) *StartError {
	if e.kind == StartInterpreter {
		return &StartError{Kind: e.kind, Reason: e.text}
	}
	return importFailure(interpreter, e.text)
}

// importFailure names the interpreter: a module that is missing is, as a rule, in another virtualenv.
func importFailure(interpreter, traceback string) *StartError {
	return &StartError{Kind: StartImport, Reason: "the application cannot be imported by " + interpreter, Traceback: traceback}
}

func (s *supervisor) onZygoteExited(e zygoteExited, now time.Time) {
	z := &s.zygote
	if e.zygote != z.number || !z.exists() {
		return
	}
	s.dirty = true
	z.pid = 0
	for _, w := range append([]*worker(nil), s.workers...) {
		if w.pid == 0 { // it was ordered from this zygote, and no answer will come
			w.handle.abandon()
			s.lanes.WorkerDied(w.index, "the zygote died")
			s.forget(w)
		}
	}
	if s.phase == phaseStopping {
		return
	}
	problem := z.refusal
	switch {
	case problem != nil:
	case !z.begun && (e.exit.cause == ExitStatus || e.exit.cause == ExitClean):
		problem = s.noPython("it " + e.exit.text)
		problem.Traceback = e.tail
	default:
		problem = &StartError{Kind: StartCrash, Reason: "the process that imports the application (the zygote) was lost: " + e.exit.text, Traceback: e.tail}
	}
	z.crash.died(z.started, z.ready, now)
	if s.phase == phaseRunning {
		s.log.Error("zygote died; running workers go on, another is started", "kind", problem.Kind.String(),
			"reason", problem.Reason, "exit", e.exit.text, "traceback", problem.Traceback)
	}
	s.failStart(problem)
}

// noPython is why an executable that never ran our first line cannot be the interpreter.
func (s *supervisor) noPython(what string) *StartError {
	return &StartError{Kind: StartInterpreter, Reason: s.interpreter + " is no Python that works: " + what +
		" before it ran anything; set app.python (--python) to the path of a CPython 3.10 or newer"}
}

func (s *supervisor) onSpawned(e spawned, now time.Time) {
	w := s.byBirth(e.birth)
	if w == nil {
		return
	}
	w.pid = e.pid
	s.lanes.WorkerIs(w.index, w.pid)
	s.dirty = true
	if err := w.handle.adopt(e.pid); err != nil {
		s.log.Error("worker cannot be watched", "worker", w.index, "pid", e.pid, "error", err)
		s.onWorkerExited(w, exit{ExitUnknown, "exited unseen"}, now)
		return
	}
	if w.state == Stopping {
		w.handle.kill()
	}
}

func (s *supervisor) onNotSpawned(e notSpawned, now time.Time) {
	w := s.byBirth(e.birth)
	if w == nil {
		return
	}
	w.handle.abandon()
	s.log.Error("no worker could be forked", "worker", w.index, "reason", e.text)
	s.lanes.WorkerDied(w.index, "never started")
	s.forget(w)
	s.crash.died(w.started, time.Time{}, now)
	s.failStart(&StartError{Kind: StartSystem, Reason: "a worker could not be forked: " + e.text})
}

func (s *supervisor) onWorkerReady(e workerReady, now time.Time) {
	w := s.byBirth(e.birth)
	if w == nil || w.state != Starting || !s.move(w, Ready) {
		return
	}
	w.ready = now
	s.limit(w)
	s.counters.WorkerStarted(now.Sub(w.started))
	s.log.Info("worker ready", "worker", w.index, "pid", w.pid, "took", now.Sub(w.started))
	if s.phase == phaseStarting && s.count(Ready) == s.target() {
		s.phase = phaseRunning
		s.started <- nil
	}
}

// onWorkerExited ends a worker's record: its requests are answered, its index is free.
func (s *supervisor) onWorkerExited(w *worker, e exit, now time.Time) {
	killed := w.state == Stopping && e.cause == ExitKilled
	if killed {
		e.cause = ExitByUs
	}
	if w.reason != 0 {
		e.text = fmt.Sprintf("%s (%s)", e.text, w.reason)
	}
	s.move(w, Exited)
	s.buryOverdue(w)
	s.served += s.lanes.Served(w.index)
	lost := s.lanes.WorkerDied(w.index, e.text)
	s.forget(w)
	s.counters.WorkerExited(e.cause.String())
	if w.reason == RetireShutdown {
		s.counters.RequestsCut(lost)
	}
	attrs := []any{"worker", w.index, "pid", w.pid, "exit", e.text, "lost", lost, "lived", now.Sub(w.started)}
	if w.failure != "" {
		attrs = append(attrs, "traceback", w.failure)
	}
	if w.reason == RetireShutdown || w.reason == RetireStartFailed {
		s.log.Debug("worker exited", attrs...)
		return
	}
	if w.reason.leaves() && (e.cause == ExitClean || e.cause == ExitByUs) {
		s.log.Info("worker left", attrs...)
		return
	}
	s.log.Error("worker died", attrs...)
	if w.reason != RetireOverdue && w.reason != RetireSuspended && (e.cause != ExitKilled || w.ready.IsZero()) {
		s.crash.died(w.started, w.ready, now) // what others killed says nothing about the application
	}
	if s.crash.looping() {
		s.log.Error("workers keep dying at once", "rounds", s.crash.rounds, "next", s.crash.next.Sub(now))
	}
	if w.ready.IsZero() || s.phase == phaseStarting {
		s.failStart(startProblem(w, e, s.interpreter))
	}
}

// startProblem is the reason why a worker died before it was ever ready.
func startProblem(w *worker, e exit, interpreter string) *StartError {
	switch {
	case w.failure != "":
		return importFailure(interpreter, w.failure)
	case w.reason == RetireStartTimeout:
		return &StartError{Kind: StartTimeout, Reason: "a worker was not ready in time (workers.start_timeout)"}
	case w.unfit != "":
		reason, traceback := splitUnfit(w.unfit)
		return &StartError{Kind: StartWarmup, Reason: "the warm-up request " + reason, Traceback: traceback}
	}
	return &StartError{Kind: StartCrash, Reason: "a worker died before the server was ready: " + e.text}
}

// onHostile kills at once: what else such a process would write is not to be waited for.
func (s *supervisor) onHostile(e hostile, now time.Time) {
	for _, w := range s.workers {
		if w.index != e.index && e.index >= 0 || w.state == Stopping {
			continue
		}
		s.log.Error("worker wrote nonsense into the queue; it is killed", "worker", w.index, "pid", w.pid,
			"reason", e.reason)
		s.kill(w, RetireHostile, now)
	}
}

// onStop lets the workers leave; a second one can only bring the deadline forward.
func (s *supervisor) onStop(e stop, now time.Time) {
	served := s.phase != phaseStarting
	if !served {
		s.started <- &StartError{Kind: StartSystem, Reason: "stopped before it was ready"}
	}
	if s.phase != phaseStopping || e.deadline.Before(s.stopAt) {
		s.stopAt = e.deadline
	}
	s.phase = phaseStopping
	for _, w := range s.workers {
		switch w.state {
		case Starting:
			s.stopStarting(w, served, now)
		case Ready:
			s.drain(w, RetireShutdown, s.stopAt)
		case Suspended:
			s.stopSuspended(w, now)
		case Draining:
			if w.deadline.IsZero() || s.stopAt.Before(w.deadline) {
				w.deadline = s.stopAt
			}
		case Stopping, Exited:
		}
	}
}

// stopStarting ends a worker that is not known to be ready: at once if nothing was ever served here, else after a moment in
// which it can show that it has begun.
func (s *supervisor) stopStarting(w *worker, served bool, now time.Time) {
	if !served {
		s.kill(w, RetireShutdown, now)
		return
	}
	deadline := now.Add(shortGrace)
	if s.stopAt.Before(deadline) {
		deadline = s.stopAt
	}
	s.drain(w, RetireShutdown, deadline)
}

func asStartError(err error) *StartError {
	var e *StartError
	if errors.As(err, &e) {
		return e
	}
	return &StartError{Kind: StartSystem, Reason: "the interpreter cannot be started", Err: err}
}
