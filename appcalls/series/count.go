package series

import (
	"math"
	"sync/atomic"
)

// How says what a Change does to a cell.
type How uint8

// What can be done to a cell. python/penknife/metrics.py has the same numbers.
const (
	Read    How = 1 + iota // nothing: its value is asked for
	Add                    // the amount is added
	Set                    // the amount takes its place
	lastHow = Set
)

var howNames = [...]string{Read: "read", Add: "add", Set: "set"}

// String gives the name for the log.
func (h How) String() string {
	if h == 0 || int(h) >= len(howNames) {
		return "unknown"
	}
	return howNames[h]
}

// Change is one step of Count. Offset is that of the cell in its series.
type Change struct {
	How    How
	Offset int64
	Amount float64
}

// Count does in the cells of a series what workers do in theirs without a call, and gives the value of the cell that
// came last. Nothing is done if one of the changes cannot be. Errors are those of Place.
func (b *Board) Count(number int, values []string, owner Owner, changes []Change) (float64, error) {
	first, err := b.Place(number, values, owner)
	if err != nil {
		return 0, err
	}
	b.mu.Lock()
	size, cells := b.list[number].cells(), b.cells
	b.mu.Unlock()
	for _, c := range changes {
		if c.Offset < 0 || c.Offset >= int64(size) || c.How == 0 || c.How > lastHow {
			return 0, ErrUnknown
		}
	}
	value := 0.0
	for _, c := range changes {
		value = apply(&cells[first+int(c.Offset)], c)
	}
	return value, nil
}

// apply is atomic: workers change the same cell meanwhile (python/accel/cells.c).
func apply(cell *uint64, c Change) float64 {
	if c.How == Set {
		atomic.StoreUint64(cell, math.Float64bits(c.Amount))
		return c.Amount
	}
	for {
		seen := atomic.LoadUint64(cell)
		value := math.Float64frombits(seen)
		if c.How == Read {
			return value
		}
		if value += c.Amount; atomic.CompareAndSwapUint64(cell, seen, math.Float64bits(value)) {
			return value
		}
	}
}
