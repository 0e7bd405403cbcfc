package clients

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// Connections counts the open connections of each address. It holds no more addresses than there are connections. It
// may be used from many goroutines; a nil one has no limit.
type Connections struct {
	limit atomic.Int64 // 0: nobody is counted

	mu   sync.Mutex // guards open
	open map[key]int64
}

// NewConnections makes one with that limit for an address; 0 is none.
func NewConnections(limit int) *Connections {
	c := &Connections{open: map[key]int64{}}
	c.SetLimit(limit)
	return c
}

// SetLimit changes the limit. Connections that nobody counted when they came are not counted later.
func (c *Connections) SetLimit(limit int) { c.limit.Store(int64(limit)) }

// Seat is a connection that is counted. The zero Seat is one that is not.
type Seat struct {
	key   key
	taken bool
}

// Take counts a connection of an address, which Leave must end. It gives false when the address has as many as it may.
func (c *Connections) Take(ip netip.Addr) (Seat, bool) {
	if c == nil {
		return Seat{}, true
	}
	limit := c.limit.Load()
	if limit <= 0 {
		return Seat{}, true
	}
	k, known := keyOf(ip)
	if !known {
		return Seat{}, true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[k] >= limit {
		return Seat{}, false
	}
	c.open[k]++
	return Seat{k, true}, true
}

// Leave ends what Take began.
func (c *Connections) Leave(s Seat) {
	if !s.taken {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[s.key]--; c.open[s.key] <= 0 {
		delete(c.open, s.key)
	}
}
