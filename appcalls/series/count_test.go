package series

import (
	"errors"
	"math"
	"sync"
	"testing"
)

func TestCount(t *testing.T) {
	b := newBoard(Limits{Metrics: 3, Cells: 20})
	h, err := b.Define(Definition{Kind: Histogram, Name: "h", Help: "H.", Buckets: []float64{1}})
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 250 {
				if _, err := b.Count(h, nil, Owner{}, []Change{{Add, 2, .5}, {Add, 0, 1}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	for offset, want := range []float64{1000, 0, 500} {
		if got, err := b.Count(h, nil, Owner{}, []Change{{How: Read, Offset: int64(offset)}}); err != nil || got != want {
			t.Errorf("cell %d: %v %v, want %v", offset, got, err, want)
		}
	}
	for _, bad := range []Change{{Add, 3, 1}, {Add, -1, 1}, {Add, math.MaxInt64, 1}, {0, 0, 1}, {lastHow + 1, 0, 1}} {
		if _, err := b.Count(h, nil, Owner{}, []Change{{Set, 0, 0}, bad}); !errors.Is(err, ErrUnknown) {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if got, _ := b.Count(h, nil, Owner{}, []Change{{How: Read}}); got != 1000 {
		t.Errorf("a refused change has changed something: %v", got)
	}
	if _, err := b.Count(9, nil, Owner{}, nil); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
}

func TestHowNames(t *testing.T) {
	for h := How(0); h < 10; h++ {
		if known := h > 0 && h <= lastHow; (h.String() != "unknown") != known {
			t.Errorf("%d: %s", h, h)
		}
	}
}
