package link

import (
	"errors"
	"sync"
	"testing"

	"penknife/gateway"
)

func TestEntry_CloseWaitsForWhoIsInside(t *testing.T) {
	e := newEntry()
	if !e.enter() || !e.enter() {
		t.Fatal("an open entry lets nobody in")
	}
	closed := make(chan struct{})
	go func() { // ended by the second leave
		e.close()
		close(closed)
	}()
	waitFor(t, "it begins to close", func() bool { return e.users.Load() < 0 })
	if e.enter() {
		t.Error("a closed entry lets somebody in")
	}
	e.leave()
	select {
	case <-closed:
		t.Error("closed with one inside")
	default:
	}
	e.leave()
	<-closed
	e.close()
}

func TestEntry_ManyAtOnce(t *testing.T) {
	for range 200 {
		e := newEntry()
		var inside sync.WaitGroup
		shut := false // written after close, read by those inside: the race detector and the test see an overlap
		for range 4 {
			inside.Go(func() {
				for e.enter() {
					if shut {
						t.Error("inside after the close")
					}
					e.leave()
				}
			})
		}
		e.close()
		shut = true
		inside.Wait()
	}
}

// TestClose_LeavesTheRequestToTheCaller: what was in flight is answered, what comes later is not touched.
func TestClose_LeavesTheRequestToTheCaller(t *testing.T) {
	h := startHarness(t, testOptions())
	running := h.submitLater("/hangs")
	waitFor(t, "it to be claimed", func() bool { return h.q.Busy(0) == 1 })
	h.q.Close()
	if _, err := h.q.Serve(newRequestOf("/hello"), nil); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
	if len(running) != 0 || h.q.InFlight() != 1 {
		t.Error("what ran was ended")
	}
	h.cmd.Process.Kill()
	h.cmd.Wait()
	h.q.WorkerDied(0, "killed")
	expectKind(t, running, gateway.KindWorkerDied)
}
