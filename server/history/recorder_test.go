package history

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"penknife/metrics"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestRecorder_SleepsUnlessSomethingIsToBeSeen: samples are taken while there are requests or somebody looks, and none otherwise.
func TestRecorder_SleepsUnlessSomethingIsToBeSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex // guards what the goroutine of the recorder reads and the test writes
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
		h := New(func() Moment {
			mu.Lock()
			defer mu.Unlock()
			samples++
			now := totals
			m := Moment{Totals: &now}
			m.Sample.Waiting = 3
			return m
		})
		h.Start()
		<-time.After(time.Hour) // of the bubble's clock
		if n := taken(); n != 0 {
			t.Errorf("%d samples of nothing", n)
		}
		count(7, 2)
		h.Requested()
		<-time.After(time.Minute)
		if n := taken(); n != 3 {
			t.Errorf("%d samples after the last request", n)
		}
		seen := h.Past() // wakes it
		first := seen[0]
		if first.Requests != 9 || first.Errors != 2 || first.Waiting != 3 || first.Seconds != 1 || seen[1].Requests != 0 {
			t.Errorf("%+v", seen[:2])
		}
		before := taken()
		<-time.After(10 * time.Minute)
		if grown := taken() - before; grown < 4 || grown > 6 {
			t.Errorf("%d samples after a look", grown)
		}
		for range kept + 50 {
			count(1, 0)
			h.Requested()
			<-time.After(time.Second)
		}
		all := h.Past()
		if len(all) != kept {
			t.Errorf("%d samples are kept", len(all))
		}
		sum := uint64(0)
		for _, s := range all {
			sum += s.Requests
		}
		if sum < kept-1 || sum > kept+1 {
			t.Errorf("%d requests in %d seconds", sum, kept)
		}
		if err := h.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
