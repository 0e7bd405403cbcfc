package cache

import (
	"hash/maphash"
	"sync/atomic"
)

// purgedSlots is how many URLs can be told apart; two with one slot count as one, which costs a store at most.
const purgedSlots = 1 << 14

// purged remembers when something was purged, so that an answer that the application began before is not stored after.
// Time is counted in purges. A purge first marks and then removes; a fetch first stores and then looks.
type purged struct {
	seed   maphash.Seed
	clock  atomic.Uint64
	widely atomic.Uint64 // of more than one URL
	slots  [purgedSlots]atomic.Uint64
}

func newPurged() *purged { return &purged{seed: maphash.MakeSeed()} }

func (p *purged) slot(url string) *atomic.Uint64 {
	return &p.slots[maphash.String(p.seed, url)%purgedSlots]
}

func (p *purged) now() uint64 { return p.clock.Load() }

func (p *purged) mark(url string) { raise(p.slot(url), p.clock.Add(1)) }

func (p *purged) markAll() { raise(&p.widely, p.clock.Add(1)) }

// raise keeps the later of two purges.
func raise(into *atomic.Uint64, value uint64) {
	for old := into.Load(); old < value && !into.CompareAndSwap(old, value); old = into.Load() {
	}
}

// since says that the URL was purged after the moment.
func (p *purged) since(moment uint64, url string) bool {
	return p.widely.Load() > moment || p.slot(url).Load() > moment
}
