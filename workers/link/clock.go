package link

import (
	"time"

	"golang.org/x/sys/unix"
)

// clock reads the clock that workers stamp with (CLOCK_MONOTONIC, in nanoseconds) at the price of Go's own reading of
// it, which is the same one.
type clock struct {
	base  time.Time
	begin int64 // CLOCK_MONOTONIC at base
}

// newClock compares the two clocks. Of a few tries the one with the least time between the two readings counts.
func newClock() clock {
	var best clock
	least := time.Duration(1<<63 - 1)
	for range 5 {
		base := time.Now()
		var ts unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
			return clock{base: base} // Linux always has it; without it stamps look like nonsense and are clamped
		}
		if took := time.Since(base); took < least {
			least, best = took, clock{base, ts.Nano()}
		}
	}
	return best
}

// now is the present moment as a stamp.
func (c clock) now() int64 { return c.begin + int64(time.Since(c.base)) }

// stamp gives the moment of a time that has a monotonic reading.
func (c clock) stamp(t time.Time) int64 { return c.begin + int64(t.Sub(c.base)) }
