package server

import (
	"context"
	"os"
	"syscall"
	"time"
)

// action is what a signal asks for.
type action uint8

const (
	actionNone    action = iota + 1 // known, and without effect
	actionDrain                     // finish what is under way, then exit
	actionFast                      // exit without waiting for requests
	actionReload                    // new code and configuration
	actionMore                      // one worker more
	actionLess                      // one worker less
	actionReopen                    // logs go to new files
	actionUpgrade                   // a new process takes over
)

// byControl is who asked, in the log, when it was no signal.
const byControl = "control socket"

var actionNames = [...]string{
	actionNone: "none", actionDrain: "drain", actionFast: "fast", actionReload: "reload",
	actionMore: "more", actionLess: "less", actionReopen: "reopen", actionUpgrade: "upgrade",
}

// String gives the name used in logs.
func (a action) String() string {
	if int(a) < len(actionNames) && actionNames[a] != "" {
		return actionNames[a]
	}
	return "unknown"
}

// actionOf says what a signal means. SIGPIPE is a log whose reader has gone: no reason to stop serving.
func actionOf(s os.Signal) action {
	switch s {
	case syscall.SIGTERM:
		return actionDrain
	case syscall.SIGINT, syscall.SIGQUIT:
		return actionFast
	case syscall.SIGHUP:
		return actionReload
	case syscall.SIGTTIN:
		return actionMore
	case syscall.SIGTTOU:
		return actionLess
	case syscall.SIGUSR1:
		return actionReopen
	case syscall.SIGUSR2:
		return actionUpgrade
	}
	return actionNone
}

// waitForStop returns the time until which requests may go on once something asks for the end: a signal, the end of
// ctx, or a part that failed (the error).
func (s *Server) waitForStop(ctx context.Context) (grace time.Duration, err error) {
	for {
		select {
		case err := <-s.engineStarted:
			if err != nil {
				return 0, err
			}
			s.opened()
		case err := <-s.failed:
			return s.grace(), err
		case <-ctx.Done():
			return s.grace(), nil
		case <-s.left:
			s.leave()
			return s.grace(), nil
		case beat := <-s.notify.beats:
			close(beat)
		case sig := <-s.signals:
			if s.obey(actionOf(sig), sig.String()) {
				return s.grace(), s.delayStop(ctx)
			}
		case asked := <-s.orders:
			if s.obey(asked, byControl) {
				return s.grace(), s.delayStop(ctx)
			}
		}
	}
}

// obey does what a signal or the control socket asks for, and tells whether it is the end.
func (s *Server) obey(asked action, by string) (stop bool) {
	switch asked {
	case actionDrain:
		s.log.Info("draining", "by", by, "grace_period", s.grace(), "in_flight", s.engine.InFlight())
		return true
	case actionFast:
		s.log.Info("stopping at once", "by", by, "in_flight", s.engine.InFlight())
		s.fast = true
		return true
	case actionReload:
		s.reloads.order()
	case actionMore:
		s.scaleBySignal(1)
	case actionLess:
		s.scaleBySignal(-1)
	case actionReopen:
		s.logs.ReopenSoon()
	case actionUpgrade:
		s.upgrades.ask()
	}
	return false
}

// grace is the time that requests in flight have from now on.
func (s *Server) grace() time.Duration {
	if s.fast {
		return 0
	}
	return s.inForce.Load().Config.Workers.GracePeriod
}

// delayStop goes on serving, and accepting, for process.shutdown_delay, while /readyz says that it is over: until then
// load balancers send requests. It ends early when somebody asks again, or when nothing is left to be served.
func (s *Server) delayStop(ctx context.Context) error {
	delay := s.inForce.Load().Config.Process.ShutdownDelay
	if delay <= 0 || s.fast || !s.gate.opened.Load() {
		return nil
	}
	s.gate.stopping.Store(true)
	s.fronts.part()
	s.notify.stopping(delay + s.grace())
	s.log.Info("still serving before the stop", "shutdown_delay", delay)
	timer := time.NewTimer(delay)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return nil
		case <-s.left:
			s.leave()
			return nil
		case err := <-s.failed:
			return err
		case beat := <-s.notify.beats:
			close(beat)
		case sig := <-s.signals:
			if s.askedAgain(actionOf(sig), sig.String()) {
				return nil
			}
		case asked := <-s.orders:
			if s.askedAgain(asked, byControl) {
				return nil
			}
		}
	}
}

// askedAgain tells whether the delay is over because of a further signal: a second TERM, or what stops at once.
func (s *Server) askedAgain(asked action, by string) bool {
	if asked != actionFast && (asked != actionDrain || by == byControl) { // `penknife stop` may be said twice
		return false
	}
	s.log.Warn("asked again: stopping at once", "by", by)
	s.fast = true
	return true
}

// hardContext ends when a second signal asks for the end. The returned function ends its goroutine and waits for it.
func (s *Server) hardContext() (context.Context, func()) {
	ctx, hard := context.WithCancel(context.Background())
	done, over := make(chan struct{}), make(chan struct{})
	told := false
	again := func(asked action, by string) {
		if asked == actionDrain && s.hasLeft() && !told {
			told = true // a service manager tells every process of the service, and this one leaves as it is
			return
		}
		if asked == actionFast || asked == actionDrain && by != byControl { // `penknife stop` may be said twice
			s.log.Warn("asked again: stopping without mercy", "by", by)
			hard()
		}
	}
	// Stopped by the returned function.
	go func() {
		defer close(over)
		for {
			select {
			case <-done:
				return
			case sig := <-s.signals:
				again(actionOf(sig), sig.String())
			case asked := <-s.orders:
				again(asked, byControl)
			}
		}
	}()
	return ctx, func() {
		close(done)
		<-over
		hard()
	}
}
