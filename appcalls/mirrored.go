package appcalls

import (
	"context"
	"time"

	"penknife/appcalls/mirror"
)

// mirrored is a Cache whose entries workers see in a Mirror. Each change takes the copy away before it begins, and nobody
// can publish another one before it is over.
type mirrored struct {
	Cache
	copies *mirror.Mirror
}

// Get publishes what it finds.
func (m mirrored) Get(ctx context.Context, key string) (Found, bool, error) {
	ticket := m.copies.Ticket(key)
	found, there, err := m.Cache.Get(ctx, key)
	if there && err == nil {
		left := found.Left
		if left == 0 {
			left = maxExpiry
		}
		m.copies.Publish(ticket, key, found.Value, left)
	}
	return found, there, err
}

// Set changes an entry, as the following methods do.
func (m mirrored) Set(ctx context.Context, entry Entry) error {
	m.copies.Begin(entry.Key)
	defer m.copies.End(entry.Key)
	return m.Cache.Set(ctx, entry)
}

// Add is part of Cache.
func (m mirrored) Add(ctx context.Context, entry Entry) (bool, error) {
	m.copies.Begin(entry.Key)
	defer m.copies.End(entry.Key)
	return m.Cache.Add(ctx, entry)
}

// Incr is part of Cache.
func (m mirrored) Incr(ctx context.Context, key string, delta int64) (int64, error) {
	m.copies.Begin(key)
	defer m.copies.End(key)
	return m.Cache.Incr(ctx, key, delta)
}

// Touch is part of Cache.
func (m mirrored) Touch(ctx context.Context, key string, expiry time.Duration) (bool, error) {
	m.copies.Begin(key)
	defer m.copies.End(key)
	return m.Cache.Touch(ctx, key, expiry)
}

// Delete is part of Cache.
func (m mirrored) Delete(ctx context.Context, key string) (bool, error) {
	m.copies.Begin(key)
	defer m.copies.End(key)
	return m.Cache.Delete(ctx, key)
}

// PurgeTag takes all copies away: which have the tag, they do not say.
func (m mirrored) PurgeTag(ctx context.Context, tag string) (int, error) {
	m.copies.BeginAll()
	defer m.copies.EndAll()
	return m.Cache.PurgeTag(ctx, tag)
}

// Clear is part of Cache.
func (m mirrored) Clear(ctx context.Context) error {
	m.copies.BeginAll()
	defer m.copies.EndAll()
	return m.Cache.Clear(ctx)
}

const noMirrorText = "there are no copies of the cache: app_cache.copies is 0"

// mirror answers opMirror.
func (c *channel) mirror(in cursor) status {
	if !in.end() {
		return c.nonsense()
	}
	if c.service.deps.Mirror == nil {
		return c.fail(statusOff, noMirrorText)
	}
	file, size, err := c.service.deps.Mirror.Memory()
	if err != nil {
		c.service.deps.Log.Warn("workers read the application's cache by calls only", "error", err)
		return c.fail(statusFailed, err.Error())
	}
	c.file = file
	c.answer = appendI64(c.answer, size)
	return statusOK
}
