package store

import (
	"errors"
	"fmt"
	"time"
)

// Item is something held. It must not change once it was given to Set or came out of Get.
type Item struct {
	Value   []byte // opaque; the store owns it from Set on
	Tags    []string
	Stored  time.Time
	Expires time.Time // zero: never. From then on the item is not given out
	View    any       // what Options.View made of Value when the item came into memory
}

func (i *Item) expired(now time.Time) bool { return !i.Expires.IsZero() && !i.Expires.After(now) }

// Sized is implemented by views that take memory besides the value. It counts against the limit.
type Sized interface{ Size() int }

// Errors of the store. None of them says that the cache is broken: a caller goes on without it.
var (
	ErrTooLarge  = errors.New("too large for the cache")
	ErrMissing   = errors.New("no such key in the cache")
	ErrNotNumber = errors.New("the value is not a whole number of 64 bits")
	ErrOverflow  = errors.New("the number would leave 64 bits")
	// ErrAway says that Redis does not answer. What was asked happened in memory, and happens in Redis when it is back.
	ErrAway = errors.New("redis is away: done on this machine, and kept for its return")
)

// TooLargeError says which limit an item is over. errors.Is finds ErrTooLarge in it.
type TooLargeError struct {
	Limit     string // the configuration key that sets it, or what cannot be configured
	Size, Max int64  // bytes
}

// Error names the limit, what was given and what is permitted.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("%v: %d bytes are more than %s (%d)", ErrTooLarge, e.Size, e.Limit, e.Max)
}

// Unwrap gives ErrTooLarge.
func (e *TooLargeError) Unwrap() error { return ErrTooLarge }

// Bounds that are not configured. A key or a tag over them is refused with a TooLargeError.
const (
	MaxKey  = 32 << 10 // bytes of a key
	MaxTag  = 1 << 10  // bytes of a tag
	MaxTags = 128      // tags of one item
)
