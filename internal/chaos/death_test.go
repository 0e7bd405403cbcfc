package chaos

import (
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
	back := a.awaitWorkers(t, 3, victim)
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
