package link

import (
	"slices"

	"golang.org/x/sys/unix"
)

// A slot that carried a large body keeps the pages that it touched. The free stack makes sure that few slots are
// touched at all; after a burst, the pages of the slots that nobody needs any more are given back here.
const (
	trimAbove    = 16 << 10 // bytes of a body or var block that make a slot worth it
	trimsPerScan = 16       // each takes some ten microseconds
)

// noteUse remembers that the exchange which ends in a slot touched much of it.
func (s *slot) noteUse() {
	if s.sent > trimAbove && s.bodyAt.Load() == 0 || s.varsLen.Load() > trimAbove || s.respProduced.Load() > trimAbove {
		s.large = true
	}
}

// trim gives back the pages of at most limit slots that were free for a whole scan interval. It tells whether there may
// be more.
func (q *Queue) trim(limit int) bool {
	for range limit {
		s, place := q.takeCold()
		if s == nil {
			return false
		}
		area := q.mem.offAreas + s.index*q.mem.areaSize
		// It fails only for memory that is no shared file, which ours is.
		_ = unix.Madvise(q.mem.data[area:area+q.mem.areaSize], unix.MADV_REMOVE)
		s.large = false
		q.putCold(s, place)
	}
	return true
}

// takeCold takes a slot with pages to give back out of the lower part of the free stack: below the slots that were
// used since the last look. It tells its place there.
func (q *Queue) takeCold() (s *slot, place int) {
	q.freeMu.Lock()
	defer q.freeMu.Unlock()
	cold := min(q.slots.count-q.peak, len(q.free))
	for i := range cold {
		if s := q.slots.at(int(q.free[i])); s != nil && s.large {
			q.free = slices.Delete(q.free, i, i+1)
			return s, i
		}
	}
	return nil, 0
}

// putCold puts a slot back where it was in the free stack, or to the top if that is lower by now: what lies beneath may never
// have been used.
func (q *Queue) putCold(s *slot, place int) {
	q.freeMu.Lock()
	defer q.freeMu.Unlock()
	q.free = slices.Insert(q.free, min(place, len(q.free)), int32(s.index))
	q.tellDrained()
}

// forgetPeak starts a new interval, and gives the peak of the one that ends.
func (q *Queue) forgetPeak() (peak int) {
	q.freeMu.Lock()
	defer q.freeMu.Unlock()
	peak, q.peak = q.peak, q.slots.count-len(q.free)
	return peak
}

// usedLately tells whether a slot was in use since the last forgetPeak.
func (q *Queue) usedLately() bool {
	q.freeMu.Lock()
	defer q.freeMu.Unlock()
	return q.peak > 0
}
