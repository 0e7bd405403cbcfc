package workers

import (
	"syscall"
	"time"
)

// zygoteRecord is the supervisor's record of the generation's zygote.
type zygoteRecord struct {
	number   uint64 // of the present or latest one; 0: none yet
	pid      int    // 0: there is none
	version  string // of the interpreter, kept after an exit
	started  time.Time
	begun    bool      // it runs Python
	ready    time.Time // zero until it was
	deadline time.Time // start limit, then that of stopping
	stopping bool
	halted   time.Time      // when a signal has stopped the process; zero: it runs
	haltedBy syscall.Signal // which
	// suspended: it stays so, and that was said.
	suspended bool
	refusal   *StartError // what it said before it gave up
	crash     backoff
}

func (z *zygoteRecord) exists() bool { return z.pid != 0 }

func (z *zygoteRecord) usable() bool { return z.pid != 0 && !z.ready.IsZero() && !z.stopping }

// checkZygote starts a zygote when there is none, and ends it when the generation stops.
func (s *supervisor) checkZygote(now time.Time) {
	z := &s.zygote
	switch {
	case s.phase == phaseStopping:
		s.stopZygote(now)
	case !z.exists():
		if !z.crash.looping() || s.due(z.crash.next, now) {
			s.startZygote(now)
		}
	case z.ready.IsZero() && s.due(z.deadline, now):
		z.deadline = time.Time{}
		z.refusal = &StartError{Kind: StartTimeout,
			Reason: "the application was not imported within " + s.startTimeout.String() + " (workers.start_timeout)"}
		if !z.begun {
			z.refusal = s.noPython("it did nothing for " + s.startTimeout.String())
		}
		s.launcher.killZygote()
	default:
		s.checkHaltedZygote(now)
	}
}

func (s *supervisor) startZygote(now time.Time) {
	z := &s.zygote
	z.number++
	pid, err := s.launcher.startZygote(z.number)
	if err != nil {
		s.log.Error("no zygote could be started", "error", err)
		z.crash.failed(err, now)
		s.failStart(asStartError(err))
		s.mail.put(zygoteExited{}) // of nobody: makes the loop look again
		return
	}
	z.pid, z.started, z.ready, z.refusal, z.stopping = pid, now, time.Time{}, nil, false
	z.begun, z.deadline, z.halted, z.suspended = false, time.Time{}, time.Time{}, false
	if s.startTimeout > 0 {
		z.deadline = now.Add(s.startTimeout)
	}
	s.due(z.deadline, now)
	s.dirty = true
}

// stopZygote asks the zygote to leave when the last worker has gone, and insists after a while.
func (s *supervisor) stopZygote(now time.Time) {
	z := &s.zygote
	if !z.exists() {
		return
	}
	for _, w := range s.workers {
		if !w.stuck {
			return
		}
	}
	if !z.stopping {
		z.stopping = true
		z.deadline = now.Add(zygoteGrace)
		s.launcher.stopZygote()
	}
	if s.due(z.deadline, now) {
		s.launcher.killZygote()
		z.deadline = now.Add(killWait)
		s.due(z.deadline, now)
	}
}
