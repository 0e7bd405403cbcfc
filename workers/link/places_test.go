package link

import (
	"testing"

	"penknife/gateway"
)

// TestQueue_PlacesFollowTheWorkers: so many may wait as the options say, beside those that the workers which live can hold:
// not more because others may come one day, and not fewer.
func TestQueue_PlacesFollowTheWorkers(t *testing.T) {
	o := testOptions()
	o.Slots, o.Workers, o.Threads, o.Waiting = 20, 4, 3, 2
	q, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := q.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
	expect := func(when string, places int) {
		t.Helper()
		var taken []*slot
		for s := q.takeFree(); s != nil; s = q.takeFree() {
			taken = append(taken, s)
		}
		if q.Places() != places || len(taken) != places {
			t.Errorf("%s: %d places, of which %d could be taken; want %d", when, q.Places(), len(taken), places)
		}
		if _, err := q.Serve(newRequestOf("/x"), nil); gateway.KindOf(err) != gateway.KindOverloaded {
			t.Errorf("%s: one more: %v", when, err)
		}
		for _, s := range taken {
			q.putFree(s)
		}
	}
	expect("without workers", 2)
	q.WorkerStarting(0)
	q.WorkerStarting(3)
	expect("two workers", 8)
	q.WorkerDied(0, "test")
	expect("one died", 5)
	for worker := range 3 {
		q.WorkerStarting(worker)
	}
	expect("four workers", 14)
	q.opts.Waiting = 100
	q.WorkerStarting(0)
	expect("more than there are slots", 20)
	for worker := range 4 {
		q.WorkerDied(worker, "test")
	}
}
