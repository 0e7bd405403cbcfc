package httpfront

import (
	"runtime"
	"sync/atomic"
	"time"
)

// stuckAfter is how long nobody may have finished before one who waits goes ahead: then those inside wait for a disk.
const stuckAfter = 10 * time.Millisecond

// turns lets few goroutines at once copy large files inside the kernel. Such a call keeps a CPU for 100 µs and more. The
// runtime takes it for one that blocks and starts a thread for the next goroutine, until as many threads copy as there
// are connections, and everybody who has to read what they copy, or to accept, gets a small part of a CPU.
type turns struct {
	slots chan struct{}
	done  atomic.Uint64 // copies that have ended
}

// newTurns leaves half of the CPUs to the others.
func newTurns() turns {
	return turns{slots: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))}
}

// acquire waits for a turn. It gives false when nobody has finished for stuckAfter, so that the caller goes ahead
// without one. Pass the result to release.
func (t *turns) acquire() (owned bool) {
	select {
	case t.slots <- struct{}{}:
		return true
	default:
	}
	timer := time.NewTimer(stuckAfter)
	defer timer.Stop()
	for {
		before := t.done.Load()
		select {
		case t.slots <- struct{}{}:
			return true
		case <-timer.C:
		}
		if t.done.Load() == before {
			return false
		}
		timer.Reset(stuckAfter)
	}
}

// release ends what acquire began.
func (t *turns) release(owned bool) {
	t.done.Add(1)
	if owned {
		<-t.slots
	}
}
