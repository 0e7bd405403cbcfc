package cache

import (
	"hash/maphash"
	"sync"
	"time"
)

// signal is what a waiting request is told.
type signal uint8

const (
	signalAnswer signal = iota + 1 // the answer is there: landing has it
	signalAgain                    // look into the cache again, and fetch it yourself if it is not there
	signalLead                     // fetch it: landing has the flight, and those who still wait
	signalAlone                    // ask the application, without waiting for anybody
)

// landing is the end of a flight.
type landing struct {
	signal signal
	entry  *entry
	key    string   // of the entry
	vary   []string // of the entry
	fails  bool     // the entry is stale, and the application fails
	flight *flight
}

// waiter is a request that waits for another one. wake is called exactly once, from any goroutine.
type waiter struct {
	wake  func(landing)
	timer *time.Timer // signalAlone when the request has waited long enough
}

// flight is one fetch of a key, and who waits for it. It belongs to the fetch that began it until that calls one of the
// ends: flights.land or flights.next.
type flight struct {
	key     string
	waiters []*waiter
}

// flights is all fetches under way, in shards so that their locks are free. A lock is held for a look at a map.
type flights struct {
	seed   maphash.Seed
	shards [32]flightShard
}

type flightShard struct {
	mu      sync.Mutex // guards running, and the waiters of each
	running map[string]*flight
}

func newFlights() *flights {
	f := &flights{seed: maphash.MakeSeed()}
	for i := range f.shards {
		f.shards[i].running = map[string]*flight{}
	}
	return f
}

func (f *flights) shard(key []byte) *flightShard {
	return &f.shards[maphash.Bytes(f.seed, key)%uint64(len(f.shards))]
}

// join waits for the flight of the key, or begins one: then it gives that, and newWaiter is not called.
func (f *flights) join(key []byte, patience time.Duration, newWaiter func() *waiter) *flight {
	s := f.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	running := s.running[string(key)]
	if running == nil {
		running = &flight{key: string(key)}
		s.running[running.key] = running
		return running
	}
	w := newWaiter()
	running.waiters = append(running.waiters, w)
	w.timer = time.AfterFunc(patience, func() { f.giveUp(running, w) })
	return nil
}

// begin begins a flight if there is none.
func (f *flights) begin(key []byte) *flight {
	s := f.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running[string(key)] != nil {
		return nil
	}
	running := &flight{key: string(key)}
	s.running[running.key] = running
	return running
}

// giveUp takes a waiter out when its patience is over.
func (f *flights) giveUp(running *flight, w *waiter) {
	s := f.shard([]byte(running.key))
	s.mu.Lock()
	found := false
	for i, other := range running.waiters {
		if found = other == w; found {
			running.waiters = append(running.waiters[:i], running.waiters[i+1:]...)
			break
		}
	}
	s.mu.Unlock()
	if found {
		w.wake(landing{signal: signalAlone})
	}
}

// land ends a flight: all who wait are told the same. It gives how many there were.
func (f *flights) land(running *flight, l landing) int {
	s := f.shard([]byte(running.key))
	s.mu.Lock()
	waiters := running.waiters
	running.waiters = nil
	delete(s.running, running.key)
	s.mu.Unlock()
	for _, w := range waiters {
		w.timer.Stop()
		w.wake(l)
	}
	return len(waiters)
}

// next gives a flight that has failed to one of those who wait; the others go on waiting, each with its own patience.
func (f *flights) next(running *flight) {
	s := f.shard([]byte(running.key))
	s.mu.Lock()
	if len(running.waiters) == 0 {
		delete(s.running, running.key)
		s.mu.Unlock()
		return
	}
	first := running.waiters[0]
	running.waiters = running.waiters[1:]
	s.mu.Unlock()
	first.timer.Stop()
	first.wake(landing{signal: signalLead, flight: running})
}

// waiting counts who waits.
func (f *flights) waiting() (n int) {
	for i := range f.shards {
		s := &f.shards[i]
		s.mu.Lock()
		for _, flight := range s.running {
			n += len(flight.waiters)
		}
		s.mu.Unlock()
	}
	return n
}
