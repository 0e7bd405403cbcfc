package server

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"penknife/metrics"
)

// TestHistory: samples are taken while there are requests or somebody looks, and none otherwise.
func TestHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		totals, taken := metrics.Totals{}, 0
		h := newHistory(func(since time.Duration) moment {
			taken++
			now := totals
			m := moment{totals: &now}
			m.sample.Waiting = 3
			return m
		})
		h.start()
		<-time.After(time.Hour) // of the bubble's clock
		if taken != 0 {
			t.Errorf("%d samples of nothing", taken)
		}
		totals.Classes[2], totals.Classes[5] = 7, 2
		h.requested()
		<-time.After(time.Minute)
		if taken < 5 || taken > 7 {
			t.Errorf("%d samples after the last request", taken)
		}
		seen := h.past() // wakes it
		first := seen[0]
		if first.Requests != 9 || first.Errors != 2 || first.Waiting != 3 || first.Seconds != 1 || seen[1].Requests != 0 {
			t.Errorf("%+v", seen[:2])
		}
		before := taken
		<-time.After(10 * time.Minute)
		if grown := taken - before; grown < 5 || grown > 11 {
			t.Errorf("%d samples after a look", grown)
		}
		for range historyKept + 50 {
			totals.Classes[2]++
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
