package cache

import (
	"crypto/sha256"
	"errors"
	"net/url"
	"strings"

	"penknife/cache/store"
	"penknife/gateway"
)

// originTarget is what an unsafe request may invalidate: its URL, and what its answer names on the same origin.
type originTarget struct {
	origin string // http://example.com
	url    string // as in keys
	path   string // as sent
}

func (h *Handler) targetOf(r *gateway.Request) originTarget {
	if len(r.Host) == 0 {
		return originTarget{}
	}
	origin := appendOrigin(nil, r)
	t := originTarget{origin: string(origin), path: string(r.Target)}
	key := append(origin, r.Path...)
	from := len(key)
	key = appendQuery(append(key, '?'), r.Query, h.settings.Load().rules.of(r.Path))
	if len(key) == from+1 {
		key = key[:from]
	}
	t.url = string(key)
	return t
}

// invalidate removes what an unsafe request has made invalid (RFC 9111 section 4.4): its target, and what Location and
// Content-Location name, if that is of the same origin.
func (h *Handler) invalidate(t *originTarget, fields []byte) {
	if t.origin == "" {
		return
	}
	a := readAnswer(fields, nil)
	n := h.removeURL(t.url)
	for _, reference := range [...][]byte{a.location, a.contentLocation} {
		if reference != nil {
			if named, ok := h.resolve(t, string(reference)); ok && named != t.url {
				n += h.removeURL(named)
			}
		}
	}
	h.deps.Counter.Invalidated(n)
}

// resolve gives the URL of keys for a reference on the same origin.
func (h *Handler) resolve(t *originTarget, reference string) (string, bool) {
	base, err := url.Parse(t.origin + t.path)
	if err != nil {
		base, err = url.Parse(t.origin + "/")
	}
	if err != nil {
		return "", false
	}
	named, err := base.Parse(reference)
	if err != nil {
		return "", false
	}
	found, err := h.urlKey(named)
	return found, err == nil && strings.HasPrefix(found, t.origin+"/")
}

// removeURL removes all that is stored for a URL, and gives how much that was.
func (h *Handler) removeURL(url string) int {
	n, err := h.removeAll(url)
	if err != nil && !errors.Is(err, store.ErrAway) { // the store says once that Redis is away
		h.deps.Log.Warn("cache: not everything could be removed", "url", url, "error", err)
	}
	return n
}

func (h *Handler) removeAll(url string) (n int, err error) {
	h.purged.mark(url)
	h.deps.Store.Announce(url)
	was, err := h.deps.Store.Delete(url + "\x00")
	if was {
		n++
	}
	others, tagErr := h.deps.Store.PurgeTag(urlTag(url))
	return n + others, errors.Join(err, tagErr)
}

// urlTag is the tag of all entries of a URL but the one under its plain key. It begins with NUL, which no tag of an
// application can have.
func urlTag(url string) string {
	sum := sha256.Sum256([]byte(url))
	return "\x00" + string(sum[:16])
}
