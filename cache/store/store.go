package store

import (
	"errors"
	"fmt"
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

	hits, misses, refused atomic.Uint64
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
	level, err := newLocal(o.Limit, o.Now)
	if err != nil {
		return nil, fmt.Errorf("memory for the cache: %w", err)
	}
	return &Store{options: o, local: level}, nil
}

// Get gives the item under a key, from memory without allocating and without I/O.
func (s *Store) Get(key string) (*Item, bool) {
	return s.found(s.local.get(key))
}

// GetBytes is Get for a key in a buffer; the buffer is not kept.
func (s *Store) GetBytes(key []byte) (*Item, bool) {
	return s.found(s.local.getBytes(key))
}

// Local is GetBytes that never does I/O: for callers that must not block.
func (s *Store) Local(key []byte) (*Item, bool) {
	return s.found(s.local.getBytes(key))
}

func (s *Store) found(e *entry, live bool) (*Item, bool) {
	if !live {
		s.misses.Add(1)
		return nil, false
	}
	e.hits.Add(1)
	s.hits.Add(1)
	return &e.item, true
}

// Set stores an item instead of what is under the key. It gives a TooLargeError or what Options.View gave; then the key
// is as it was. An item that has expired is a removal. A zero Stored is now.
func (s *Store) Set(key string, item *Item) error {
	e, err := s.newEntry(key, *item)
	if err != nil {
		return err
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

// Delete removes a key and tells whether it was there.
func (s *Store) Delete(key string) (bool, error) {
	return s.local.remove(key), nil
}

// PurgePrefix removes every key that begins like that and tells how many there were. The empty prefix is Clear.
func (s *Store) PurgePrefix(prefix string) (int, error) {
	return s.local.removePrefix(prefix), nil
}

// PurgeTag removes every item with that tag and tells how many there were.
func (s *Store) PurgeTag(tag string) (int, error) {
	return s.local.removeTag(tag), nil
}

// Clear removes everything of this namespace.
func (s *Store) Clear() error {
	s.local.clear()
	return nil
}
