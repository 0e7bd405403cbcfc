package store

import (
	"hash/maphash"
	"strings"
	"sync/atomic"

	"github.com/redis/rueidis"
)

// A copy of what is in Redis may come into memory only if the key was not changed between the question and the moment when
// the copy is stored. Each change that is done or heard of counts up the stripe of its key (or, for a tag, of all
// tags); a copy is stored under the lock of its key only if the counts are those from before the question. Whoever changes
// a key counts before it removes it, so either the copy is not stored, or it is removed.

const stripes = 1024

type guard struct {
	keys [stripes]atomic.Uint64
	tags atomic.Uint64
	seed maphash.Seed
}

// ticket is the counts at one moment.
type ticket struct {
	stripe      *atomic.Uint64
	count, tags uint64
	epoch       uint64
}

func (s *Store) stripe(key string) *atomic.Uint64 {
	return &s.guard.keys[maphash.String(s.guard.seed, key)%stripes]
}

// take gives the counts; before a question or a change.
func (s *Store) take(key string) ticket {
	stripe := s.stripe(key)
	return ticket{stripe: stripe, count: stripe.Load(), tags: s.guard.tags.Load(), epoch: s.remote.epoch.Load()}
}

// keepRead stores a copy that was read.
func (s *Store) keepRead(t ticket, e *entry) {
	e.epoch = t.epoch
	s.local.change(e.key, func(old *entry) *entry {
		if t.stripe.Load() != t.count || len(e.item.Tags) > 0 && s.guard.tags.Load() != t.tags {
			return old
		}
		return e
	})
}

// keepWritten stores what was written, if nothing else happened to the key meanwhile; else it leaves nothing, because
// nobody here knows which change was the last in Redis.
func (s *Store) keepWritten(t ticket, e *entry) {
	e.epoch = t.epoch
	s.local.change(e.key, func(*entry) *entry {
		alone := t.stripe.CompareAndSwap(t.count, t.count+1)
		if !alone {
			t.stripe.Add(1)
		}
		if !alone || len(e.item.Tags) > 0 && s.guard.tags.Load() != t.tags {
			return nil
		}
		return e
	})
}

// forget removes a key of which we know that it changed.
func (s *Store) forget(key string) bool {
	s.stripe(key).Add(1)
	return s.local.remove(key)
}

func (s *Store) forgetTag(tag string) int {
	s.guard.tags.Add(1)
	return s.local.removeTag(tag)
}

// inlineTag is how many entries of a tag the client's reader removes itself.
const inlineTag = 100

// invalidTag is forgetTag for the client's reader, which everybody's answers wait for: of many entries it only says that they
// are dead, and the sweeper removes them.
func (s *Store) invalidTag(tag string) {
	s.guard.tags.Add(1)
	if s.local.tags.kill(tag) <= inlineTag {
		s.local.removeDead(tag)
		return
	}
	s.options.Gone("")
	s.remote.sweeps.put(sweep{s, tag})
}

// invalidate is called by the client for keys that were changed, in the order of the answers, and with nil when it cannot
// tell any more. It runs in the goroutine that reads.
func (r *Remote) invalidate(messages []rueidis.RedisMessage) {
	if messages == nil {
		r.fall(errLost)
		return
	}
	for i := range messages {
		name, err := messages[i].ToString()
		if err != nil {
			continue
		}
		r.invalidations.Add(1)
		r.invalidateName(name)
	}
}

// invalidateName finds the store of a key in Redis.
func (r *Remote) invalidateName(name string) {
	rest, ours := strings.CutPrefix(name, r.options.Prefix+":")
	namespace, rest, _ := strings.Cut(rest, ":")
	s := r.stores[namespace]
	if !ours || s == nil {
		return
	}
	if key, is := strings.CutPrefix(rest, "i:"); is {
		s.forget(key)
	} else if tag, is := strings.CutPrefix(rest, "t:"); is {
		s.invalidTag(tag)
	} else if what, is := strings.CutPrefix(rest, "p:"); is {
		s.options.Purged(what)
	}
}
