package e2e

import (
	"testing"
	"time"

	"penknife/internal/testkit"
)

// TestIdleCostsNothing counts how often anything of penknife wakes while nobody asks for anything.
func TestIdleCostsNothing(t *testing.T) {
	// A number that follows the load costs nothing either.
	s := serve(t, "hello:application", testkit.Options{Threads: 2, Flags: []string{"--processes", "4-8"}})
	together(t, s, "/", 8)
	const window = 4 * time.Second
	pids := s.Everything()
	var rate float64
	// What the requests left behind (timers, the collector) may take a moment to settle.
	testkit.Eventually(t, 20*time.Second, func() error {
		before := testkit.WakeUps(pids)
		<-time.After(window)
		rate = float64(testkit.WakeUps(pids)-before) / window.Seconds()
		if rate >= 5 {
			return errNotYet
		}
		return nil
	})
	t.Logf("%.1f wake-ups per second over %d processes", rate, len(pids))
}
