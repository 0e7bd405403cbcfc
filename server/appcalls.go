package server

import (
	"context"
	"errors"
	"time"

	"penknife/appcalls"
	"penknife/appcalls/mirror"
	"penknife/appcalls/series"
	"penknife/cache/store"
	"penknife/configs"
	"penknife/metrics"
	"penknife/workers"
)

// newAppCalls makes what answers the calls of the application's code, and the cache that it keeps there.
func (s *Server) newAppCalls() (*appcalls.Service, error) {
	cfg, set, log := s.loaded.Config, s.metrics, s.log
	deps := appcalls.Deps{Counters: set.AppCalls, Log: log}
	if err := addCache(&deps, cfg.AppCache, set.AppCalls, s.storage); err != nil {
		return nil, err
	}
	if cfg.AppMetrics.Series > 0 {
		deps.Metrics = series.New(series.Limits{Metrics: cfg.AppMetrics.Metrics, Cells: cfg.AppMetrics.Series}, log)
		if err := set.Show(deps.Metrics); err != nil {
			return nil, err
		}
		set.AppCalls.WatchMetrics(deps.Metrics.Cells, deps.Metrics.Rejected)
	}
	if cfg.Cache.Enabled {
		deps.Responses = responses{s}
	}
	limits := appcalls.Limits{Channels: cfg.AppCache.Channels, Value: int(cfg.AppCache.MaxValue)}
	return appcalls.New(limits, deps), nil
}

func addCache(deps *appcalls.Deps, cfg configs.AppCache, counters *metrics.AppCalls, storage *storage) error {
	if cfg.Size == 0 {
		return nil
	}
	var gone func(string)
	if cfg.Copies > 0 {
		copies := mirror.New(int64(cfg.Copies))
		deps.Mirror = copies
		gone = func(key string) {
			if key == "" {
				copies.DropAll()
				return
			}
			copies.Drop(key)
		}
	}
	kept, err := storage.open(store.Options{
		Gone: gone, Namespace: "app", Limit: int64(cfg.Size), LimitName: "app_cache.size",
		MaxItem: int64(cfg.MaxValue) + itemRoom, MaxItemName: "app_cache.max_value",
	})
	if err != nil {
		return err
	}
	deps.Cache = appCache{kept, time.Now}
	counters.WatchCache(func() metrics.AppCache { return appCacheNow(kept) })
	return nil
}

// itemRoom is what the store counts for an item beyond its key and value: bookkeeping, tags, what the allocator rounds up.
const itemRoom = 256 << 10

func appCacheNow(kept *store.Store) metrics.AppCache {
	s := kept.Stats()
	now := metrics.AppCache{
		Items: s.Items, Bytes: s.Bytes, Limit: s.Limit, Hits: s.Hits, Misses: s.Misses, Refused: s.Refused,
		Removed: map[string]uint64{},
	}
	for reason, n := range s.Removed {
		now.Removed[reason.String()] = n
	}
	return now
}

// callsOf is a Service in the words of package workers.
type callsOf struct{ *appcalls.Service }

// Join begins the life of a process.
func (c callsOf) Join(process string) workers.Caller { return c.Service.Join(process) }

// appCache is a Store in the words of package appcalls.
type appCache struct {
	kept *store.Store
	now  func() time.Time
}

var _ appcalls.Cache = appCache{}

func (a appCache) item(e appcalls.Entry) *store.Item {
	item := &store.Item{Value: append([]byte(nil), e.Value...), Tags: e.Tags}
	item.Expires = a.expires(e.Expiry)
	return item
}

// expires gives the moment; an expiry of 0 is none.
func (a appCache) expires(expiry time.Duration) time.Time {
	if expiry == 0 {
		return time.Time{}
	}
	return a.now().Add(expiry)
}

// translated gives the store's errors as appcalls names them. That Redis is away is none: the store has done it here, and
// will do it there.
func translated(err error) error {
	switch {
	case err == nil || errors.Is(err, store.ErrAway):
		return nil
	case errors.Is(err, store.ErrTooLarge):
		return errors.Join(appcalls.ErrTooLarge, err)
	case errors.Is(err, store.ErrNotNumber), errors.Is(err, store.ErrOverflow):
		return appcalls.ErrNoNumber
	case errors.Is(err, store.ErrMissing):
		return appcalls.ErrMissing
	}
	return err
}

// Get implements appcalls.Cache, as the following methods do.
func (a appCache) Get(_ context.Context, key string) (appcalls.Found, bool, error) {
	item, there := a.kept.Get(key)
	if !there {
		return appcalls.Found{}, false, nil
	}
	found := appcalls.Found{Value: item.Value}
	if !item.Expires.IsZero() {
		found.Left = max(item.Expires.Sub(a.now()), 1) // it lived when it was found
	}
	return found, true, nil
}

// Set keeps a copy.
func (a appCache) Set(_ context.Context, e appcalls.Entry) error {
	return translated(a.kept.Set(e.Key, a.item(e)))
}

// Add keeps a copy if there is nothing.
func (a appCache) Add(_ context.Context, e appcalls.Entry) (bool, error) {
	added, err := a.kept.Add(e.Key, a.item(e))
	return added, translated(err)
}

// Incr adds to a number.
func (a appCache) Incr(_ context.Context, key string, delta int64) (int64, error) {
	sum, err := a.kept.Incr(key, delta)
	return sum, translated(err)
}

// Touch gives a new expiry.
func (a appCache) Touch(_ context.Context, key string, expiry time.Duration) (bool, error) {
	there, err := a.kept.Touch(key, a.expires(expiry))
	return there, translated(err)
}

// Delete removes a key.
func (a appCache) Delete(_ context.Context, key string) (bool, error) {
	was, err := a.kept.Delete(key)
	return was, translated(err)
}

// PurgeTag removes what has a tag.
func (a appCache) PurgeTag(_ context.Context, tag string) (int, error) {
	n, err := a.kept.PurgeTag(tag)
	return n, translated(err)
}

// Clear removes everything.
func (a appCache) Clear(context.Context) error { return translated(a.kept.Clear()) }
