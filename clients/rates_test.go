package clients

import (
	"net/netip"
	"testing"
	"testing/quick"
	"time"
)

func rates(rate, burst, addresses int) (*Rates, time.Time) {
	r := NewRates()
	r.Configure(rate, burst, addresses)
	return r, r.born.Add(time.Hour)
}

// TestRates: a burst, then one request for each interval, and the time to wait is exact.
func TestRates(t *testing.T) {
	r, now := rates(10, 3, 1000)
	one, other := addr("192.0.2.1"), addr("192.0.2.2")
	for range 3 {
		if _, ok := r.Take(one, now); !ok {
			t.Fatal("the burst is refused")
		}
	}
	for range 3 { // who is refused is not punished for it
		if wait, ok := r.Take(one, now); ok || wait != 100*time.Millisecond {
			t.Fatalf("%v, wait %s", ok, wait)
		}
	}
	if _, ok := r.Take(other, now); !ok {
		t.Error("another address is refused")
	}
	if _, ok := r.Take(one, now.Add(99*time.Millisecond)); ok {
		t.Error("too early")
	}
	if _, ok := r.Take(one, now.Add(100*time.Millisecond)); !ok {
		t.Error("not even at the rate")
	}
	if _, ok := r.Take(one, now.Add(100*time.Millisecond)); ok {
		t.Error("twice in an interval")
	}
	later := now.Add(time.Minute)
	for i := range 4 {
		if _, ok := r.Take(one, later); ok != (i < 3) {
			t.Errorf("request %d after a minute: %v", i, ok)
		}
	}
}

// TestRatesOfWhom: an IPv6 client is its /64, IPv4 in IPv6 is IPv4, nobody is not limited.
func TestRatesOfWhom(t *testing.T) {
	for _, row := range []struct {
		first, second string
		same          bool
	}{
		{"2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", true}, {"2001:db8:0:1::1", "2001:db8:0:2::1", false},
		{"192.0.2.1", "::ffff:192.0.2.1", true}, {"192.0.2.1", "192.0.2.129", false}, {"::1", "0.0.0.1", false},
		{"none", "none", false},
	} {
		r, now := rates(1, 1, 1000)
		r.Take(addr(row.first), now)
		if _, ok := r.Take(addr(row.second), now); ok == row.same {
			t.Errorf("%s and %s are the same: %v", row.first, row.second, ok)
		}
	}
}

func TestRatesOff(t *testing.T) {
	r, now := rates(0, 0, 0)
	for range 100 {
		if _, ok := r.Take(addr("192.0.2.1"), now); !ok || r.On() {
			t.Fatal("no limit refuses")
		}
	}
	if held, _ := r.Held(); held != 0 {
		t.Errorf("%d addresses are held for nothing", held)
	}
	r.Configure(1, 1, 100)
	r.Take(addr("192.0.2.1"), now)
	if _, ok := r.Take(addr("192.0.2.1"), now); ok || !r.On() {
		t.Error("a limit that was switched on does not hold")
	}
	r.Configure(1, 5, 100) // what was asked for stays counted
	for i := range 5 {
		if _, ok := r.Take(addr("192.0.2.1"), now); ok != (i < 4) {
			t.Errorf("request %d: %v", i, ok)
		}
	}
}

// nth gives different addresses.
func nth(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}) }

// TestRatesAreBounded: a flood of addresses holds no more than permitted, says what it has forgotten, and those who have
// not asked for a while are let go of without a flood.
func TestRatesAreBounded(t *testing.T) {
	const most = 3200
	r, now := rates(1, 10, most)
	for n := range 20 * most {
		if _, ok := r.Take(nth(n), now); !ok {
			t.Fatal("refused at once")
		}
	}
	held, forgotten := r.Held()
	if held > most || held < most/4 || forgotten < 15*most || held+int(forgotten) > 20*most {
		t.Errorf("%d held, %d forgotten", held, forgotten)
	}
	for n := range 200 { // one for each shard, and more
		r.Take(nth(n), now.Add(time.Hour))
	}
	if held, again := r.Held(); held > 200 || again != forgotten {
		t.Errorf("%d are held an hour later, %d forgotten", held, again)
	}
}

// TestTurningLosesNothing: whatever the pauses, an address with room in the maps gets what a counter for it alone gives.
func TestTurningLosesNothing(t *testing.T) {
	follow := func(pauses []uint16) bool {
		r, now := rates(100, 150, 1<<20)
		end := now
		for i, pause := range pauses {
			now = now.Add(time.Duration(pause) * 100 * time.Microsecond)
			r.Take(nth(i), now) // others turn the maps too
			for range 40 {
				next := end.Add(10 * time.Millisecond)
				if now.After(end) {
					next = now.Add(10 * time.Millisecond)
				}
				want := next.Sub(now) <= 1500*time.Millisecond
				if _, ok := r.Take(addr("192.0.2.1"), now); ok != want {
					return false
				}
				if want {
					end = next
				}
			}
		}
		return true
	}
	if err := quick.Check(follow, nil); err != nil {
		t.Error(err)
	}
}

// TestTakeDoesNotAllocate, except for addresses that are new.
func TestTakeDoesNotAllocate(t *testing.T) {
	r, now := rates(1000, 1000, 1000)
	ip := addr("192.0.2.1")
	r.Take(ip, now)
	if n := testing.AllocsPerRun(100, func() { r.Take(ip, now) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkTake(b *testing.B) {
	r, now := rates(1<<30, 1<<30, 100_000)
	for i := 0; b.Loop(); i++ {
		r.Take(nth(i&0xfff), now)
	}
}
