package link

import (
	"slices"
	"testing"

	"penknife/gateway"
)

// TestCensus counts what waits and what is held, while a lane scribbles a number that no lane has.
func TestCensus(t *testing.T) {
	q, err := New(testOptions())
	if err != nil {
		t.Fatal(err)
	}
	q.Start()
	var all []*slot
	for range 3 {
		s, err := q.submit(newRequestOf("/x"), nil)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	held := slices.Repeat([]int{7}, q.Workers())
	if n := q.Census(held); n != 3 || slices.Max(held) != 0 {
		t.Errorf("%d wait, held %v", n, held)
	}
	all[0].state.Store(stateWord(all[0].position, 0, stateClaimed))
	all[1].state.Store(stateWord(all[1].position, q.Workers(), stateClaimed)) // the second lane of worker 0, if there is one
	if n := q.Census(held); n != 1 || held[0] != 2 {
		t.Errorf("%d wait, held %v", n, held)
	}
	if n := q.Census(nil); n != 1 {
		t.Errorf("%d wait", n)
	}
	all[1].state.Store(stateWord(all[1].position, 0, stateClaimed))
	if lost := q.WorkerDied(0, "killed"); lost != 2 {
		t.Errorf("lost %d", lost)
	}
	if n := q.Census(held); n != 1 || held[0] != 0 {
		t.Errorf("after the death: %d wait, held %v", n, held)
	}
	q.Refuse(gateway.Errorf(gateway.KindUnavailable, "the end"))
	for _, s := range all {
		if _, err := s.await(); err == nil {
			t.Error("answered")
		}
	}
	if err := q.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if n := q.Census(held); n != 0 {
		t.Errorf("%d wait after the end", n)
	}
}
