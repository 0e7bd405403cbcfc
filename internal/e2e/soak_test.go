package e2e

import (
	"flag"
	"fmt"
	"strconv"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// soak is how long TestSoak runs: `make soak` gives it a minute, `make test` the least.
var soak = flag.Duration("soak", 0, "how long TestSoak runs")

// TestSoak is an operator who does not leave a busy server alone: reloads and upgrades one after the other, while workers
// are recycled all the time and clients ask over every way in, streams included. Not one request may fail.
func TestSoak(t *testing.T) {
	v := serveUpgradable(t, testkit.Options{
		Processes: 2, Threads: 4, Config: "workers: {grace_period: 20s, max_requests: 500, max_unavailable: 2}\n",
	})
	nginx := testkit.NginxPass(t, v.Uwsgi, "")
	l := startLoad(t, v, nginx)
	began, reloads, upgrades, recycled := time.Now(), 0, 0, recycledBy{}
	for n := 2; n <= 6 || time.Since(began) < *soak; n++ {
		v.write(t, strconv.Itoa(n))
		if n%5 == 0 {
			recycled.note(t, v)
			v.upgrade(t)
			upgrades++
		} else {
			v.reload(t)
			reloads++
		}
		for _, c := range v.Fronts() {
			expectBody(t, c.Do(t, testkit.Call{}), strconv.Itoa(n))
		}
		testkit.Eventually(t, callTimeout, func() error {
			if recycled.note(t, v); t.Failed() || recycled.seen >= 2 {
				return nil
			}
			return fmt.Errorf("%d workers of this generation were recycled", recycled.seen)
		})
		if t.Failed() {
			break
		}
	}
	close(l.stop)
	l.clients.Wait()
	t.Logf("%v: %d requests, %d of them streams; %d reloads, %d upgrades, at least %d workers recycled", time.Since(began).Round(time.Second),
		l.asked.Load(), l.streams.Load(), reloads, upgrades, recycled.sum)
	if reloads < 4 || upgrades < 1 || recycled.sum == 0 {
		t.Errorf("%d reloads, %d upgrades, %d workers recycled", reloads, upgrades, recycled.sum)
	}
	v.awaitQuiet(t)
}

// recycledBy counts workers that reached workers.max_requests. Each generation counts from zero, and what it did after the
// last look is not known.
type recycledBy struct {
	pid        int
	generation uint64
	seen, sum  int
}

func (r *recycledBy) note(t *testing.T, v *versioned) {
	t.Helper()
	s := v.status(t)
	if s.PID != r.pid || s.Current.Number != r.generation {
		r.pid, r.generation, r.seen = s.PID, s.Current.Number, 0
	}
	now := s.Current.Retired["max_requests"]
	r.sum += now - r.seen
	r.seen = now
}
