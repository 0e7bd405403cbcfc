package workers

import (
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"penknife/configs"
)

// recycled is a world whose workers have limits; nothing about them is random.
func recycled(r recycling) func(*fakeWorld) {
	return func(f *fakeWorld) {
		if r.random == nil {
			r.random = func() float64 { return 0 }
		}
		r.atOnce = max(r.atOnce, 1)
		if r.patience == 0 {
			r.patience = 30 * time.Second
		}
		f.recycling, f.obeys = r, false
	}
}

func (f *fakeWorld) look() {
	f.mail.nudge()
	synctest.Wait()
}

func TestRecycle_SuccessorFirstAndOneAtATime(t *testing.T) {
	inBubble(t, recycled(recycling{requests: 100}), func(t *testing.T, f *fakeWorld) {
		f.behave = func(w *fakeWorker) { w.spawned() }
		f.served[0], f.served[1] = 99, 99
		f.look()
		if len(f.ordered) != 2 {
			t.Fatal("replaced before the limit")
		}
		f.served[0], f.served[1] = 100, 250
		f.look()
		f.look()
		if len(f.ordered) != 3 || len(f.told) != 0 || len(f.living(Ready)) != 2 {
			t.Fatalf("%d ordered, told to leave: %v, ready: %v", len(f.ordered), f.told, f.living(Ready))
		}
		f.ordered[2].ready()
		synctest.Wait()
		if !slices.Equal(f.told, []int{0}) || !slices.Equal(f.living(Ready), []uint64{2, 3}) {
			t.Fatalf("told to leave: %v, ready: %v", f.told, f.living(Ready))
		}
		if w := f.workers[0]; w.reason != RetireMaxRequests || w.state != Draining {
			t.Errorf("%v for %v", w.state, w.reason)
		}
		f.busy[0] = 1
		f.pass(20 * time.Second)
		if len(f.ordered) != 3 {
			t.Error("the second is being replaced while the first still leaves")
		}
		f.busy[0] = 0
		f.die(1, exit{ExitClean, "exited with status 0"})
		if len(f.ordered) != 4 || f.ordered[3].index != 0 {
			t.Fatalf("%d ordered", len(f.ordered))
		}
		f.ordered[3].ready()
		synctest.Wait()
		if !slices.Equal(f.told, []int{0, 1}) || f.view.Load().snapshot.Retired[RetireMaxRequests] != 2 {
			t.Errorf("told to leave: %v, retired: %v", f.told, f.view.Load().snapshot.Retired)
		}
		if f.crash.rounds != 0 {
			t.Error("a recycled worker counts as a crash")
		}
	})
}

func TestRecycle_LongRequestsAreWaitedFor(t *testing.T) {
	inBubble(t, recycled(recycling{requests: 10}), func(t *testing.T, f *fakeWorld) {
		f.busy[0], f.busy[1], f.busy[2] = 1, 1, 1
		f.served[0] = 10
		f.look()
		if !slices.Equal(f.told, []int{0}) {
			t.Fatalf("told to leave: %v", f.told)
		}
		f.served[1], f.served[2] = 10, 10
		f.pass(31 * time.Second) // longer than the grace period
		if !slices.Equal(f.told, []int{0, 1}) {
			t.Fatalf("told to leave: %v", f.told)
		}
		f.pass(time.Hour)
		if f.ordered[0].killed || f.ordered[1].killed {
			t.Error("a worker was killed with its request")
		}
		if len(f.workers) != 2*fakeProcesses {
			t.Errorf("%d processes", len(f.workers))
		}
		f.busy[0] = 0
		f.pass(exitGrace + 2*leavingCheck)
		if !f.ordered[0].killed {
			t.Error("a worker that holds nothing may stay for ever")
		}
	})
}

func TestRecycle_BrokenSuccessorChangesNothing(t *testing.T) {
	inBubble(t, recycled(recycling{requests: 10}), func(t *testing.T, f *fakeWorld) {
		f.behave = func(w *fakeWorker) { w.spawned(); w.exits(exit{ExitStatus, "exited with status 3"}) }
		f.served[0] = 10
		f.pass(5 * time.Minute)
		if len(f.told) != 0 || !slices.Equal(f.living(Ready), []uint64{1, 2}) {
			t.Errorf("told to leave: %v, ready: %v", f.told, f.living(Ready))
		}
		if n := len(f.ordered); n > 30 {
			t.Errorf("%d workers in five minutes", n)
		}
		if !f.view.Load().snapshot.CrashLoop {
			t.Error("nobody is told")
		}
		f.behave = nil // the application was mended
		f.pass(5 * time.Minute)
		if len(f.told) != 1 || f.view.Load().snapshot.CrashLoop {
			t.Errorf("told to leave: %v, crash loop: %v", f.told, f.view.Load().snapshot.CrashLoop)
		}
	})
}

func TestRecycle_LifetimeNeedsNoRequests(t *testing.T) {
	inBubble(t, recycled(recycling{lifetime: time.Hour}), func(t *testing.T, f *fakeWorld) {
		f.obeys = true
		f.pass(time.Hour - time.Second)
		if len(f.ordered) != 2 {
			t.Fatal("too early")
		}
		f.pass(2 * time.Second)
		if len(f.ordered) != 4 || !slices.Equal(f.living(Ready), []uint64{3, 4}) {
			t.Errorf("ready: %v", f.living(Ready))
		}
		if n := f.view.Load().snapshot.Retired[RetireMaxLifetime]; n != 2 {
			t.Errorf("%d retired", n)
		}
	})
}

func TestRecycle_MemoryIsSampledAfterRequestsOnly(t *testing.T) {
	prepare := func(f *fakeWorld) { recycled(recycling{memory: 1000})(f); f.size = 500 }
	inBubble(t, prepare, func(t *testing.T, f *fakeWorld) {
		atStart := f.looks
		f.pass(time.Minute)
		if f.looks != atStart || !f.wake.IsZero() {
			t.Errorf("%d looks at idle workers, next at %v", f.looks-atStart, f.wake)
		}
		for range 39 { // almost four seconds of scans
			f.served[0]++
			f.look()
			<-time.After(100 * time.Millisecond)
			synctest.Wait()
		}
		if n := f.looks - atStart; n != 2 {
			t.Errorf("%d looks in four seconds, want 2", n)
		}
		f.size = 1001
		f.served[0]++
		f.look()
		f.size = 500 // the successor's
		f.pass(memoryInterval)
		if len(f.told) != 0 {
			t.Error("small again when it was looked at, and still recycled")
		}
		f.size = 1001
		f.served[0]++
		f.pass(memoryInterval)
		if !slices.Equal(f.told, []int{0}) || f.retired[RetireMaxRSS] != 1 {
			t.Errorf("told to leave: %v", f.told)
		}
		if f.workers[2-1].limits.memory == 0 || f.workers[len(f.workers)-1].limits.memory != 0 {
			t.Error("the limit counts for a worker that was born above it, or for no other")
		}
	})
}

func TestRecycle_JitterShortens(t *testing.T) {
	r := newRecycling(configs.Workers{MaxRequests: 1000, MaxRequestsJitter: 20, MaxLifetime: time.Hour})
	for random, want := range map[float64]uint64{0: 1000, 0.5: 900, math.Nextafter(1, 0): 800} {
		r.random = func() float64 { return random }
		inBubble(t, recycled(r), func(t *testing.T, f *fakeWorld) {
			l := f.workers[0].limits
			life := l.expires.Sub(f.workers[0].ready)
			if l.requests != want || (life-time.Hour*time.Duration(want)/1000).Abs() > time.Second {
				t.Errorf("random %v: %d requests, %v", random, l.requests, life)
			}
		})
	}
}

// TestRecycle_CandidateDies: its successor takes its place, and nobody is left over.
func TestRecycle_CandidateDies(t *testing.T) {
	inBubble(t, recycled(recycling{requests: 10}), func(t *testing.T, f *fakeWorld) {
		f.pass(time.Hour)
		f.behave = func(w *fakeWorker) { w.spawned() }
		f.served[0] = 10
		f.look()
		f.die(1, crashed)
		if len(f.ordered) != 3 {
			t.Fatalf("%d ordered", len(f.ordered))
		}
		f.ordered[2].ready()
		synctest.Wait()
		if len(f.told) != 0 || !slices.Equal(f.living(Ready), []uint64{2, 3}) || len(f.workers) != 2 {
			t.Errorf("told to leave: %v, ready: %v of %d", f.told, f.living(Ready), len(f.workers))
		}
	})
}

func TestRecycle_StopEndsOldAndNew(t *testing.T) {
	inBubble(t, recycled(recycling{requests: 10}), func(t *testing.T, f *fakeWorld) {
		f.served[0] = 10
		f.look() // 0 leaves, holding a request; its successor serves
		f.busy[0] = 1
		f.behave = func(w *fakeWorker) { w.spawned() }
		f.served[1] = 10
		f.pass(31 * time.Second) // the successor of 1 does not get ready
		if len(f.living(Draining)) != 1 || len(f.living(Starting)) != 1 || len(f.living(Ready)) != 2 {
			t.Fatalf("%d workers", len(f.workers))
		}
		f.mail.put(stop{time.Now().Add(2 * time.Second)})
		f.pass(3 * time.Second)
		<-f.done
	})
}

func TestRecycle_SeveralAtATime(t *testing.T) {
	prepare := func(f *fakeWorld) {
		recycled(recycling{requests: 10, atOnce: 2})(f)
		f.wanted = 4
	}
	inBubble(t, prepare, func(t *testing.T, f *fakeWorld) {
		least := len(f.living(Ready))
		f.behave = func(w *fakeWorker) { w.spawned() }
		for index := range 4 {
			f.served[index] = 10
			f.busy[index] = 1
		}
		f.look()
		if len(f.ordered) != 6 || len(f.told) != 0 {
			t.Fatalf("%d ordered, told to leave: %v", len(f.ordered), f.told)
		}
		f.ordered[4].ready()
		f.ordered[5].ready()
		synctest.Wait()
		f.pass(10 * time.Second)
		if !slices.Equal(f.told, []int{0, 1}) || len(f.ordered) != 6 || len(f.living(Ready)) != least {
			t.Fatalf("told to leave: %v, %d ordered, ready: %v", f.told, len(f.ordered), f.living(Ready))
		}
		f.busy[0] = 0
		f.die(1, exit{ExitClean, "exited with status 0"})
		if len(f.ordered) != 7 {
			t.Errorf("%d ordered after one of two has left", len(f.ordered))
		}
		f.ordered[6].ready()
		synctest.Wait()
		if !slices.Equal(f.told, []int{0, 1, 2}) || len(f.living(Ready)) != least {
			t.Errorf("told to leave: %v, ready: %v", f.told, f.living(Ready))
		}
	})
}

func TestRecycle_ProcessorTime(t *testing.T) {
	inBubble(t, recycled(recycling{cpu: time.Minute}), func(t *testing.T, f *fakeWorld) {
		f.cpu = time.Minute
		f.look()
		before := f.clocks
		f.pass(time.Hour)
		if f.clocks > before+fakeProcesses || !f.wake.IsZero() {
			t.Errorf("%d looks at idle workers, next at %v", f.clocks-before, f.wake)
		}
		before = f.clocks
		for range 39 {
			f.look()
			<-time.After(100 * time.Millisecond)
			synctest.Wait()
		}
		if n := f.clocks - before; n < fakeProcesses || n > 2*fakeProcesses || len(f.told) != 0 {
			t.Errorf("%d looks in four seconds, told to leave: %v", n, f.told)
		}
		f.cpu++
		f.pass(memoryInterval)
		f.look()
		if !slices.Equal(f.told, []int{0}) || f.retired[RetireMaxCPU] != 1 {
			t.Errorf("told to leave: %v", f.told)
		}
	})
}
