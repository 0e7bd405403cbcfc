package server

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// suspended is an engine whose process was stopped for a while when Alive was called for the first time.
type suspended struct {
	Engine
	pause time.Duration
	calls int
}

func (e *suspended) Alive(ctx context.Context) error {
	e.calls++
	if e.calls == 1 {
		<-time.After(e.pause)
	}
	return ctx.Err()
}

// TestLook_AfterASuspension: who was stopped while it waited for an answer asks again; who just got none does not.
func TestLook_AfterASuspension(t *testing.T) {
	const atMost = time.Second
	for _, row := range []struct {
		name  string
		pause time.Duration
		calls int
		alive bool
	}{
		{"answered at once", 0, 1, true},
		{"stopped for a minute", time.Minute, 2, true},
		{"no answer in time", atMost + time.Millisecond, 1, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				engine := &suspended{pause: row.pause}
				s := &Server{notify: &notifier{beats: make(chan chan struct{})}, fronts: &fronts{}, gate: &gate{}, engine: engine}
				s.gate.opened.Store(true)
				go func() { // the main loop; ends with ctx
					for {
						select {
						case <-s.notify.beats:
						case <-ctx.Done():
							return
						}
					}
				}()
				err := s.look(ctx, atMost)
				if (err == nil) != row.alive || engine.calls != row.calls {
					t.Errorf("%v after %d questions", err, engine.calls)
				}
				cancel()
				synctest.Wait()
			})
		})
	}
}
