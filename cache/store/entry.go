package store

import "sync/atomic"

// entry is an item in the local level. Everything but the counter and the mark is set before it is stored.
type entry struct {
	item  Item
	key   string
	cost  int64  // bytes
	epoch uint64 // of the Remote when it was stored; see Store.held
	hits  atomic.Uint64
	dead  atomic.Bool // a tag of it was purged, and it will be removed
}

// entryCost is what an entry takes besides key, value, tags and view: itself, the node and the table cell of otter,
// the admission sketch, and what the allocator rounds up. TestLimitHolds compares it with the heap.
const entryCost = 304

// fixedCost is what an empty store takes: the buffers of otter and its smallest tables, and the guard.
const fixedCost = 64 << 10

// tagCost is what a tag takes besides its text: the slice element and the places in the index.
const tagCost = 112

// costOf gives what an item takes in memory.
func costOf(key string, item *Item) int64 {
	cost := entryCost + rounded(len(key)) + rounded(cap(item.Value))
	for _, tag := range item.Tags {
		cost += tagCost + rounded(len(tag))
	}
	if view, ok := item.View.(Sized); ok {
		cost += rounded(view.Size())
	}
	return int64(cost)
}

// rounded gives what the allocator takes for n bytes at most: its classes are an eighth apart up to 32 KiB, and whole
// pages above.
func rounded(n int) int {
	const page, largestClass = 8 << 10, 32 << 10
	switch {
	case n == 0:
		return 0
	case n > largestClass:
		return (n + page - 1) &^ (page - 1)
	}
	return n + n/8 + 8
}
