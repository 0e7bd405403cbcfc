package link

import "golang.org/x/sys/unix"

// A slot that carried a large body keeps the pages that it touched. The free stack makes sure that few slots are
// touched at all; after a burst, the pages of the slots that nobody needs any more are given back here.
const (
	trimAbove    = 16 << 10 // bytes of a body or var block that make a slot worth it
	trimsPerScan = 16       // each takes some ten microseconds
)

// noteUse remembers that the exchange which ends in a slot touched much of it.
func (s *slot) noteUse() {
	if s.sent > trimAbove || s.varsLen.Load() > trimAbove || s.respProduced.Load() > trimAbove {
		s.large = true
	}
}

// trim gives back the pages of at most limit slots that were free for a whole scan interval. It tells whether there may
// be more.
func (q *Queue) trim(limit int) bool {
	for range limit {
		s := q.takeCold()
		if s == nil {
			return false
		}
		area := q.mem.offAreas + s.index*q.mem.areaSize
		// It fails only for memory that is no shared file, which ours is.
		_ = unix.Madvise(q.mem.data[area:area+q.mem.areaSize], unix.MADV_REMOVE)
		s.large = false
		q.putCold(s)
	}
	return true
}

// takeCold takes a slot with pages to give back out of the lower part of the free stack: below the slots that were
// used since the last look.
func (q *Queue) takeCold() *slot {
	q.freeMu.Lock()
	defer q.freeMu.Unlock()
	cold := min(len(q.slots)-q.peak, len(q.free))
	for i := range cold {
		s := &q.slots[q.free[i]]
		if s.large {
			q.free = append(q.free[:i], q.free[i+1:]...)
			return s
		}
	}
	return nil
}

// putCold puts a slot back to the bottom of the free stack.
func (q *Queue) putCold(s *slot) {
	q.putFree(s)
	q.freeMu.Lock()
	defer q.freeMu.Unlock()
	last := len(q.free) - 1
	q.free[0], q.free[last] = q.free[last], q.free[0]
}

// forgetPeak starts a new interval, and gives the peak of the one that ends.
func (q *Queue) forgetPeak() (peak int) {
	q.freeMu.Lock()
	defer q.freeMu.Unlock()
	peak, q.peak = q.peak, len(q.slots)-len(q.free)
	return peak
}
