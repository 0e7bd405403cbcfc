package httpfront

import (
	"sync"
	"sync/atomic"
	"testing"
)

func TestTurnsLetFewIn(t *testing.T) {
	turns := newTurns()
	var inside, most atomic.Int64 // of those who own a turn
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for range 200 {
				owned := turns.acquire()
				if owned {
					if now := inside.Add(1); now > most.Load() {
						most.Store(now)
					}
					inside.Add(-1)
				}
				turns.release(owned)
			}
		})
	}
	group.Wait()
	if most.Load() > int64(cap(turns.slots)) {
		t.Errorf("%d at once, %d may", most.Load(), cap(turns.slots))
	}
	if len(turns.slots) != 0 || turns.done.Load() != 16*200 {
		t.Errorf("%d turns are left, %d were ended", len(turns.slots), turns.done.Load())
	}
}

// TestTurnsDoNotWaitForADisk: while those inside do not get on, others do.
func TestTurnsDoNotWaitForADisk(t *testing.T) {
	turns := newTurns()
	for range cap(turns.slots) {
		if !turns.acquire() {
			t.Fatal("a free turn was not given")
		}
	}
	if turns.acquire() {
		t.Fatal("more turns than there are")
	}
	turns.release(false)
	if len(turns.slots) != cap(turns.slots) {
		t.Error("a turn that was not owned was given back")
	}
}
