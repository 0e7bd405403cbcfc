package server

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// errNoBeat is a main loop that does not turn.
var errNoBeat = errors.New("the main loop does not answer")

// watchdogStage tells the service manager at half of its time that this server is alive, as long as it really is: the
// main loop turns, every accept loop does, and the engine answers. It runs only when the manager asks for it.
func (s *Server) watchdogStage() stage {
	interval := s.notify.WatchdogTime() / 2
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	return stage{
		name: "watchdog", quiet: true,
		start: func(context.Context) error {
			// Stopped by stop, which waits.
			go func() {
				defer close(done)
				s.watch(ctx, interval)
			}()
			return nil
		},
		stop: func(context.Context) error {
			cancel()
			<-done
			return nil
		},
	}
}

func (s *Server) watch(ctx context.Context, interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		s.open.lookAfter(s.log)
		err := s.look(ctx, interval/2)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.log.Error("no sign of life to the service manager, which will end penknife", "reason", err)
		default:
			s.notify.note(s.notify.Alive())
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// look is alive, but for a process that was stopped itself, or had no CPU, while it waited for answers: it asks once more.
func (s *Server) look(ctx context.Context, atMost time.Duration) error {
	began := time.Now()
	err := s.alive(ctx, atMost)
	if err != nil && time.Since(began) > 2*atMost {
		return s.alive(ctx, atMost)
	}
	return err
}

// alive asks everybody on whom serving depends.
func (s *Server) alive(ctx context.Context, atMost time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	beat := make(chan struct{})
	select {
	case s.notify.beats <- beat:
	case <-ctx.Done():
		return errNoBeat
	}
	if err := s.fronts.alive(); err != nil {
		return err
	}
	if !s.gate.opened.Load() {
		return nil // the import may take its time, and has a limit of its own
	}
	if err := s.engine.Alive(ctx); err != nil {
		return fmt.Errorf("the workers' supervisor does not answer: %w", err)
	}
	return nil
}
