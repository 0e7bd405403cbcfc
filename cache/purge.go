package cache

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"penknife/cache/store"
	"penknife/gateway"
)

// ErrURL is the error of PurgeURL and PurgePrefix for a text that is no absolute URL.
var ErrURL = errors.New("write it with scheme and host, as the application sees them: https://example.com/path")

// ErrTag is the error of PurgeTag for a text that cannot be a tag.
var ErrTag = errors.New("a tag has at least one character, and no NUL")

// PurgeURL removes every stored answer for a URL, whatever else distinguishes them. The URL is absolute; its path may be
// written with or without escapes. It gives how many there were. It returns when they are gone for every worker.
func (h *Handler) PurgeURL(text string) (int, error) {
	u, err := url.Parse(text)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrURL, err)
	}
	key, err := h.urlKey(u)
	if err != nil {
		return 0, err
	}
	n, err := h.removeAll(key)
	h.deps.Counter.Invalidated(n)
	return n, err
}

// PurgePrefix removes every stored answer whose URL begins like that: https://example.com/blog/. It looks at every key.
func (h *Handler) PurgePrefix(text string) (int, error) {
	u, err := url.Parse(text)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrURL, err)
	}
	key, err := h.urlKey(u)
	if err != nil {
		return 0, err
	}
	h.purgeWidely()
	n, err := h.deps.Store.PurgePrefix(key)
	h.deps.Counter.Invalidated(n)
	return n, err
}

// PurgeTag removes every stored answer that the application gave with that tag.
func (h *Handler) PurgeTag(tag string) (int, error) {
	if tag == "" || strings.ContainsRune(tag, 0) {
		return 0, ErrTag
	}
	h.purgeWidely()
	n, err := h.deps.Store.PurgeTag(tag)
	h.deps.Counter.Invalidated(n)
	return n, err
}

// PurgeAll removes everything, and gives how many entries there were.
func (h *Handler) PurgeAll() (int, error) {
	h.purgeWidely()
	n := h.deps.Store.Stats().Items
	err := h.deps.Store.Clear()
	h.deps.Counter.Invalidated(n)
	return n, err
}

// purgeWidely must be called before a purge of more than one URL.
func (h *Handler) purgeWidely() {
	h.purged.markAll()
	h.deps.Store.Announce("")
}

// urlKey gives a URL as keys have it.
func (h *Handler) urlKey(u *url.URL) (string, error) {
	if u.Scheme == "" || u.Host == "" {
		return "", fmt.Errorf("%w (got %q)", ErrURL, u.String())
	}
	path := u.Path
	if path == "" {
		path = "/"
	}
	r := gateway.Request{
		Scheme: []byte(strings.ToLower(u.Scheme)), Host: []byte(u.Host), Path: []byte(path), Query: []byte(u.RawQuery),
	}
	t := h.targetOf(&r)
	return t.url, nil
}

// Top is an answer that is asked for often.
type Top struct {
	URL     string
	Variant bool   // one of several answers of its URL
	Hits    uint64 // answers from the cache
	Fetches uint64 // answers of the application
	Bytes   int64
}

// Top gives the n stored answers with most hits since they came into memory, most first.
func (h *Handler) Top(n int) []Top {
	list := make([]Top, 0, n)
	for _, hot := range h.deps.Store.Top(2 * n) {
		url := urlOf(hot.Key)
		e, ok := hot.View.(*entry)
		if !ok || e.has(entryVaries) || len(list) == n {
			continue
		}
		list = append(list, Top{
			URL: url, Variant: len(hot.Key) > len(url)+1, Hits: e.used.hits.Load(), Fetches: e.used.fetches.Load(), Bytes: hot.Bytes,
		})
	}
	return list
}

// Stats tells what the store holds. Its Hits are the requests that were answered without asking the application, its Misses
// those for which it was asked, bypasses not counted.
func (h *Handler) Stats() store.Stats {
	stats := h.deps.Store.Stats()
	stats.Hits, stats.Misses = h.hits.Load(), h.misses.Load()
	return stats
}

// Waiting counts requests that wait for another one that fetches the same.
func (h *Handler) Waiting() int { return h.flights.waiting() }
