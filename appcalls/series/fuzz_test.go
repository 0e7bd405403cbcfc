package series

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// FuzzBoard: whatever an application defines, and whatever a worker writes into the cells, the registry can gather it: one
// metric that it refuses would take all others off the page.
func FuzzBoard(f *testing.F) {
	f.Add(uint8(Counter), uint8(Histogram), "a_total", "a", "help", "l", "v", 1.0, uint64(0x7ff8000000000001), int64(7))
	f.Add(uint8(LiveEach), uint8(Gauge), "x", "x_bucket", "", "", "\xff", -1.0, uint64(0xfff0000000000000), int64(-1))
	f.Add(uint8(Summary), uint8(Summary), "s", "s_count", "h\n", "quantile", "", 0.0, uint64(1)<<63, int64(0))
	f.Fuzz(func(t *testing.T, kind1, kind2 uint8, name1, name2, help, label, value string, bound float64, cell uint64, pid int64) {
		b := newBoard(Limits{Metrics: 4, Cells: 24})
		for i, d := range []Definition{
			{Kind: Kind(kind1), Name: name1, Help: help}, {Kind: Kind(kind2), Name: name2, Help: help},
			{Kind: Kind(kind1), Name: name2, Labels: []string{label}}, {Kind: Histogram, Name: name1, Buckets: []float64{bound, bound + 1}},
		} {
			number, err := b.Define(d)
			if err != nil {
				if !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrFull) {
					t.Fatal(err)
				}
				continue
			}
			values := []string{value}[:len(d.Labels)]
			owner := Owner{Caller: i % 2, PID: int(pid)}
			if _, err := b.Count(number, values, owner, []Change{{Add, 0, bound}, {Set, pid, bound}}); err != nil && !errors.Is(err, ErrUnknown) &&
				!errors.Is(err, ErrInvalid) && !errors.Is(err, ErrFull) {
				t.Fatal(err)
			}
			for at := range b.cells {
				atomic.StoreUint64(&b.cells[at], cell*uint64(at+1))
			}
		}
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(b)
		if _, err := registry.Gather(); err != nil {
			t.Errorf("%v", err)
		}
		b.Leave(0)
		if _, err := registry.Gather(); err != nil {
			t.Errorf("after one has left: %v", err)
		}
	})
}
