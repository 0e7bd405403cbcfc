package link

import (
	"iter"
	"sync/atomic"
)

// blockSlots is how many slots are made at once. The Go side of a slot takes 0.8 KB, so a queue of thousands of places would
// take megabytes that only a burst needs: 3.3 MB of the 3.8 MB that live when penknife is ready, with 4,096 places.
const blockSlots = 64

// slots is the Go side of all slots, in blocks that are made when one of their slots is first taken and then stay. The free
// stack begins with the lowest indexes, so few blocks are made. Any goroutine may look; only the holder of the lock of
// the free stack may take.
type slots struct {
	q      *Queue
	count  int
	blocks []atomic.Pointer[[blockSlots]slot]
}

func newSlots(q *Queue, count int) slots {
	return slots{q: q, count: count, blocks: make([]atomic.Pointer[[blockSlots]slot], (count+blockSlots-1)/blockSlots)}
}

// at gives the slot with that index, which is below count; nil if no slot of its block was ever taken.
func (t *slots) at(index int) *slot {
	block := t.blocks[index/blockSlots].Load()
	if block == nil {
		return nil
	}
	return &block[index%blockSlots]
}

// named is at for an index that came from a worker and may be any number; nil if there is no such slot.
func (t *slots) named(index uint32) *slot {
	if uint64(index) >= uint64(t.count) {
		return nil
	}
	return t.at(int(index))
}

// take is at, but makes the block if it does not exist yet. The caller holds the lock of the free stack.
func (t *slots) take(index int) *slot {
	if s := t.at(index); s != nil {
		return s
	}
	block := new([blockSlots]slot)
	first := index - index%blockSlots
	for i := range min(blockSlots, t.count-first) {
		s := &block[i]
		s.shared, s.q, s.index, s.step = newShared(t.q.mem, first+i), t.q, first+i, stepIdle
		s.wake, s.holder = make(chan struct{}, 1), -1
		s.body.s = s
	}
	t.blocks[index/blockSlots].Store(block)
	return t.at(index)
}

// made gives the slots that may ever have been used, in the order of their indexes. Blocks that are made meanwhile may be missed.
func (t *slots) made() iter.Seq[*slot] {
	return func(yield func(*slot) bool) {
		for b := range t.blocks {
			block := t.blocks[b].Load()
			if block == nil {
				continue
			}
			for i := range min(blockSlots, t.count-b*blockSlots) {
				if !yield(&block[i]) {
					return
				}
			}
		}
	}
}
