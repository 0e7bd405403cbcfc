package osproc

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestYielder: once in a millisecond, however many ask.
func TestYielder(t *testing.T) {
	y := NewYielder()
	var yields atomic.Int32
	for i, c := range []struct {
		at   time.Duration
		want int32
	}{{turn - 1, 0}, {turn, 1}, {2*turn - 1, 0}, {2 * turn, 1}, {time.Hour, 1}, {time.Minute, 0}} {
		yields.Store(0)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if y.Yield(y.base.Add(c.at)) {
					yields.Add(1)
				}
			})
		}
		all.Wait()
		if yields.Load() != c.want {
			t.Errorf("%d: %d of 8 at %v, want %d", i, yields.Load(), c.at, c.want)
		}
	}
}
