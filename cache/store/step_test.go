package store

import (
	"testing"
	"time"

	"penknife/internal/testkit"
)

// TestExpiry_TheClockIsSet: an item lives as long as it was to, whatever somebody does to the machine's clock meanwhile.
func TestExpiry_TheClockIsSet(t *testing.T) {
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		now := time.Now()
		s := newStore(t, 1<<20, func(o *Options) { o.Now = func() time.Time { return now } })
		set := func(key string) {
			if err := s.Set(key, &Item{Value: []byte("x"), Expires: now.Add(10 * time.Second)}); err != nil {
				t.Fatal(err)
			}
		}
		set("before")
		now = testkit.Stepped(now, by)
		expect(t, s, "before", "x")
		set("after")
		now = now.Add(9 * time.Second)
		expect(t, s, "before", "x")
		expect(t, s, "after", "x")
		now = now.Add(2 * time.Second)
		expect(t, s, "before", "")
		expect(t, s, "after", "")
	}
}
