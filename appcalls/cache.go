package appcalls

import (
	"context"
	"errors"
	"time"
)

// Cache is the application's cache: one for all workers. Package cache/store has it. Its methods may be called from any
// goroutine. A key is any text, a value any bytes; an expiry of 0 is none. Values that it gives must not be changed, and
// it keeps none that it is given beyond the call without copying it.
type Cache interface {
	// Get gives a value, or false.
	Get(ctx context.Context, key string) (Found, bool, error)
	// Set puts a value in the place of any other.
	Set(ctx context.Context, entry Entry) error
	// Add is Set for a key that is not there, else false.
	Add(ctx context.Context, entry Entry) (bool, error)
	// Incr adds to a value that is a decimal number of 64 bits, and keeps its expiry. ErrMissing, ErrNoNumber.
	Incr(ctx context.Context, key string, delta int64) (int64, error)
	// Touch gives a new expiry, or false.
	Touch(ctx context.Context, key string, expiry time.Duration) (bool, error)
	// Delete tells whether there was something.
	Delete(ctx context.Context, key string) (bool, error)
	// PurgeTag deletes what was set with a tag, and counts it.
	PurgeTag(ctx context.Context, tag string) (int, error)
	Clear(ctx context.Context) error
}

// Found is what Get gives.
type Found struct {
	Value []byte
	Left  time.Duration // until it expires; 0: it does not
}

// Entry is what Set and Add keep.
type Entry struct {
	Key    string
	Value  []byte
	Expiry time.Duration
	Tags   []string
}

// What a Cache can say of a key.
var (
	ErrMissing  = errors.New("appcalls: no such key")
	ErrNoNumber = errors.New("appcalls: the value is not a decimal number of 64 bits, or the result would not be")
	ErrTooLarge = errors.New("appcalls: the value is too large")
)

// Responses is the cache of responses, as far as the application's code may touch it.
type Responses interface {
	// PurgeURL deletes the answers to a URL, PurgePrefix those to all that begin so, PurgeTag those with a tag. Each
	// counts what it deleted.
	PurgeURL(ctx context.Context, url string) (int, error)
	PurgePrefix(ctx context.Context, prefix string) (int, error)
	PurgeTag(ctx context.Context, tag string) (int, error)
}
