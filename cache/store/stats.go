package store

import (
	"cmp"
	"slices"

	"github.com/maypok86/otter/v2"
)

// Removal is why an entry left the memory.
type Removal int

// The reasons.
const (
	Purged         Removal = iota + 1 // deleted, purged, or overwritten elsewhere
	Replaced                          // by a new value of its key
	EvictedForRoom                    // the limit was reached
	EvictedTooOld                     // it expired
)

var removals = [...]string{Purged: "purged", Replaced: "replaced", EvictedForRoom: "room", EvictedTooOld: "expired"}

// String gives a word that is fit for a label.
func (r Removal) String() string {
	if r < Purged || int(r) >= len(removals) {
		return "unknown"
	}
	return removals[r]
}

func reasonOf(cause otter.DeletionCause) Removal {
	switch cause {
	case otter.CauseReplacement:
		return Replaced
	case otter.CauseOverflow:
		return EvictedForRoom
	case otter.CauseExpiration:
		return EvictedTooOld
	}
	return Purged
}

// Stats is a Store at one moment. The counters never go back.
type Stats struct {
	Items        int
	Bytes, Limit int64 // of the local level; Bytes counts everything that the entries take, and stays a little below Limit
	Tags         int   // different ones in the local level
	Hits         uint64
	Fetched      uint64 // of the hits, those that came from Redis
	Misses       uint64
	Removed      map[Removal]uint64
	Refused      uint64       // items over a limit
	Foreign      uint64       // of Redis: values that no penknife like this one wrote
	Remote       *RemoteStats // nil without Redis
}

// Stats looks at the local level, and drops what has expired first. It takes microseconds, and does no I/O.
func (s *Store) Stats() Stats {
	s.local.cache.CleanUp()
	stats := Stats{
		Items: s.local.cache.EstimatedSize(), Bytes: s.local.bytes.Load(), Limit: s.options.Limit, Tags: s.local.tags.size(),
		Hits: s.hits.Load(), Misses: s.misses.Load(), Refused: s.refused.Load(), Removed: map[Removal]uint64{},
		Fetched: s.fetched.Load(), Foreign: s.foreign.Load(),
	}
	for reason := Purged; reason <= EvictedTooOld; reason++ {
		stats.Removed[reason] = s.local.removed[reason].Load()
	}
	if s.remote != nil {
		remote := s.remote.Stats()
		stats.Remote = &remote
	}
	return stats
}

// Bytes is Stats.Bytes; it costs one atomic load.
func (s *Store) Bytes() int64 { return s.local.bytes.Load() }

// Hot is an entry with what it did since it came into memory.
type Hot struct {
	Key   string
	Hits  uint64 // of the key while it had an entry, also of those before
	Bytes int64  // what it takes
	View  any    // Item.View
}

// Top gives the n entries of the local level with most hits, most first. It looks at each entry.
func (s *Store) Top(n int) []Hot {
	var top []Hot
	for _, e := range s.local.cache.All() {
		if s.held(e, true) == nil {
			continue
		}
		h := Hot{Key: e.key, Hits: e.hits.Load(), Bytes: e.cost, View: e.item.View}
		at, _ := slices.BinarySearchFunc(top, h, func(a, b Hot) int {
			return cmp.Or(cmp.Compare(b.Hits, a.Hits), cmp.Compare(a.Key, b.Key))
		})
		if at >= n {
			continue
		}
		top = slices.Insert(top, at, h)
		top = top[:min(len(top), n)]
	}
	return top
}

// Range gives each entry of the local level until visit gives false. What changes meanwhile may be seen or not.
func (s *Store) Range(visit func(key string, item *Item) bool) {
	for key, e := range s.local.cache.All() {
		if s.held(e, true) != nil && !visit(key, &e.item) {
			return
		}
	}
}
