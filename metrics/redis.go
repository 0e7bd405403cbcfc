package metrics

import "github.com/prometheus/client_golang/prometheus"

// Redis is the Redis behind the caches at the moment of a scrape.
type Redis struct {
	Up            bool
	Owed          int    // changes that wait for its return
	Failures      uint64 // operations that failed or took too long
	Absences      uint64
	Invalidations uint64 // keys that it told us to forget
}

// WatchRedis shows the Redis behind the caches, which take looks at. It is called once, if there is one.
func (s *Set) WatchRedis(take func() Redis) {
	gauge := func(name, help string, of func(Redis) float64) {
		s.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help},
			func() float64 { return of(take()) }))
	}
	counter := func(name, help string, of func(Redis) uint64) {
		s.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
			func() float64 { return float64(of(take())) }))
	}
	gauge("penknife_cache_redis_up", "1 while the caches use Redis, 0 while they work with memory alone.", func(r Redis) float64 {
		if r.Up {
			return 1
		}
		return 0
	})
	gauge("penknife_cache_redis_owed", "Changes that will be made in Redis when it is back.",
		func(r Redis) float64 { return float64(r.Owed) })
	counter("penknife_cache_redis_failures_total", "Operations of Redis that failed or took longer than cache.redis_timeout.",
		func(r Redis) uint64 { return r.Failures })
	counter("penknife_cache_redis_absences_total", "How often Redis was taken out of use.",
		func(r Redis) uint64 { return r.Absences })
	counter("penknife_cache_redis_invalidations_total", "Keys that changed in Redis and were forgotten here.",
		func(r Redis) uint64 { return r.Invalidations })
}
