package server

import (
	"context"
	"errors"

	"penknife/cache"
	"penknife/cache/store"
	"penknife/configs"
	"penknife/control"
	"penknife/gateway"
	"penknife/metrics"
)

// newResponseCache makes the response cache in front of next.
func (s *Server) newResponseCache(cfg configs.Cache, next gateway.Handler) (*cache.Handler, error) {
	counters := s.metrics.Cache
	var handler *cache.Handler
	kept, err := s.storage.open(store.Options{
		Namespace: "http", Limit: int64(cfg.Size), LimitName: "cache.size", View: cache.View,
		Purged: func(what string) { handler.Purged(what) }, // not before the storage has started
	})
	if err != nil {
		return nil, err
	}
	counters.Rules(rulePaths(cfg))
	handler = cache.New(cfg, cache.Deps{
		Next: next, Store: kept, Blocks: s.storage.remote != nil, Counter: counters, Log: s.log,
	})
	counters.Watch(func() metrics.CacheNow { return cacheNow(handler) })
	return handler, nil
}

// boundedCache is the section of the cache, in which no request waits for another one longer than it would for a worker.
func boundedCache(cfg configs.Config) configs.Cache {
	section := cfg.Cache
	if patience := cfg.Workers.QueueTimeout; patience > 0 {
		section.Wait = min(section.Wait, patience)
	}
	return section
}

func rulePaths(cfg configs.Cache) []string {
	paths := make([]string, len(cfg.Rules))
	for i, rule := range cfg.Rules {
		paths[i] = rule.Path
	}
	return paths
}

// configureCache takes over what a reload has changed.
func (s *Server) configureCache(cfg configs.Cache) {
	if s.cache != nil {
		s.metrics.Cache.Rules(rulePaths(cfg))
		s.cache.Configure(cfg)
	}
}

func cacheNow(handler *cache.Handler) metrics.CacheNow {
	s := handler.Stats()
	now := metrics.CacheNow{
		Items: s.Items, Bytes: s.Bytes, Limit: s.Limit, Removed: map[string]uint64{}, Waiting: handler.Waiting(),
	}
	for reason, n := range s.Removed {
		now.Removed[reason.String()] = n
	}
	return now
}

// cacheStage waits for what the cache fetches in the background. The engine is stopped before, so that ends.
func (s *Server) cacheStage() stage {
	return stage{name: "cache", start: nothing, stop: func(ctx context.Context) error {
		if s.cache == nil {
			return nil
		}
		return s.cache.Shutdown(ctx)
	}}
}

// cacheControl is the response cache in the words of package control.
type cacheControl struct{ handler *cache.Handler }

// controlOfCache gives nil without a cache.
func (s *Server) controlOfCache() control.CacheControl {
	if s.cache == nil {
		return nil
	}
	return cacheControl{s.cache}
}

// Purge removes what q names.
func (c cacheControl) Purge(q control.Purge) (n int, err error) {
	switch {
	case q.URL != "":
		n, err = c.handler.PurgeURL(q.URL)
	case q.Prefix != "":
		n, err = c.handler.PurgePrefix(q.Prefix)
	case q.Tag != "":
		n, err = c.handler.PurgeTag(q.Tag)
	default:
		n, err = c.handler.PurgeAll()
	}
	return settled(n, err)
}

// settled takes it for no error that Redis is away: what was asked is done here, and kept for its return.
func settled(n int, err error) (int, error) {
	if errors.Is(err, store.ErrAway) {
		err = nil
	}
	return n, err
}

// CacheStats describes the cache.
func (c cacheControl) CacheStats(top int) control.CacheStats {
	s := c.handler.Stats()
	stats := control.CacheStats{
		Entries: s.Items, Bytes: s.Bytes, Limit: s.Limit, Hits: s.Hits, Misses: s.Misses, Removed: map[string]uint64{},
	}
	for reason, n := range s.Removed {
		stats.Removed[reason.String()] = n
	}
	for _, t := range c.handler.Top(top) {
		stats.Top = append(stats.Top, control.CacheTop(t))
	}
	if r := s.Remote; r != nil {
		stats.Redis = &control.CacheRedis{
			State: r.State.String(), Since: r.Since, Address: r.Address, Reason: r.Reason, Owed: r.Owed, Fetched: s.Fetched,
		}
	}
	return stats
}

// responses is the response cache for the application's own purges (penknife.cache). It is made before the cache.
type responses struct{ server *Server }

// PurgeURL implements appcalls.Responses, as the following methods do.
func (r responses) PurgeURL(_ context.Context, url string) (int, error) {
	return settled(r.server.cache.PurgeURL(url))
}

// PurgePrefix looks at every key.
func (r responses) PurgePrefix(_ context.Context, prefix string) (int, error) {
	return settled(r.server.cache.PurgePrefix(prefix))
}

// PurgeTag removes by tag.
func (r responses) PurgeTag(_ context.Context, tag string) (int, error) {
	return settled(r.server.cache.PurgeTag(tag))
}
