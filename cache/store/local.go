package store

import (
	"math"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/maypok86/otter/v2"
)

// local is the level in memory: otter chooses what stays, and this keeps the books.
type local struct {
	cache   *otter.Cache[string, *entry]
	limit   int64 // of bytes
	now     func() time.Time
	gone    func(key string) // Options.Gone
	tags    tagIndex
	bytes   atomic.Int64 // cost of what is in the table
	removed [EvictedTooOld + 1]atomic.Uint64
}

func newLocal(limit int64, now func() time.Time, gone func(string)) (*local, error) {
	l := &local{limit: limit - fixedCost, now: now, gone: gone}
	cache, err := otter.New(&otter.Options[string, *entry]{
		MaximumWeight:    uint64(l.limit),
		Weigher:          func(_ string, e *entry) uint32 { return uint32(min(e.cost, math.MaxUint32)) },
		ExpiryCalculator: otter.ExpiryWritingFunc(func(o otter.Entry[string, *entry]) time.Duration { return remaining(o, now()) }),
		OnAtomicDeletion: l.dropped,
		// Its upkeep runs in the call that makes it necessary: no goroutine, and Set returns when there is room again.
		Executor: func(run func()) { run() },
		Clock:    clock{now, now()},
	})
	l.cache = cache
	return l, err
}

// clock gives otter the time that has passed since a moment, which goes on evenly when somebody sets the machine's clock,
// and no ticks: an idle server is not woken to look for what has expired.
type clock struct {
	now  func() time.Time
	born time.Time
}

func (c clock) NowNano() int64 { return int64(c.now().Sub(c.born)) }

func (c clock) Tick(time.Duration) <-chan time.Time { return nil }

// remaining tells otter how long an entry may live.
func remaining(o otter.Entry[string, *entry], now time.Time) time.Duration {
	expires := o.Value.item.Expires
	if expires.IsZero() {
		return math.MaxInt64
	}
	return max(expires.Sub(now), 1)
}

// get gives a live entry.
func (l *local) get(key string) (*entry, bool) {
	return l.cache.GetIfPresent(key)
}

// getBytes is get without making a string of the key. Nothing keeps the key.
func (l *local) getBytes(key []byte) (*entry, bool) {
	return l.cache.GetIfPresent(unsafe.String(unsafe.SliceData(key), len(key)))
}

// change decides about a key under its lock: decide gets what is there (nil: nothing) and gives what shall be there. The
// same is no change, nil or what has expired is a removal. decide must not call the store.
func (l *local) change(key string, decide func(old *entry) *entry) {
	l.cache.Compute(key, func(old *entry, found bool) (*entry, otter.ComputeOp) {
		if !found {
			old = nil
		}
		fresh := decide(old)
		if fresh != nil && fresh.item.expired(l.now()) {
			fresh = nil
		}
		switch {
		case fresh == old:
			return old, otter.CancelOp
		case fresh == nil:
			return nil, otter.InvalidateOp
		}
		if old != nil {
			fresh.hits.Store(old.hits.Load()) // what is often asked for stays at the top when it is renewed
		}
		l.tags.add(fresh)
		l.bytes.Add(fresh.cost)
		return fresh, otter.WriteOp
	})
	// Another caller may be in the middle of the upkeep, with our entry behind it: then this waits for it.
	for range 4 {
		if l.bytes.Load() <= l.limit {
			return
		}
		l.cache.CleanUp()
	}
}

func (l *local) put(e *entry) {
	l.change(e.key, func(*entry) *entry { return e })
}

func (l *local) remove(key string) bool {
	_, was := l.cache.Invalidate(key)
	return was
}

// removeIf removes an entry if it is still the one under its key.
func (l *local) removeIf(e *entry) (was bool) {
	l.change(e.key, func(old *entry) *entry {
		if was = old == e; was {
			return nil
		}
		return old
	})
	return was
}

// dropped is called by otter, under the lock of the key, for each entry that leaves the table.
func (l *local) dropped(event otter.DeletionEvent[string, *entry]) {
	l.gone(event.Key)
	l.tags.remove(event.Value)
	l.bytes.Add(-event.Value.cost)
	l.removed[reasonOf(event.Cause)].Add(1)
}

func (l *local) removeTag(tag string) (n int) {
	l.tags.kill(tag)
	return l.removeDead(tag)
}

// removeDead removes the entries of a tag that were marked.
func (l *local) removeDead(tag string) (n int) {
	for _, e := range l.tags.of(tag) {
		if e.dead.Load() && l.removeIf(e) {
			n++
		}
	}
	return n
}

// removePrefix looks at every key: an index would cost each entry memory for something that happens rarely.
func (l *local) removePrefix(prefix string) (n int) {
	for key := range l.cache.Keys() {
		if strings.HasPrefix(key, prefix) && l.remove(key) {
			n++
		}
	}
	return n
}
