package cache

import (
	"testing"
	"time"

	"penknife/cache/store"
	"penknife/internal/testkit"
)

// TestAge_TheClockIsSet: an answer is fresh for as long as it was to be, no longer when somebody sets the machine's clock back, and
// no shorter when it is set forward.
func TestAge_TheClockIsSet(t *testing.T) {
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		now := time.Now()
		clock := func() time.Time { return now }
		kept, err := store.New(store.Options{Namespace: "http", Limit: 16 << 20, LimitName: "cache.size", View: View, Now: clock})
		if err != nil {
			t.Fatal(err)
		}
		b := &bench{clock: newClock(), app: &app{answer: always("Cache-Control: max-age=60\r\n", "hello")}, tally: &tally{outcomes: map[Outcome]int{}, reasons: map[Reason]int{}}}
		b.Handler = New(defaults(), Deps{Next: b.app, Store: kept, Counter: b.tally, Now: clock})
		ask := func(want Outcome) {
			t.Helper()
			before := b.tally.of(want)
			r := b.request("GET /x")
			r.Start = now
			resp, err := b.Serve(r)
			if err != nil {
				t.Fatal(err)
			}
			if take(r, resp); b.tally.of(want) != before+1 {
				t.Errorf("set by %v: the outcome is not %v", by, want)
			}
		}
		ask(Miss)
		ask(Hit)
		now = testkit.Stepped(now, by)
		ask(Hit)
		now = now.Add(59 * time.Second)
		ask(Hit)
		now = now.Add(2 * time.Second)
		ask(Miss)
		if err := b.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// TestPassing_TheClockIsSet: what cannot be cached is remembered as long as configured.
func TestPassing_TheClockIsSet(t *testing.T) {
	now := time.Now()
	p := newPassing(now)
	p.add([]byte("k"), 0, now.Add(time.Minute))
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		if set := testkit.Stepped(now, by); !p.has([]byte("k"), 0, set) || p.has([]byte("k"), 0, set.Add(61*time.Second)) {
			t.Errorf("set by %v", by)
		}
	}
}
