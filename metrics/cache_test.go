package metrics

import (
	"testing"
	"time"
)

func TestCache_Counts(t *testing.T) {
	s := New("1", Names{CacheOutcomes: []string{"", "hit", "stale", "c", "d", "e", "miss"}, CacheReasons: []string{"stored", "private"}})
	c := s.Cache
	c.Rules([]string{"/a"})
	c.Answered(1, 1, 10*time.Second)
	c.Answered(6, 0, 0)
	c.Answered(6, 99, 0) // a rule that a reload has removed
	c.Answered(99, 1, 0)
	c.Kept(0, 100)
	c.Kept(1, 0)
	c.Invalidated(3)
	c.Rules([]string{"/b"})
	c.Answered(1, 1, time.Second)
	c.Watch(func() CacheNow {
		return CacheNow{Items: 1, Bytes: 2, Limit: 3, Waiting: 4, Removed: map[string]uint64{"room": 5}}
	})
	expect(t, page(t, s),
		`penknife_cache_answers_total{reason="private"} 1`, `penknife_cache_answers_total{reason="stored"} 1`,
		`penknife_cache_removed_total{reason="room"} 5`, "penknife_cache_waiting_requests 4",
		"penknife_cache_entries 1", "penknife_cache_bytes 2", "penknife_cache_limit_bytes 3",
		`penknife_cache_requests_total{outcome="hit",rule="/a"} 1`, `penknife_cache_requests_total{outcome="hit",rule="/b"} 1`,
		`penknife_cache_requests_total{outcome="miss",rule="none"} 2`,
		"penknife_cache_age_seconds_count 2", "penknife_cache_age_seconds_sum 11", "penknife_cache_stored_bytes_total 100",
		"penknife_cache_invalidated_total 3",
	)
	if n := testing.AllocsPerRun(100, func() { c.Answered(1, 1, time.Second) }); n != 0 {
		t.Errorf("%v allocations for a hit", n)
	}
}
