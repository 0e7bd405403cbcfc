package tuning

import (
	"math"
	"testing"
)

func TestConnections(t *testing.T) {
	for _, row := range []struct {
		configured int
		files      uint64
		want       int
	}{
		{10000, math.MaxUint64, 10000}, // RLIM_INFINITY
		{10000, 524288, 10000},
		{10000, 13333, 9999 + 1},
		{10000, 1024, 768},
		{500, 1024, 500},
		{10000, 256, 192},
		{10000, 100, 36},
		{10000, 64, 1},
		{10000, 0, 1},
	} {
		if got := Connections(row.configured, row.files); got != row.want {
			t.Errorf("%d with %d descriptors: %d, and not %d", row.configured, row.files, got, row.want)
		}
	}
}
