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
	actionNone   action = iota + 1 // known, and without effect
	actionDrain                    // finish what is under way, then exit
	actionFast                     // exit without waiting for requests
	actionUnable                   // something that this build cannot do
)

var actionNames = [...]string{
	actionNone: "none", actionDrain: "drain", actionFast: "fast", actionUnable: "unable",
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
	case syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGTTIN, syscall.SIGTTOU:
		return actionUnable
	}
	return actionNone
}

// waitForStop returns the time until which requests may go on once something asks for the end: a signal, the end of
// ctx, or a part that failed (the error).
func (s *Server) waitForStop(ctx context.Context) (grace time.Duration, err error) {
	grace = s.loaded.Config.Workers.GracePeriod
	for {
		select {
		case err := <-s.engineStarted:
			if err != nil {
				return 0, err
			}
			s.opened()
		case err := <-s.failed:
			return grace, err
		case <-ctx.Done():
			return grace, nil
		case sig := <-s.signals:
			switch actionOf(sig) {
			case actionDrain:
				s.log.Info("draining", "signal", sig.String(), "grace_period", grace, "in_flight", s.engine.InFlight())
				return grace, nil
			case actionFast:
				s.log.Info("stopping at once", "signal", sig.String(), "in_flight", s.engine.InFlight())
				s.fast = true
				return 0, nil
			case actionUnable:
				s.log.Warn("signal ignored: this build does not know what to do for it", "signal", sig.String())
			}
		}
	}
}

// hardContext ends when a second signal asks for the end. The returned function ends its goroutine and waits for it.
func (s *Server) hardContext() (context.Context, func()) {
	ctx, hard := context.WithCancel(context.Background())
	done, over := make(chan struct{}), make(chan struct{})
	// Stopped by the returned function.
	go func() {
		defer close(over)
		for {
			select {
			case <-done:
				return
			case sig := <-s.signals:
				if a := actionOf(sig); a == actionDrain || a == actionFast {
					s.log.Warn("second signal: stopping without mercy", "signal", sig.String())
					hard()
				}
			}
		}
	}()
	return ctx, func() {
		close(done)
		<-over
		hard()
	}
}
