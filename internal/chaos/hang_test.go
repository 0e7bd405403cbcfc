package chaos

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"penknife/internal/testkit"
)

const hangLimits = "workers: {request_timeout: 1s, interrupt_grace: 500ms}\n"

// TestHangs is scenario 5, in Python (an application that gives way to no exception) and in C with the interpreter's lock
// held: 504 at the time limit, the worker is killed and replaced, and nobody else notices.
func TestHangs(t *testing.T) {
	for _, way := range []string{"hang_in_c", "spin_in_python"}[:rounds(1, 2)] {
		t.Run(way, func(t *testing.T) {
			a := begin(t, setup{processes: 3, config: hangLimits})
			a.inject(func() { a.expectTimeout(t, a.order(t, testkit.HTTPClient(a.HTTP), "nasty."+way+"?x=1&")) })
			testkit.Eventually(t, 15*time.Second, func() error { return a.grew("penknife_worker_exits_total", 1) })
			t.Logf("the worker was gone %v after the request", time.Since(a.fault).Round(time.Millisecond))
			a.AwaitOutput(t, "stacks of all threads")
			a.awaitWorkers(t, 3)
			a.end(t, criterion{slowest: 2 * time.Second, moved: map[string]float64{`penknife_worker_exits_total{cause="replaced"}`: 1,
				"penknife_requests_overdue_total": 1, `penknife_overdue_outcomes_total{outcome="replaced"}`: 1, starts: 1,
			}})
		})
	}
}

// expectTimeout waits for the 504 of a request that was just sent.
func (a *arena) expectTimeout(t *testing.T, exchange *testkit.Exchange) {
	t.Helper()
	answer, err := exchange.Receive()
	took := time.Since(a.fault)
	if err != nil || answer.Status != 504 || took < 900*time.Millisecond || took > 3*time.Second {
		t.Errorf("%d, %v after %v", answer.Status, err, took)
	}
	t.Logf("504 after %v", took.Round(time.Millisecond))
}

// grew tells whether all series of a name together have grown by at least n.
func (a *arena) grew(name string, n float64) error {
	sum := 0.0
	series, err := a.read()
	if err != nil {
		return err
	}
	for one, value := range series {
		if one == name || strings.HasPrefix(one, name+"{") {
			sum += value - a.series[one]
		}
	}
	if sum < n {
		return errTooFew{name, sum}
	}
	return nil
}

type errTooFew struct {
	name string
	sum  float64
}

func (e errTooFew) Error() string {
	return e.name + " grew by " + strconv.FormatFloat(e.sum, 'g', -1, 64)
}

// TestUninterruptible is scenario 5 for processes that no signal ends: they wait for a file system that never answers. The
// clients have their 504, the workers are replaced, and penknife waits for them neither then nor when it stops. One that comes
// free is seen as gone.
func TestUninterruptible(t *testing.T) {
	t.Parallel() // it waits most of the time
	silent, silentForGood := newSilentFS(t), newSilentFS(t)
	a := begin(t, setup{processes: 3, config: hangLimits})
	a.inject(func() {
		var hanging []*testkit.Exchange
		for _, fs := range []*silentFS{silent, silentForGood} {
			hanging = append(hanging, a.order(t, testkit.HTTPClient(a.HTTP), "nasty.touch?path="+url.QueryEscape(fs.dir+"/file")+"&"))
		}
		for _, exchange := range hanging {
			a.expectTimeout(t, exchange)
		}
	})
	testkit.Eventually(t, 20*time.Second, func() error {
		if n := strings.Count(a.Output(), "killed worker does not exit"); n != 2 {
			return fmt.Errorf("%d were given up", n)
		}
		return nil
	})
	a.awaitWorkers(t, 3)
	t.Logf("replaced %v after the request", time.Since(a.fault).Round(time.Millisecond))
	silent.close() // now the kernel lets this process die
	a.end(t, criterion{slowest: 2 * time.Second, allowed: testkit.Footprint{Processes: 1, InFlight: 1, Descriptors: 8}, moved: map[string]float64{
		"penknife_requests_overdue_total": 2, `penknife_overdue_outcomes_total{outcome="replaced"}`: 2, starts: 2,
	}})
	below := a.Pythons()
	if code := a.Terminate(t, testkit.Grace); code != 0 {
		t.Errorf("exit code %d while a process cannot be killed", code)
	}
	silentForGood.close()
	a.CheckNobodyLeft(t, below)
}

// TestStopped is scenario 30: a worker that is stopped, and goes on when its request is long over. Its late answer reaches
// nobody; the worker, which was not killed yet, serves again.
func TestStopped(t *testing.T) {
	a := begin(t, setup{processes: 2, threads: 2, config: "workers: {request_timeout: 1s, interrupt_grace: 20s}\n"})
	n := rounds(1, 8)
	for range n {
		gate := testkit.NewGate(t)
		p := a.park(t, testkit.HTTPClient(a.HTTP), gate)
		a.inject(func() { freeze(t, p.pid) })
		gate.Pass(t, 1)
		if outcome, detail := p.outcome(); outcome != "504" {
			t.Errorf("a request of the stopped worker: %s %s", outcome, detail)
		}
		_ = syscall.Kill(p.pid, syscall.SIGCONT)
		a.answers(t, time.Now(), 20, 20*time.Second)
	}
	// What the load had in the stopped worker has the same fate: as many as it has threads, without the one that waits.
	a.end(t, criterion{most: map[string]int{"504": 2 * n, outcomeCut: 2 * n}, back: 3 * time.Second, slowest: 4 * time.Second, unblamed: true})
}

// TestEverythingStopped is scenario 30 for a container or a machine that is paused: penknife is stopped with its workers, for
// longer than workers.request_timeout, and goes on before them. Nobody has done anything wrong, so every request is answered.
func TestEverythingStopped(t *testing.T) {
	a := begin(t, setup{processes: 2, threads: 2, config: "workers: {request_timeout: 2s}\n"})
	for range rounds(1, 4) {
		gate := testkit.NewGate(t)
		p := a.park(t, testkit.HTTPClient(a.HTTP), gate)
		pythons := a.Pythons()
		<-time.After(300 * time.Millisecond) // its time is measured by now
		a.inject(func() {
			for _, pid := range append([]int{a.PID()}, pythons...) {
				freeze(t, pid)
			}
			<-time.After(3 * time.Second)
			_ = syscall.Kill(a.PID(), syscall.SIGCONT)
			<-time.After(300 * time.Millisecond) // it has looked at all requests, and nothing has moved
			for _, pid := range pythons {
				_ = syscall.Kill(pid, syscall.SIGCONT)
			}
		})
		gate.Pass(t, 1)
		if outcome, detail := p.outcome(); outcome != "200" {
			t.Errorf("a request that was under way: %s %s", outcome, detail)
		}
		a.answers(t, time.Now(), 20, 20*time.Second)
	}
	a.end(t, criterion{slowest: 6 * time.Second, moved: map[string]float64{"penknife_requests_overdue_total": 0, starts: 0}})
}

// freeze stops a process, and returns when all of its threads are stopped.
func freeze(t *testing.T, pid int) {
	t.Helper()
	_ = syscall.Kill(pid, syscall.SIGSTOP)
	testkit.Eventually(t, 5*time.Second, func() error {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		for _, thread := range threads {
			if text, _ := os.ReadFile(thread); !strings.Contains(string(text), ") T ") {
				return errors.New("it still runs")
			}
		}
		return err
	})
}

// TestStoppedForLong is scenario 30 with limits that are longer than the stop, or shorter. In both cases another takes the
// worker's place within two seconds; in the second it is killed while it is stopped, whether it holds a request or not.
func TestStoppedForLong(t *testing.T) {
	if !thorough(t) {
		return
	}
	const stop = 30 * time.Second
	a := begin(t, setup{processes: 2, patience: stop + 10*time.Second, config: "workers: {request_timeout: 60s}\n"})
	victim := a.workers(t)[0].PID
	a.inject(func() { _ = syscall.Kill(victim, syscall.SIGSTOP) })
	testkit.Eventually(t, 2*time.Second, func() error { return a.grew(starts, 1) })
	a.answers(t, a.fault.Add(stop), 5, stop+20*time.Second) // by the others
	_ = syscall.Kill(victim, syscall.SIGCONT)
	a.AwaitOutput(t, "suspended worker goes on")
	a.awaitWorkers(t, 2)
	a.end(t, criterion{slowest: stop + 5*time.Second, moved: map[string]float64{
		starts: 1, `penknife_worker_retirements_total{reason="scale_down"}`: 1, suspended: 0,
	}})

	b := begin(t, setup{processes: 2, config: hangLimits})
	victim = b.workers(t)[0].PID
	b.inject(func() { _ = syscall.Kill(victim, syscall.SIGSTOP) })
	b.awaitGone(t, victim)
	t.Logf("killed after %v", time.Since(b.fault).Round(time.Millisecond))
	b.end(t, criterion{most: map[string]int{"504": 1, outcomeCut: 1}, back: 3 * time.Second, slowest: 4 * time.Second, unblamed: true,
		moved: map[string]float64{starts: 1, suspended: 0}})
}

const suspended = `penknife_workers{state="suspended"}`

// TestIdleWorkerStopped: nobody asks for anything, so no request can show that a worker is stopped. It is noticed, named and
// replaced all the same.
func TestIdleWorkerStopped(t *testing.T) {
	t.Parallel() // it waits most of the time
	a := begin(t, setup{processes: 2, idle: true, config: hangLimits})
	victim := a.workers(t)[0].PID
	a.inject(func() { freeze(t, victim) })
	a.AwaitOutput(t, "worker is suspended")
	a.AwaitOutput(t, "suspended worker is killed (workers.request_timeout)")
	a.awaitGone(t, victim)
	t.Logf("killed after %v", time.Since(a.fault).Round(time.Millisecond))
	a.awaitWorkers(t, 2, victim)
	a.end(t, criterion{moved: map[string]float64{starts: 1, `penknife_worker_retirements_total{reason="suspended"}`: 1, suspended: 0}})
}

// awaitGone waits until a process is no worker any more.
func (a *arena) awaitGone(t *testing.T, pid int) {
	t.Helper()
	testkit.Eventually(t, 20*time.Second, func() error {
		for _, w := range a.status(t).Current.Workers {
			if w.PID == pid {
				return fmt.Errorf("worker %d is still there: %s", pid, w.State)
			}
		}
		return nil
	})
}
