package server

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"penknife/metrics"
)

// TestHistory: samples are taken while there are requests or somebody looks, and none otherwise.
func TestHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex // guards what the goroutine of history reads and the test writes
		totals, samples := metrics.Totals{}, 0
		taken := func() int {
			mu.Lock()
			defer mu.Unlock()
			return samples
		}
		count := func(ok, bad uint64) {
			mu.Lock()
			defer mu.Unlock()
			totals.Classes[2] += ok
			totals.Classes[5] += bad
		}
		h := newHistory(func() moment {
			mu.Lock()
			defer mu.Unlock()
			samples++
			now := totals
			m := moment{totals: &now}
			m.sample.Waiting = 3
			return m
		})
		h.start()
		<-time.After(time.Hour) // of the bubble's clock
		if n := taken(); n != 0 {
			t.Errorf("%d samples of nothing", n)
		}
		count(7, 2)
		h.requested()
		<-time.After(time.Minute)
		if n := taken(); n < 5 || n > 7 {
			t.Errorf("%d samples after the last request", n)
		}
		seen := h.past() // wakes it
		first := seen[0]
		if first.Requests != 9 || first.Errors != 2 || first.Waiting != 3 || first.Seconds != 1 || seen[1].Requests != 0 {
			t.Errorf("%+v", seen[:2])
		}
		before := taken()
		<-time.After(10 * time.Minute)
		if grown := taken() - before; grown < 5 || grown > 11 {
			t.Errorf("%d samples after a look", grown)
		}
		for range historyKept + 50 {
			count(1, 0)
			h.requested()
			<-time.After(time.Second)
		}
		all := h.past()
		if len(all) != historyKept {
			t.Errorf("%d samples are kept", len(all))
		}
		sum := uint64(0)
		for _, s := range all {
			sum += s.Requests
		}
		if sum < historyKept-1 || sum > historyKept+1 {
			t.Errorf("%d requests in %d seconds", sum, historyKept)
		}
		if err := h.shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
