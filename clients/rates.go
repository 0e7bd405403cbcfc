package clients

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// shardCount is by how many locks the addresses are divided.
const shardCount = 16

// leastKeep is how long addresses are held at least, in nanoseconds: maps are not made anew for every few requests.
const leastKeep = int64(time.Second)

// Rates limits the requests of each address by the generic cell rate algorithm: of an address one number is kept, the
// time at which all that it has asked for would be over at the permitted rate. It holds a bounded number of addresses.
//
// A shard has two maps of them. What is asked for goes into the recent one; from time to time the older is thrown away
// and the recent becomes the older. An address in the older has then not asked for as long as a whole burst takes to be
// permitted again, so nothing is lost; only when more addresses ask than may be held, the older goes earlier, and those in
// it begin anew. So nobody sweeps, and a flood of addresses costs memory up to the bound and no more.
type Rates struct {
	rule      atomic.Pointer[rule] // nil: no limit
	born      time.Time
	seed      maphash.Seed
	shards    [shardCount]shard
	forgotten atomic.Uint64
}

// rule is a limit in force. Times are in nanoseconds.
type rule struct {
	interval  int64 // between two requests at the permitted rate
	tolerance int64 // how far ahead of it an address may be: its burst
	most      int   // addresses in one map
}

type shard struct {
	mu            sync.Mutex // guards the rest
	recent, older map[key]int64
	turned        int64 // when recent began
}

// NewRates makes one without a limit.
func NewRates() *Rates { return &Rates{born: time.Now(), seed: maphash.MakeSeed()} }

// Configure sets the limit: rate requests per second, burst at once, and how many addresses are held. A rate of 0 is no
// limit. What addresses have asked for stays counted.
func (r *Rates) Configure(rate, burst, addresses int) {
	if rate <= 0 {
		r.rule.Store(nil)
		return
	}
	interval := int64(time.Second) / int64(rate)
	r.rule.Store(&rule{interval, interval * int64(max(burst, 1)), max(1, addresses/(2*shardCount))})
}

// On tells whether there is a limit.
func (r *Rates) On() bool { return r.rule.Load() != nil }

// Take counts a request of an address at a time that does not go back. When it is one too many, it is not counted, and
// wait is when the next would not be.
func (r *Rates) Take(ip netip.Addr, now time.Time) (wait time.Duration, ok bool) {
	limit := r.rule.Load()
	k, known := keyOf(ip)
	if limit == nil || !known {
		return 0, true
	}
	s := &r.shards[maphash.Bytes(r.seed, k[:])%shardCount]
	s.mu.Lock()
	defer s.mu.Unlock()
	at := int64(now.Sub(r.born))
	s.turn(at, max(limit.tolerance, leastKeep))
	end, held := s.recent[k]
	if !held {
		if len(s.recent) >= limit.most {
			r.forgotten.Add(uint64(len(s.older)))
			s.push(at)
		}
		end = s.older[k]
		delete(s.older, k)
	}
	next := max(end, at) + limit.interval
	if over := next - at - limit.tolerance; over > 0 {
		s.recent[k] = end
		return time.Duration(over), false
	}
	s.recent[k] = next
	return 0, true
}

// turn lets go of what has not asked for so long, and of all if nobody has for twice as long.
func (s *shard) turn(now, keep int64) {
	if s.recent == nil {
		s.recent, s.turned = map[key]int64{}, now
	}
	switch passed := now - s.turned; {
	case passed >= 2*keep:
		s.recent = nil
		fallthrough
	case passed >= keep:
		s.push(now)
	}
}

func (s *shard) push(now int64) { s.older, s.recent, s.turned = s.recent, map[key]int64{}, now }

// Held tells how many addresses are held now, and how many were forgotten because there were too many.
func (r *Rates) Held() (addresses int, forgotten uint64) {
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		addresses += len(s.recent) + len(s.older)
		s.mu.Unlock()
	}
	return addresses, r.forgotten.Load()
}
