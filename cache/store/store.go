package store

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"
)

// Options make a Store.
type Options struct {
	Namespace string // of the keys; one word of small letters
	Limit     int64  // bytes that the local level may take; at least MinLimit
	LimitName string // the configuration key of Limit, for errors
	// MaxItem bounds what one item takes, as Stats.Bytes counts it. 0 is an eighth of the limit.
	MaxItem     int64
	MaxItemName string // the configuration key of MaxItem, for errors
	// View makes the decoded form of a value when an item comes into memory without one. What it refuses is not stored.
	// It may be called from any goroutine. nil: items have no view.
	View func(value []byte) (any, error)
	Now  func() time.Time // nil: time.Now
	Log  *slog.Logger
	// Gone is told of each key whose entry leaves the local level or is replaced there, and of "" when entries stop to
	// count without leaving yet. It is for copies that somebody else keeps. It is called under the lock of the key and must
	// neither block nor call the store. nil: nobody is told.
	Gone func(key string)
	// Purged is told what other penknifes announce (see Announce), and "" when something may have been missed. It is called
	// by the goroutine that reads from Redis and must not block. nil: nobody is told.
	Purged func(what string)
	// Remote is what several penknifes share, or nil. New registers the store with it, so it must come before Remote.Start.
	Remote *Remote
}

// MinLimit is the smallest limit that is of use.
const MinLimit = 1 << 20

// maxItem bounds an item whatever the limit: otter weighs in 32 bits.
const maxItem = 1 << 30

var (
	errLimit     = errors.New("the limit is too small")
	errNamespace = errors.New("the namespace must be a word of small letters")
)

// Store holds items under keys of one namespace. All methods may be called from any goroutine. An Item that came out
// stays valid whatever happens to its key.
type Store struct {
	options Options
	local   *local
	remote  *Remote // nil: this process only
	names   names
	guard   guard

	hits, misses, refused, fetched, foreign atomic.Uint64
}

// New makes an empty store. It needs no Close: it has no goroutine and no descriptor.
func New(o Options) (*Store, error) {
	if o.Limit < MinLimit {
		return nil, fmt.Errorf("%w: %d bytes, at least %d", errLimit, o.Limit, MinLimit)
	}
	if o.Namespace == "" || slices.ContainsFunc([]byte(o.Namespace), func(c byte) bool { return c < 'a' || c > 'z' }) {
		return nil, fmt.Errorf("%w: %q", errNamespace, o.Namespace)
	}
	if o.MaxItem == 0 {
		o.MaxItem = o.Limit / 8
	}
	o.MaxItem = min(o.MaxItem, o.Limit/2, maxItem)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Gone == nil {
		o.Gone = func(string) {}
	}
	if o.Purged == nil {
		o.Purged = func(string) {}
	}
	level, err := newLocal(o.Limit, o.Now, o.Gone)
	if err != nil {
		return nil, fmt.Errorf("memory for the cache: %w", err)
	}
	s := &Store{options: o, local: level, remote: o.Remote, guard: guard{seed: maphash.MakeSeed()}}
	if s.remote != nil {
		s.names = s.remote.names(o.Namespace)
		s.remote.stores[o.Namespace] = s
	}
	return s, nil
}

// Asks tells whether Get may ask Redis at this moment, and so block for as long as RemoteOptions.Timeout.
func (s *Store) Asks() bool { return s.remote != nil && s.remote.up.Load() }

// Get gives the item under a key: from memory, without allocating, or from Redis if that is in use (see Asks).
func (s *Store) Get(key string) (*Item, bool) {
	e := s.held(s.local.get(key))
	if e == nil && s.Asks() {
		e = s.fetch([]string{key})[0]
	}
	return s.count(e)
}

// GetBytes is Get for a key in a buffer; the buffer is not kept.
func (s *Store) GetBytes(key []byte) (*Item, bool) {
	e := s.held(s.local.getBytes(key))
	if e == nil && s.Asks() {
		e = s.fetch([]string{string(key)})[0]
	}
	return s.count(e)
}

// Local is GetBytes that looks into memory only: for callers that must not block. What is not there counts as a miss only
// if Get would not ask Redis either: the caller is expected to call it then.
func (s *Store) Local(key []byte) (*Item, bool) {
	e := s.held(s.local.getBytes(key))
	if e == nil && s.Asks() {
		return nil, false
	}
	return s.count(e)
}

// held gives an entry of the local level if it may still be given out: not if one of its tags was purged, and not if it is
// from before an absence of Redis.
func (s *Store) held(e *entry, live bool) *entry {
	if !live || e.dead.Load() || s.remote != nil && e.epoch < s.remote.floor.Load() {
		return nil
	}
	return e
}

func (s *Store) count(e *entry) (*Item, bool) {
	if e == nil {
		s.misses.Add(1)
		return nil, false
	}
	e.hits.Add(1)
	s.hits.Add(1)
	return &e.item, true
}

// Set stores an item instead of what is under the key. It gives a TooLargeError or what Options.View gave; then the key
// is as it was. An item that has expired is a removal. A zero Stored is now. While Redis is away it stores in memory, and
// the key is removed from Redis when it is back.
func (s *Store) Set(key string, item *Item) error {
	e, err := s.newEntry(key, *item)
	if err != nil {
		return err
	}
	if s.remote != nil {
		s.setShared(e)
		return nil
	}
	s.local.put(e)
	return nil
}

// newEntry checks an item and makes what is stored of it.
func (s *Store) newEntry(key string, item Item) (*entry, error) {
	if err := s.permit(key, &item); err != nil {
		s.refused.Add(1)
		return nil, err
	}
	if item.Stored.IsZero() {
		item.Stored = s.options.Now()
	}
	if spare := cap(item.Value) - len(item.Value); spare > 64+len(item.Value)/8 {
		item.Value = slices.Clone(item.Value) // the array behind it would be kept, and not counted
	}
	if item.View == nil && s.options.View != nil {
		view, err := s.options.View(item.Value)
		if err != nil {
			return nil, fmt.Errorf("value of a cached item: %w", err)
		}
		item.View = view
	}
	e := &entry{key: key, item: item, cost: costOf(key, &item)}
	if e.cost > s.options.MaxItem {
		s.refused.Add(1)
		return nil, &TooLargeError{Limit: s.itemLimit(), Size: e.cost, Max: s.options.MaxItem}
	}
	if s.remote != nil {
		e.epoch = s.remote.epoch.Load()
	}
	return e, nil
}

// permit looks at what does not depend on the limits of this store.
func (s *Store) permit(key string, item *Item) error {
	if len(key) > MaxKey {
		return &TooLargeError{Limit: "the length of a key", Size: int64(len(key)), Max: MaxKey}
	}
	if len(item.Tags) > MaxTags {
		return &TooLargeError{Limit: "the number of tags", Size: int64(len(item.Tags)), Max: MaxTags}
	}
	for _, tag := range item.Tags {
		if len(tag) > MaxTag {
			return &TooLargeError{Limit: "the length of a tag", Size: int64(len(tag)), Max: MaxTag}
		}
	}
	return nil
}

// itemLimit names what bounds one item.
func (s *Store) itemLimit() string {
	switch {
	case s.options.MaxItem == s.options.Limit/2 || s.options.MaxItemName == "":
		return "what " + s.options.LimitName + " leaves for one item"
	}
	return s.options.MaxItemName
}

// Delete removes a key and tells whether it was there. While Redis is away that is what memory knows, and the error is
// ErrAway.
func (s *Store) Delete(key string) (was bool, err error) {
	if s.remote == nil {
		return s.local.remove(key), nil
	}
	was, away := s.deleteShared(key)
	if away {
		return was, ErrAway
	}
	return was, nil
}

// PurgePrefix removes every key that begins like that and tells how many there were. The empty prefix is Clear. With Redis
// it takes a step for each thousand keys of its database. ErrAway is the only error.
func (s *Store) PurgePrefix(prefix string) (int, error) {
	if s.remote == nil {
		return s.local.removePrefix(prefix), nil
	}
	return s.purgeShared(owePrefix, prefix, func(ctx context.Context) (int, error) {
		if prefix == "" {
			return s.remote.removeAll(ctx, s.options.Namespace)
		}
		return s.remote.scanAway(ctx, s.names.items+prefix)
	}, func() int { return s.forgetPrefix(prefix) })
}

// PurgeTag removes every item with that tag and tells how many there were. ErrAway is the only error.
func (s *Store) PurgeTag(tag string) (int, error) {
	if s.remote == nil {
		return s.local.removeTag(tag), nil
	}
	return s.purgeShared(oweTag, tag, func(ctx context.Context) (int, error) {
		return s.remote.removeTag(ctx, s.options.Namespace, tag)
	}, func() int { return s.forgetTag(tag) })
}

// Clear removes everything of this namespace. ErrAway is the only error.
func (s *Store) Clear() error {
	_, err := s.PurgePrefix("")
	return err
}
