package chaos

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// TestOneWorkerKilled is scenario 1: kill -9 for one worker with requests in flight. Exactly its requests get 502 within a
// second, all others are answered, and its successor is ready within a second.
func TestOneWorkerKilled(t *testing.T) {
	a := begin(t, setup{processes: 3, threads: 4})
	gate := testkit.NewGate(t)
	var held []*parked
	for i := range 8 {
		held = append(held, a.park(t, a.Fronts()[i%2], gate))
	}
	victim := held[0].pid
	a.inject(func() { _ = syscall.Kill(victim, syscall.SIGKILL) })
	lost, kept := 0, 0
	for _, p := range held {
		if p.pid != victim {
			continue
		}
		lost++
		if outcome, detail := p.outcome(); outcome != "502" || time.Since(a.fault) > time.Second {
			t.Errorf("a request of the victim, after %v: %s %s", time.Since(a.fault), outcome, detail)
		}
	}
	a.awaitWorkers(t, 3, victim)
	back := time.Since(a.fault)
	if back > time.Second {
		t.Errorf("the successor was ready after %v", back)
	}
	gate.Pass(t, len(held))
	for _, p := range held {
		if p.pid == victim {
			continue
		}
		kept++
		if outcome, detail := p.outcome(); outcome != "200" {
			t.Errorf("a request of another worker: %s %s", outcome, detail)
		}
	}
	t.Logf("%d requests held by the victim, %d by others; successor ready after %v", lost, kept, back)
	a.end(t, criterion{
		most: map[string]int{"502": 4, outcomeCut: 4}, back: time.Second, slowest: 3 * time.Second,
		moved: map[string]float64{exitsKilled: 1, starts: 1, `penknife_crash_loop`: 0},
	})
}

// TestAllWorkersKilled is scenario 2: all at once, again and again. Requests get 502 or 503 and never wait for long, and
// service is back within a second and the time of an import.
func TestAllWorkersKilled(t *testing.T) {
	a := begin(t, setup{processes: 3})
	n := rounds(2, 10)
	for range n {
		var pids []int
		for _, w := range a.workers(t) {
			pids = append(pids, w.PID)
		}
		a.inject(func() {
			for _, pid := range pids {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		})
		back := a.awaitWorkers(t, 3, pids...).Round(time.Millisecond)
		t.Logf("%d workers killed, as many are ready after %v", len(pids), back)
		if back > time.Second { // the zygote has imported the application already
			t.Errorf("as many were ready after %v", back)
		}
	}
	a.end(t, criterion{
		most: map[string]int{"502": 3 * n, outcomeCut: 3 * n, "503": 3 * n}, back: 2 * time.Second, slowest: 3 * time.Second,
		moved: map[string]float64{exitsKilled: float64(3 * n), starts: float64(3 * n)},
	})
}

// TestWaysToDie is scenario 7: whatever ends the process costs the one request that did it; what Python calls the end of a
// program, and is an exception, costs not even the worker.
func TestWaysToDie(t *testing.T) {
	if !thorough(t) {
		return
	}
	a := begin(t, setup{processes: 3})
	for i, way := range []string{"kill?", "leave?code=0&", "leave?code=3&", "leave?code=4&", "segfault?", "abort?", "system_exit?", "interrupt?"} {
		if !strings.HasSuffix(way, "&") {
			way = strings.TrimSuffix(way, "?") + "?x=1&"
		}
		want := 502
		if i >= 6 {
			want = 500
		}
		a.inject(func() {
			answer, err := a.order(t, a.Fronts()[i%2], "dying."+way).Receive()
			if err != nil || answer.Status != want || time.Since(a.fault) > 2*time.Second {
				t.Errorf("%s: %d, %v after %v", way, answer.Status, err, time.Since(a.fault))
			}
		})
		a.awaitWorkers(t, 3)
	}
	a.end(t, criterion{back: time.Second, slowest: 3 * time.Second, moved: map[string]float64{starts: 6, exitsKilled: 1}})
}

// TestZygoteKilled: running workers do not notice, and one that dies afterwards is replaced by the zygote's successor.
func TestZygoteKilled(t *testing.T) {
	a := begin(t, setup{processes: 2})
	zygote := a.status(t).Current.ZygotePID
	a.inject(func() { _ = syscall.Kill(zygote, syscall.SIGKILL) })
	testkit.Eventually(t, 10*time.Second, func() error {
		if now := a.status(t).Current.ZygotePID; now == 0 || now == zygote {
			return errors.New("no other zygote")
		}
		return nil
	})
	victim := a.workers(t)[0].PID
	a.inject(func() { _ = syscall.Kill(victim, syscall.SIGKILL) })
	a.awaitWorkers(t, 2, victim)
	a.end(t, criterion{
		most: map[string]int{"502": 1, outcomeCut: 1}, back: time.Second, slowest: 3 * time.Second,
		moved: map[string]float64{exitsKilled: 1, starts: 1},
	})
}

// TestZygoteStopped: one that is there and answers nothing. A worker that dies cannot be replaced, until the zygote is given
// up (workers.start_timeout); the others go on.
func TestZygoteStopped(t *testing.T) {
	if !thorough(t) {
		return
	}
	a := begin(t, setup{processes: 2, config: "workers: {start_timeout: 1s}\n"})
	zygote, victim := a.status(t).Current.ZygotePID, a.workers(t)[0].PID
	a.inject(func() {
		_ = syscall.Kill(zygote, syscall.SIGSTOP)
		_ = syscall.Kill(victim, syscall.SIGKILL)
	})
	t.Logf("replaced after %v", a.awaitWorkers(t, 2, victim).Round(time.Millisecond))
	a.end(t, criterion{
		most: map[string]int{"502": 1, outcomeCut: 1}, back: time.Second, slowest: 3 * time.Second,
		moved: map[string]float64{exitsKilled: 1, starts: 1},
	})
}

// TestMemoryRunsOut is scenario 20 for workers: one that the kernel kills for its memory is a death like others, named as
// what it was; one that gets no memory has its MemoryError.
func TestMemoryRunsOut(t *testing.T) {
	group := newMemoryGroup(t, 600<<20)
	a := begin(t, setup{processes: 2, starter: inGroup(t, group)})
	a.inject(func() {
		answer, err := a.order(t, testkit.HTTPClient(a.HTTP), "dying.limited_memory?x=1&").Receive()
		if err != nil || answer.Status != 500 {
			t.Errorf("a limit of the address space: %d, %v", answer.Status, err)
		}
		answer, err = a.order(t, testkit.HTTPClient(a.HTTP), "dying.eat_memory?x=1&").Receive()
		if err != nil || answer.Status != 502 {
			t.Errorf("a limit of the control group: %d, %v", answer.Status, err)
		}
	})
	a.awaitWorkers(t, 2)
	a.AwaitOutput(t, "out-of-memory killer")
	a.end(t, criterion{back: time.Second, moved: map[string]float64{`penknife_worker_exits_total{cause="oom"}`: 1, starts: 1}})
}
