package tuning

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"testing"
	"time"

	"penknife/internal/testkit"
)

func TestPercentFor(t *testing.T) {
	for _, test := range []struct {
		live, held int64
		want       int
	}{
		{0, 0, heldPercent}, {10 << 20, 0, gcPercent}, {10 << 20, 1 << 40, heldPercent}, {20 << 20, 10 << 20, (gcPercent + heldPercent) / 2},
		{1<<30 + 10<<20, 1 << 30, 27},
	} {
		if got := percentFor(test.live, test.held); got != test.want {
			t.Errorf("%d MiB with %d MiB held: %d, want %d", test.live>>20, test.held>>20, got, test.want)
		}
	}
}

// What the caches hold changes the percentage with the next collections, again and again.
func TestCollector_Follows(t *testing.T) {
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	if c := NewCollector([]string{"GOGC=50"}, nil); c != nil {
		t.Fatal("GOGC is the operator's word")
	}
	var held atomic.Int64
	c := NewCollector(nil, held.Load)
	defer c.Stop()
	for range 2 {
		for h, want := range map[int64]uint64{1 << 40: heldPercent, 0: gcPercent} {
			held.Store(h)
			testkit.Eventually(t, 10*time.Second, func() error {
				runtime.GC()
				sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
				if metrics.Read(sample); sample[0].Value.Uint64() != want {
					return fmt.Errorf("GOGC is %d, want %d", sample[0].Value.Uint64(), want)
				}
				return nil
			})
		}
	}
}
