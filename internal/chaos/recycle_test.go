package chaos

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// TestLeakIsRecycled is scenario 24: an application that keeps ten megabytes of each request is held at workers.max_rss, no
// request fails, and there are never fewer workers that serve than were asked for.
func TestLeakIsRecycled(t *testing.T) {
	if !thorough(t) {
		return
	}
	a := begin(t, setup{processes: 2, config: "workers: {max_rss: 300MiB}\n", env: []string{"LEAK=10485760"}})
	a.inject(func() {})
	n, least, most := float64(rounds(3, 20)), 2, int64(0)
	testkit.Eventually(t, span(20*time.Second, 90*time.Second), func() error {
		ready := a.workers(t)
		least = min(least, len(ready))
		for _, w := range ready {
			most = max(most, w.Own)
		}
		return a.grew(`penknife_worker_retirements_total{reason="max_rss"}`, n)
	})
	t.Logf("at least %d workers were ready, the largest had %d MiB", least, most>>20)
	if least < 2 {
		t.Errorf("%d of 2 workers were ready at some moment", least)
	}
	a.end(t, criterion{slowest: 5 * time.Second, allowed: testkit.Footprint{Processes: 1}})
}

// exitGrace is what workers have to leave when their requests are over; then they are killed.
const exitGrace = 5 * time.Second

// TestWorkersThatDoNotLeave is scenario 31: output and an exception at the end of the interpreter, and a thread that does not
// end. A reload takes as long as the grace for that and no longer, no request is lost, no process is left.
func TestWorkersThatDoNotLeave(t *testing.T) {
	if !thorough(t) {
		return
	}
	a := begin(t, setup{processes: 2})
	for range 4 {
		if answer, err := a.order(t, testkit.HTTPClient(a.HTTP), "nasty.clinging?x=1&").Receive(); err != nil || answer.Status != 200 {
			t.Fatalf("%d, %v", answer.Status, err)
		}
	}
	a.inject(func() {
		if code, output := a.reload(t); code != 0 {
			t.Errorf("the reload: %d %s", code, output)
		}
	})
	testkit.Eventually(t, 20*time.Second, func() error { return a.grew("penknife_worker_exits_total", 2) })
	gone := time.Since(a.fault)
	t.Logf("the old workers were gone after %v", gone.Round(time.Millisecond))
	if gone > exitGrace+2*time.Second {
		t.Errorf("the old workers were gone after %v", gone)
	}
	a.end(t, criterion{slowest: 5 * time.Second, moved: map[string]float64{starts: 2}})
}

// TestCrashLoop is scenario 6: the application cannot be imported any more when its workers are killed. Clients get 503 with
// Retry-After, starts become rare, and it comes back by itself when the fault is gone.
func TestCrashLoop(t *testing.T) {
	t.Parallel() // it waits most of the time
	crash := filepath.Join(testkit.Dir(t), "crash")
	a := begin(t, setup{processes: 2, config: "app: {preload: false}\n", env: []string{"CRASH=" + crash}})
	testkit.Write(t, filepath.Dir(crash), "crash", "")
	pids := a.workers(t)
	a.inject(func() {
		for _, w := range pids {
			_ = syscall.Kill(w.PID, syscall.SIGKILL)
		}
	})
	testkit.Eventually(t, 30*time.Second, func() error {
		if err := a.grew("penknife_crash_loop", 1); err != nil {
			return err
		}
		answer, err := testkit.HTTPClient(a.HTTP).Try(testkit.Call{Target: "/work"})
		if err == nil && (answer.Status != 503 || answer.Header.Get("Retry-After") == "" || !strings.Contains(string(answer.Body), "503 Service Unavailable")) {
			t.Errorf("%d without Retry-After, or a reason: %v %q", answer.Status, answer.Lines, answer.Body)
		}
		return err
	})
	for _, text := range []string{"workers keep dying at once", "the application is broken"} {
		a.AwaitOutput(t, text)
	}
	before := len(a.crashes(t, crash))
	observed := span(3*time.Second, 10*time.Second)
	testkit.Eventually(t, observed+5*time.Second, func() error {
		if time.Since(a.fault) < observed {
			return errTooFew{"time", time.Since(a.fault).Seconds()}
		}
		return nil
	})
	starts := a.crashes(t, crash)
	t.Logf("%d starts failed until the loop was seen, then %d in %v; gaps: %.2v s", before, len(starts)-before, observed, gaps(starts))
	// Two workers are wanted, so that a round has two starts.
	for i, gap := range gaps(starts) {
		if i+1 >= 2*quickRounds && gap < 1 {
			t.Errorf("start %d came %v s after the one before", i+1, gap)
		}
	}
	if len(starts) < 5 {
		t.Errorf("%d starts", len(starts))
	}
	if status := testkit.HTTPClient(a.admin).Do(t, testkit.Call{Target: "/readyz"}).Status; status != 503 {
		t.Errorf("/readyz says %d", status)
	}
	if err := os.Remove(crash); err != nil {
		t.Fatal(err)
	}
	gone := time.Now()
	a.awaitWorkers(t, 2)
	t.Logf("service was back %v after the fault was gone", time.Since(gone).Round(time.Millisecond))
	a.end(t, criterion{
		most: map[string]int{"502": 2, outcomeCut: 2, "503": 1 << 20}, back: time.Since(a.fault) + time.Second,
		slowest: 8 * time.Second, // who came before it was known waits for the first quick tries
	})
}

// quickRounds is how many rounds of processes that die at once follow each other without a pause: that after the first death, and
// five more.
const quickRounds = 6

// crashes gives the moments, in seconds, of the starts that the application has noted before it failed.
func (a *arena) crashes(t *testing.T, path string) (at []float64) {
	t.Helper()
	for _, line := range strings.Fields(testkit.ReadFile(t, path)) {
		moment, err := strconv.ParseFloat(line, 64)
		if err != nil {
			t.Fatal(err)
		}
		at = append(at, moment)
	}
	slices.Sort(at)
	return at
}

func gaps(at []float64) (gaps []float64) {
	for i := range len(at) - 1 {
		gaps = append(gaps, at[i+1]-at[i])
	}
	return gaps
}
