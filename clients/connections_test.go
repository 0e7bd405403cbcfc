package clients

import (
	"net/netip"
	"testing"
)

func addr(text string) netip.Addr {
	ip, _ := netip.ParseAddr(text) // "none" is none
	return ip
}

// TestConnections: each address has its own count, an IPv6 client is its /64, and who left makes room.
func TestConnections(t *testing.T) {
	c := NewConnections(2)
	take := func(text string, want bool) Seat {
		t.Helper()
		seat, ok := c.Take(addr(text))
		if ok != want {
			t.Errorf("%s: %v", text, ok)
		}
		return seat
	}
	first := take("192.0.2.1", true)
	take("::ffff:192.0.2.1", true)
	c.Leave(take("192.0.2.1", false)) // was none
	take("192.0.2.1", false)
	take("192.0.2.2", true)
	take("2001:db8:0:1::1", true)
	take("2001:db8:0:1:ffff::2", true)
	take("2001:db8:0:1::3", false)
	take("2001:db8:0:2::1", true)
	for range 5 {
		take("none", true)
	}
	c.Leave(first)
	take("192.0.2.1", true)
	take("192.0.2.1", false)
}

// TestConnectionsForget: an address without connections takes no memory, and a change of the limit confuses no count.
func TestConnectionsForget(t *testing.T) {
	c := NewConnections(0)
	before, _ := c.Take(addr("192.0.2.1"))
	c.SetLimit(1)
	during, ok := c.Take(addr("192.0.2.1"))
	if !ok || len(c.open) != 1 {
		t.Fatalf("%v, %d addresses", ok, len(c.open))
	}
	c.SetLimit(0)
	after, _ := c.Take(addr("192.0.2.1"))
	for _, seat := range []Seat{before, during, after} {
		c.Leave(seat)
	}
	if len(c.open) != 0 {
		t.Errorf("%v", c.open)
	}
	var none *Connections
	if seat, ok := none.Take(addr("192.0.2.1")); !ok || seat.taken {
		t.Error("no limit refuses")
	}
}
