package control

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// CacheControl is what the socket does with the response cache. Its methods may do I/O.
type CacheControl interface {
	// Purge removes what q names, and gives how many entries there were. Its error is for people.
	Purge(q Purge) (int, error)
	// CacheStats describes the cache, with the top most used entries.
	CacheStats(top int) CacheStats
}

// Purge names what to remove from the response cache: exactly one of its fields is set.
type Purge struct {
	URL    string // an absolute URL
	Prefix string // the beginning of absolute URLs
	Tag    string
	All    bool
}

// Purged is the answer to POST /cache/purge.
type Purged struct {
	Removed int `json:"removed"` // entries
}

// CacheStats is the answer to GET /cache/stats.
type CacheStats struct {
	Entries int               `json:"entries"`
	Bytes   int64             `json:"bytes"`
	Limit   int64             `json:"limit_bytes"`
	Hits    uint64            `json:"hits"`    // requests answered without the application
	Misses  uint64            `json:"misses"`  // requests for which it was asked, bypasses not counted
	Removed map[string]uint64 `json:"removed"` // by reason
	Top     []CacheTop        `json:"top,omitempty"`
	Redis   *CacheRedis       `json:"redis,omitempty"` // nil: this process only
}

// CacheRedis is the Redis behind the cache.
type CacheRedis struct {
	State   string    `json:"state"` // up or away
	Since   time.Time `json:"since"`
	Address string    `json:"address"`          // without the password
	Reason  string    `json:"reason,omitempty"` // why it is away
	Owed    int       `json:"owed"`             // changes that wait for its return
	Fetched uint64    `json:"fetched"`          // of the hits, those that came from it
}

// CacheTop is an entry that is used often.
type CacheTop struct {
	URL     string `json:"url"`
	Variant bool   `json:"variant"` // one of several for its URL
	Hits    uint64 `json:"hits"`    // answers from the cache
	Fetches uint64 `json:"fetches"` // answers of the application
	Bytes   int64  `json:"bytes"`
}

// ErrNoCache says that the server has no response cache.
var ErrNoCache = errors.New("the response cache is off (cache.enabled)")

// errPurge is a purge that does not say what.
var errPurge = errors.New("say exactly one of url, prefix, tag and all=true")

// maxTop bounds how many entries are listed.
const maxTop = 1000

// routeCache adds the routes about the response cache.
func routeCache(mux *http.ServeMux, cache CacheControl) {
	mux.HandleFunc("POST /cache/purge", bare(func(w http.ResponseWriter, r *http.Request) {
		q, err := purgeOf(r.URL.Query())
		if err == nil && cache == nil {
			http.Error(w, ErrNoCache.Error(), http.StatusConflict)
			return
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		n, err := cache.Purge(q)
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
			return
		}
		answer(w, http.StatusOK, Purged{Removed: n})
	}, "url", "prefix", "tag", "all"))
	mux.HandleFunc("GET /cache/stats", func(w http.ResponseWriter, r *http.Request) {
		if cache == nil {
			http.Error(w, ErrNoCache.Error(), http.StatusConflict)
			return
		}
		top, _ := strconv.Atoi(r.URL.Query().Get("top")) // nonsense is none
		answer(w, http.StatusOK, cache.CacheStats(min(max(top, 0), maxTop)))
	})
}

// purgeOf reads the parameters of a purge.
func purgeOf(values url.Values) (Purge, error) {
	q := Purge{
		URL: values.Get("url"), Prefix: values.Get("prefix"), Tag: values.Get("tag"), All: values.Get("all") == "true",
	}
	said := 0
	for _, is := range []bool{q.URL != "", q.Prefix != "", q.Tag != "", q.All} {
		if is {
			said++
		}
	}
	if said != 1 {
		return Purge{}, errPurge
	}
	return q, nil
}

// Purge removes entries from the response cache and gives how many there were.
func (c *Client) Purge(ctx context.Context, q Purge) (Purged, error) {
	values := url.Values{}
	for name, value := range map[string]string{"url": q.URL, "prefix": q.Prefix, "tag": q.Tag} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if q.All {
		values.Set("all", "true")
	}
	var purged Purged
	err := c.call(ctx, http.MethodPost, "/cache/purge?"+values.Encode(), nil, &purged)
	return purged, err
}

// CacheStats asks what the response cache holds.
func (c *Client) CacheStats(ctx context.Context, top int) (CacheStats, error) {
	var stats CacheStats
	err := c.call(ctx, http.MethodGet, "/cache/stats?top="+strconv.Itoa(top), nil, &stats)
	return stats, err
}
