package link

import (
	"testing"

	"penknife/gateway"
)

// TestBusy_DoesNotCountWhatTheDeadHeld: the front end takes its time to pick up the failure, and the slot stays claimed
// in the memory until then. The worker's successor has the same index and holds nothing.
func TestBusy_DoesNotCountWhatTheDeadHeld(t *testing.T) {
	q, err := New(testOptions())
	if err != nil {
		t.Fatal(err)
	}
	q.Start()
	s, err := q.submit(newRequestOf("/x"), nil)
	if err != nil {
		t.Fatal(err)
	}
	s.state.Store(stateWord(s.position, 0, stateClaimed)) // as lane 0 does
	if n := q.Busy(0); n != 1 {
		t.Errorf("busy with %d, want 1", n)
	}
	if lost := q.WorkerDied(0, "killed"); lost != 1 {
		t.Errorf("lost %d, want 1", lost)
	}
	if n := q.Busy(0); n != 0 {
		t.Errorf("the dead is busy with %d", n)
	}
	if _, err := s.await(); gateway.KindOf(err) != gateway.KindWorkerDied {
		t.Error(err)
	}
	if err := q.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
