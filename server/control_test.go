package server

import (
	"testing"
	"time"

	"penknife/server/usage"
	"penknife/workers"
)

// TestWorkersAreListedInTheirOrder: a replacement takes the place of its predecessor, and not the last one.
func TestWorkersAreListedInTheirOrder(t *testing.T) {
	seen := reading{usage: &usage.Reading{}, now: time.Now()}
	snapshot := workers.Snapshot{Workers: []workers.WorkerStatus{{Index: 2, PID: 12}, {Index: 0, PID: 15}, {Index: 1, PID: 11}}}
	for i, w := range seen.generation(snapshot).Workers {
		if w.Index != i {
			t.Errorf("row %d is worker %d", i, w.Index)
		}
	}
}
