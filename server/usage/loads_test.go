package usage

import (
	"math"
	"testing"
	"time"

	"penknife/workers"
)

func TestLoads(t *testing.T) {
	var l loads
	start := time.Unix(1000, 0)
	snapshot := workers.Snapshot{Threads: 2, Workers: []workers.WorkerStatus{
		{Index: 0, PID: 5, Started: start, Occupied: 5 * time.Second}, {Index: 1, PID: 6, Started: start, Occupied: time.Hour},
	}}
	snapshot.Draining = []workers.Snapshot{{Threads: 1, Workers: []workers.WorkerStatus{{Index: 0, PID: 4, Started: start, Occupied: time.Second}}}}
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	now := start.Add(10 * time.Second)
	got := l.look(snapshot, now)
	near("since its start", got[5], .25)
	near("more than there is", got[6], 1)
	near("same index in the generation before", got[4], .1)

	near("at the same moment", l.look(snapshot, now)[5], .25)
	for range 10 {
		now = now.Add(time.Second)
		got = l.look(snapshot, now)
	}
	near("after the time constant", got[5], .25/math.E)

	now = now.Add(time.Hour) // nobody looked meanwhile
	snapshot.Workers[0].Occupied += time.Hour
	near("after a long time", l.look(snapshot, now)[5], .5)

	snapshot.Workers[0] = workers.WorkerStatus{Index: 0, PID: 9, Started: now}
	near("of a successor", l.look(snapshot, now.Add(time.Second))[9], 0)
}
