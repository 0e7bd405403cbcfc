package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// criterion says in numbers what a fault may cost.
type criterion struct {
	// most is how many requests of the load may fail, by outcome. What is not named may not happen; "swapped" never may.
	most map[string]int
	// back is when service is whole again after the fault: requests that are sent later may not fail, and every way is
	// answered. Zero: no request may fail at all, and most is empty.
	back time.Duration
	// slowest is how long any request of the load may take; zero: the client's patience.
	slowest time.Duration
	// moved is by how much series of /metrics must have grown at the end, exactly.
	moved map[string]float64
	// unblamed lets requests of living workers fail with 502 or a cut connection. For faults by which a worker harms others.
	unblamed bool
	// lost are ways that the fault has taken away for good: what comes of their requests does not count, but that no answer
	// is another's.
	lost []string
	// allowed is what may be left behind.
	allowed testkit.Footprint
}

// end waits for service after the fault, stops the load, and judges.
func (a *arena) end(t *testing.T, c criterion) {
	t.Helper()
	if a.load.stop != nil {
		a.answers(t, a.fault.Add(c.back), 10, c.back+20*time.Second, c.lost...)
	}
	a.halt()
	a.judge(t, c)
	a.Aftermath(t, a.before, c.allowed)
	a.compare(t, c.moved)
}

func (a *arena) judge(t *testing.T, c criterion) {
	t.Helper()
	failed := slices.DeleteFunc(a.load.ledger.failed(), func(r record) bool {
		return slices.Contains(c.lost, r.way) && r.outcome != outcomeSwapped
	})
	count, last := map[string]int{"200": a.load.ledger.outcomes()["200"]}, time.Time{}
	for _, r := range failed {
		count[r.outcome]++
	}
	for outcome, n := range count {
		if outcome != "200" && (n > c.most[outcome] || outcome == outcomeSwapped) {
			t.Errorf("%d requests: %s (%d may be)", n, outcome, c.most[outcome])
		}
	}
	for i, r := range failed {
		if r.sent.After(last) {
			last = r.sent
		}
		if i < 20 && (r.outcome == outcomeSwapped || c.most[r.outcome] < count[r.outcome]) {
			t.Errorf("request %s by %s, %v after the fault, took %v: %s: %s", r.number, r.way,
				r.sent.Sub(a.fault).Round(time.Millisecond), r.took.Round(time.Millisecond), r.outcome, r.detail)
		}
	}
	if len(failed) > 0 && last.Sub(a.fault) > c.back {
		t.Errorf("the last request that failed was sent %v after the fault; %v are allowed", last.Sub(a.fault), c.back)
	}
	slowest := a.load.ledger.slowest()
	if c.slowest > 0 && slowest.took > c.slowest {
		t.Errorf("a request took %v, %v are allowed: %+v", slowest.took, c.slowest, slowest)
	}
	if !c.unblamed {
		a.blame(t, failed)
	}
	t.Logf("load: %s; the last failure was sent %v after the fault; the slowest took %v (%s)", summary(count),
		max(last.Sub(a.fault), 0).Round(time.Millisecond), slowest.took.Round(time.Millisecond), slowest.outcome)
}

// blame makes sure that each request which was lost was held by a worker that is gone, and that none was begun twice. A
// worker may have taken a request and have died before it noted that: one for each death.
func (a *arena) blame(t *testing.T, failed []record) {
	t.Helper()
	j, err := readJournal(a.journal)
	if err != nil {
		t.Error(err)
		return
	}
	lives := map[int]bool{}
	for _, w := range a.status(t).Current.Workers {
		lives[w.PID] = true
	}
	unnoted := 0
	for _, r := range failed {
		if r.outcome == "503" || r.outcome == "504" || r.outcome == outcomeRefused {
			continue
		}
		begun := j.begun[r.number]
		if len(begun) == 0 {
			unnoted++
		} else if lives[begun[0]] {
			t.Errorf("request %s was lost (%s), but its worker %d lives", r.number, r.outcome, begun[0])
		}
	}
	for number, begun := range j.begun {
		if len(begun) > 1 {
			t.Errorf("request %s was begun by %v", number, begun)
		}
	}
	died := 0.0
	for name, value := range a.scrape(t) {
		if strings.HasPrefix(name, "penknife_worker_exits_total{") {
			died += value - a.series[name]
		}
	}
	if threads := a.status(t).Current.Threads; unnoted > int(died)*threads {
		t.Errorf("%d requests were lost that no worker had begun; %v workers with %d threads died", unnoted, died, threads)
	}
}

// compare checks by how much series grew.
func (a *arena) compare(t *testing.T, moved map[string]float64) {
	t.Helper()
	now := a.scrape(t)
	for _, name := range slices.Sorted(maps.Keys(moved)) {
		if got := now[name] - a.series[name]; got != moved[name] {
			t.Errorf("%s grew by %v, and not by %v", name, got, moved[name])
		}
	}
}

// scrape reads /metrics.
func (a *arena) scrape(t testing.TB) map[string]float64 {
	t.Helper()
	series, err := a.read()
	if err != nil {
		t.Fatal(err)
	}
	return series
}

func (a *arena) read() (map[string]float64, error) {
	series := map[string]float64{}
	answer, err := testkit.HTTPClient(a.admin).Try(testkit.Call{Target: "/metrics"})
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(answer.Body)) {
		name, value, found := strings.Cut(strings.TrimSpace(line), "} ")
		if found {
			name += "}"
		} else if name, value, found = strings.Cut(strings.TrimSpace(line), " "); !found {
			continue
		}
		if strings.HasPrefix(name, "#") {
			continue
		}
		number, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return nil, fmt.Errorf("odd line of /metrics %q: %w", line, err)
		}
		series[name] = number
	}
	return series, nil
}

const (
	exitsKilled = `penknife_worker_exits_total{cause="killed"}`
	starts      = "penknife_worker_starts_total"
)
