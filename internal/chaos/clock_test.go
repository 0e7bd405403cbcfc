package chaos

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"penknife/internal/testkit"

	"golang.org/x/sys/unix"
)

// TestClockIsSet is scenario 23: under load the machine's clock goes forward by an hour, back, back by an hour, and forward
// again. No request fails, those in flight are answered, a request's time limit is neither early nor late, no worker leaves, and
// what is cached is fresh for exactly as long as it was to be.
//
// It sets the clock of the whole machine for some ten seconds, so it runs only as root and with CHAOS_SET_CLOCK=1 in the
// environment. What goes by dates is tested with clocks of its own in cache, cache/store, certs and static (TheClockIsSet).
func TestClockIsSet(t *testing.T) {
	if os.Getenv("CHAOS_SET_CLOCK") == "" {
		t.Log("it sets the machine's clock: only with CHAOS_SET_CLOCK=1")
		return
	}
	const limit = 2 * time.Second
	a := begin(t, setup{processes: 2, threads: 3, config: "workers: {request_timeout: 2s, interrupt_grace: 20s}\ncache: {enabled: true}\n"})
	restore := keepTime(t)
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		gate := testkit.NewGate(t)
		lateGate := testkit.NewGate(t)
		held, late := a.park(t, testkit.HTTPClient(a.HTTP), gate), a.park(t, testkit.UwsgiClient(a.Uwsgi), lateGate)
		parked := time.Now()
		stored := a.fresh(t)
		a.inject(func() { shiftTime(t, by) })
		gate.Pass(t, 1)
		if outcome, detail := held.outcome(); outcome != "200" {
			t.Errorf("clock by %v: in flight: %s %s", by, outcome, detail)
		}
		if again := a.fresh(t); again.body != stored.body || again.age > "2" || again.age == "" {
			t.Errorf("clock by %v: a fresh answer was %+v, is %+v", by, stored, again)
		}
		outcome, detail := late.outcome()
		took := time.Since(parked)
		lateGate.Pass(t, 1)
		if outcome != "504" || took < limit-500*time.Millisecond || took > limit+1500*time.Millisecond {
			t.Errorf("clock by %v: a request over its time: %s %s after %v", by, outcome, detail, took)
		}
		t.Logf("clock by %v: 504 after %v, Age %s", by, took.Round(time.Millisecond), stored.age)
		a.answers(t, a.fault.Add(limit), 20, 20*time.Second)
		testkit.Eventually(t, 5*time.Second, func() error { // max-age=3
			if now := a.fresh(t); now.body == stored.body {
				return errTooFew{"what is cached", time.Since(parked).Seconds()}
			}
			return nil
		})
		if lived := time.Since(parked); lived < 2500*time.Millisecond || lived > 6*time.Second {
			t.Errorf("clock by %v: an answer for 3 s was fresh for %v", by, lived)
		}
		t.Logf("clock by %v: an answer for 3 s was replaced after %v", by, time.Since(parked).Round(time.Millisecond))
		a.inject(restore)
		a.answers(t, time.Now(), 20, 20*time.Second)
	}
	a.end(t, criterion{slowest: 2 * time.Second, moved: map[string]float64{starts: 0, "penknife_requests_overdue_total": 2}})
}

// TestBootsApart is the part of scenario 23 about the clock that nobody sets, which begins with the machine: penknife in a time
// namespace whose machine has just booted, and in one that has run for ten years. Time limits, ages and replacements are as always.
// It takes root.
func TestBootsApart(t *testing.T) {
	t.Parallel() // it waits most of the time
	up := readClock(t, unix.CLOCK_MONOTONIC).Truncate(time.Second)
	for name, offset := range map[string]time.Duration{"just booted": 2*time.Second - up, "ten years": 10 * 365 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines := fmt.Sprintf("exec unshare --time --monotonic %d --boottime %[1]d", int64(offset/time.Second))
			a := begin(t, setup{processes: 3, starter: starter(t, lines), config: hangLimits + "cache: {enabled: true}\n"})
			stored := a.fresh(t)
			a.inject(func() { a.expectTimeout(t, a.order(t, testkit.HTTPClient(a.HTTP), "nasty.hang_in_c?x=1&")) })
			testkit.Eventually(t, 10*time.Second, func() error { return a.grew("penknife_worker_exits_total", 1) })
			t.Logf("replaced %v after the request", time.Since(a.fault).Round(time.Millisecond))
			a.awaitWorkers(t, 3)
			testkit.Eventually(t, 6*time.Second, func() error { // max-age=3
				if now := a.fresh(t); now.body == stored.body {
					return errTooFew{"what is cached", time.Since(a.fault).Seconds()}
				}
				return nil
			})
			a.end(t, criterion{slowest: 3 * time.Second, moved: map[string]float64{
				"penknife_requests_overdue_total": 1, `penknife_overdue_outcomes_total{outcome="replaced"}`: 1, starts: 1,
			}})
		})
	}
}

// cached is what the application's /fresh answered, or the cache for it.
type cached struct{ body, age string }

func (a *arena) fresh(t *testing.T) cached {
	t.Helper()
	answer, err := testkit.HTTPClient(a.HTTP).Try(testkit.Call{Target: "/fresh"})
	if err != nil || answer.Status != 200 {
		t.Fatalf("%d, %v", answer.Status, err)
	}
	return cached{strings.TrimSpace(string(answer.Body)), answer.Header.Get("Age")}
}

// keepTime gives what sets the clock right again, by the clock that nobody sets; the end of the test does it too.
func keepTime(t *testing.T) (restore func()) {
	t.Helper()
	real, steady := readClock(t, unix.CLOCK_REALTIME), readClock(t, unix.CLOCK_MONOTONIC)
	restore = func() { setClock(t, real+readClock(t, unix.CLOCK_MONOTONIC)-steady) }
	t.Cleanup(restore)
	return restore
}

func shiftTime(t *testing.T, by time.Duration) {
	t.Helper()
	setClock(t, readClock(t, unix.CLOCK_REALTIME)+by)
}

func readClock(t *testing.T, clock int32) time.Duration {
	t.Helper()
	var now unix.Timespec
	if err := unix.ClockGettime(clock, &now); err != nil {
		t.Fatal(err)
	}
	return time.Duration(now.Nano())
}

func setClock(t *testing.T, to time.Duration) {
	t.Helper()
	at := unix.NsecToTimespec(int64(to))
	if err := unix.ClockSettime(unix.CLOCK_REALTIME, &at); err != nil {
		t.Fatalf("the clock can be set by root only: %v", err)
	}
}
