package workers

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"penknife/configs"
)

// order asks the supervisor as Manager.Scale does.
func (f *fakeWorld) order(o ScaleOrder) (Scaling, error) {
	answer := make(chan scaleAnswer, 1)
	f.mail.put(scale{o, answer})
	a := <-answer
	synctest.Wait()
	return a.scaling, a.err
}

func TestScale_UpAndDown(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, f *fakeWorld) {
		f.obeys = false
		got, err := f.order(ScaleOrder{To: 4})
		if want := (Scaling{Wanted: 4, Least: 1, Most: 8, Mode: ScaleHand}); err != nil || got != want {
			t.Errorf("%+v, %v", got, err)
		}
		if !slices.Equal(f.living(Ready), []uint64{1, 2, 3, 4}) || len(f.told) != 0 {
			t.Fatalf("ready: %v", f.living(Ready))
		}
		f.busy[3], f.busy[2] = 1, 0 // the newest works, the third does not; 0 and 1 neither
		if got, err = f.order(ScaleOrder{By: -2}); err != nil || got.Wanted != 2 {
			t.Errorf("%+v, %v", got, err)
		}
		if !slices.Equal(f.told, []int{2, 1}) || f.retired[RetireScaleDown] != 2 {
			t.Errorf("told to leave: %v, retired: %v", f.told, f.retired)
		}
		f.pass(time.Hour) // one that holds nothing has a time limit for its exit, one that works has none
		if len(f.workers) != 2 || f.byBirth(4) == nil || f.ordered[3].killed {
			t.Errorf("%d workers are left, of them ready: %v", len(f.workers), f.living(Ready))
		}
		if got, err = f.order(ScaleOrder{Auto: true}); err != nil || got.Wanted != 2 || got.Mode != ScaleFixed {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func TestScale_AWorkerThatLeavesKeepsItsRequest(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, f *fakeWorld) {
		f.obeys = false
		f.busy[0], f.busy[1] = 1, 1
		if _, err := f.order(ScaleOrder{To: 1}); err != nil || !slices.Equal(f.told, []int{1}) {
			t.Fatalf("told to leave: %v, %v", f.told, err)
		}
		f.pass(time.Hour)
		if f.ordered[1].killed || len(f.living(Draining)) != 1 {
			t.Error("it was killed with its request")
		}
		f.busy[1] = 0
		f.pass(exitGrace + 2*leavingCheck)
		if !f.ordered[1].killed || len(f.workers) != 1 {
			t.Error("it may stay for ever with nothing to do")
		}
	})
}

func TestScale_TooManyStartingAreGivenUp(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, f *fakeWorld) {
		f.behave = func(w *fakeWorker) { w.spawned() }
		_, err := f.order(ScaleOrder{To: 5})
		if len(f.living(Starting)) != 3 || err != nil {
			t.Fatalf("starting: %v, %v", f.living(Starting), err)
		}
		_, _ = f.order(ScaleOrder{To: 3})
		if !slices.Equal(f.living(Starting), []uint64{3}) || len(f.told) != 2 {
			t.Errorf("starting: %v, told to leave: %v", f.living(Starting), f.told)
		}
		f.pass(exitGrace + 2*leavingCheck)
		f.ordered[2].ready()
		synctest.Wait()
		if len(f.living(Ready)) != 3 || len(f.workers) != 3 {
			t.Errorf("ready: %v of %d", f.living(Ready), len(f.workers))
		}
		if f.crash.rounds != 0 {
			t.Error("a worker that was given up counts as a crash")
		}
	})
}

// TestScale_WhoHasBegunIsNotGivenUp: a worker claims requests when it has said that it is ready, heard or not.
func TestScale_WhoHasBegunIsNotGivenUp(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, f *fakeWorld) {
		f.behave = func(w *fakeWorker) { w.spawned() }
		_, _ = f.order(ScaleOrder{To: 3})
		f.busy[2] = 1
		_, _ = f.order(ScaleOrder{To: 2})
		f.pass(time.Hour)
		if f.ordered[2].killed || !slices.Equal(f.told, []int{2}) {
			t.Errorf("killed: %v, told to leave: %v", f.ordered[2].killed, f.told)
		}
	})
}

// TestStop_WhoHasBegunIsNotKilled is the same for a stop.
func TestStop_WhoHasBegunIsNotKilled(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, f *fakeWorld) {
		f.behave = func(w *fakeWorker) { w.spawned() }
		_, _ = f.order(ScaleOrder{To: 4})
		f.busy[2], f.obeys = 1, false
		f.mail.put(stop{time.Now().Add(time.Minute)})
		f.pass(shortGrace + time.Second)
		if f.ordered[2].killed || !f.ordered[3].killed {
			t.Errorf("who has begun is killed: %v, who has not: %v", f.ordered[2].killed, f.ordered[3].killed)
		}
		f.pass(time.Minute)
		if !f.ordered[2].killed {
			t.Error("it outlives the grace period")
		}
	})
}

func TestScale_Refusals(t *testing.T) {
	for _, test := range []struct {
		bounds bounds
		order  ScaleOrder
		want   string
	}{
		{bounds{1, 8, "workers.max_processes"}, ScaleOrder{To: 9}, "not as many workers: 9, but there can be 1 to 8 (workers.max_processes)"},
		{bounds{1, 8, "workers.max_processes"}, ScaleOrder{By: -2}, "not as many workers: 0, but there can be 1 to 8 (workers.max_processes)"},
		{bounds{2, 3, "workers.processes"}, ScaleOrder{By: -1}, "not as many workers: 1, but there can be 2 to 3 (workers.processes)"},
		{bounds{1, 1, "workers.max_processes"}, ScaleOrder{To: 2}, "not as many workers: 2, but there can only be 1 (workers.max_processes)"},
	} {
		inBubble(t, func(f *fakeWorld) { f.bounds = test.bounds }, func(t *testing.T, f *fakeWorld) {
			_, err := f.order(test.order)
			if !errors.Is(err, ErrScale) || err.Error() != test.want {
				t.Errorf("%+v: %v", test.order, err)
			}
			if f.wanted != fakeProcesses || f.mode != ScaleFixed || len(f.ordered) != 2 {
				t.Errorf("%+v changed something: %d wanted", test.order, f.wanted)
			}
		})
	}
}

func TestScale_NotWhileStartingOrStopping(t *testing.T) {
	inBubble(t, func(f *fakeWorld) { f.behave = func(w *fakeWorker) { w.spawned() } }, func(t *testing.T, f *fakeWorld) {
		if _, err := f.order(ScaleOrder{To: 3}); !errors.Is(err, ErrNotNow) {
			t.Errorf("while starting: %v", err)
		}
	})
	inBubble(t, nil, func(t *testing.T, f *fakeWorld) {
		f.obeys = false
		f.mail.put(stop{time.Now().Add(time.Minute)})
		if _, err := f.order(ScaleOrder{To: 3}); !errors.Is(err, ErrNotNow) {
			t.Errorf("while stopping: %v", err)
		}
	})
}

// TestScale_RecycledBeforeIdle: who has reached a limit anyway leaves first, and is not replaced.
func TestScale_RecycledBeforeIdle(t *testing.T) {
	inBubble(t, recycled(recycling{requests: 10}), func(t *testing.T, f *fakeWorld) {
		f.behave = func(w *fakeWorker) { w.spawned() }
		f.served[0], f.busy[0] = 10, 1
		f.look() // its successor is on its way
		_, _ = f.order(ScaleOrder{To: 1})
		if !slices.Equal(f.told, []int{2, 0}) || f.retired[RetireMaxRequests] != 1 { // its successor, and then itself
			t.Errorf("told to leave: %v, retired: %v", f.told, f.retired)
		}
		f.busy[0] = 0
		f.die(1, exit{ExitClean, "exited with status 0"})
		if len(f.living(Ready)) != 1 {
			t.Errorf("ready: %v", f.living(Ready))
		}
	})
}

// automatic is a world that follows its load.
func automatic(algorithm string, least, most int) func(*fakeWorld) {
	return func(f *fakeWorld) {
		f.auto = newAutoscaler(configs.Workers{Processes: configs.Processes{Min: least, Max: most}, Threads: 1, Scaling: configs.Scaling{
			Algorithm: algorithm, BusyLow: 25, BusyHigh: 50, QueueTarget: 100 * time.Millisecond, DownAfter: 10 * time.Second,
		}})
		f.mode, f.bounds, f.wanted, f.configured = f.auto.mode, bounds{least, most, "workers.processes"}, least, least
		f.indexes = 2*most + 2
		f.held = make([]int, f.indexes)
	}
}

// burst lets everybody be busy and requests wait, with the queue's clock running.
func (f *fakeWorld) burst(ticks int) {
	synctest.Wait()
	for range ticks {
		for index := range f.indexes {
			f.busy[index] = 0
		}
		for _, w := range f.workers {
			if w.state == Ready {
				f.busy[w.index] = 1
			}
		}
		f.waiting = 50
		f.look()
		<-time.After(100 * time.Millisecond)
		synctest.Wait()
	}
}

func TestAutoscale_BurstAndCalm(t *testing.T) {
	for _, algorithm := range []string{configs.ScalingBusyness, configs.ScalingQueue} {
		inBubble(t, automatic(algorithm, 2, 16), func(t *testing.T, f *fakeWorld) {
			f.pass(time.Hour)
			if f.wanted != 2 || !f.wake.IsZero() {
				t.Fatalf("%s, idle: %d wanted, next look at %v", algorithm, f.wanted, f.wake)
			}
			f.burst(10)
			if f.wanted != 16 || len(f.living(Ready)) != 16 {
				t.Errorf("%s: %d wanted a second after the burst", algorithm, f.wanted)
			}
			f.burst(20)
			if f.wanted != 16 {
				t.Errorf("%s: %d wanted, of 16 at most", algorithm, f.wanted)
			}
			clear(f.busy)
			f.waiting = 0
			f.look()
			counts := []string{}
			for range 5 {
				f.pass(5 * time.Second)
				counts = append(counts, fmt.Sprint(f.wanted))
			}
			if !slices.Equal(counts, []string{"16", "15", "15", "14", "14"}) {
				t.Errorf("%s: every 5 s %v are wanted", algorithm, counts)
			}
			f.pass(5 * time.Minute)
			if f.wanted != 2 || len(f.workers) != 2 || !f.wake.IsZero() {
				t.Errorf("%s: %d wanted, next look at %v", algorithm, f.wanted, f.wake)
			}
		})
	}
}

func TestAutoscale_ByHandItStops(t *testing.T) {
	inBubble(t, automatic(configs.ScalingBusyness, 2, 16), func(t *testing.T, f *fakeWorld) {
		if _, err := f.order(ScaleOrder{To: 5}); err != nil {
			t.Fatal(err)
		}
		f.burst(20)
		if f.wanted != 5 {
			t.Errorf("%d wanted", f.wanted)
		}
		clear(f.busy)
		f.waiting = 0
		f.pass(time.Hour)
		if f.wanted != 5 || !f.wake.IsZero() {
			t.Errorf("%d wanted, next look at %v", f.wanted, f.wake)
		}
		if s, err := f.order(ScaleOrder{Auto: true}); err != nil || s.Mode != ScaleBusyness || s.Wanted != 5 {
			t.Errorf("%+v, %v", s, err)
		}
		f.pass(time.Minute)
		if f.wanted != 2 {
			t.Errorf("%d wanted", f.wanted)
		}
	})
}

// TestAutoscale_BrokenAddsNothing: while workers cannot be started no more are asked for.
func TestAutoscale_BrokenAddsNothing(t *testing.T) {
	inBubble(t, automatic(configs.ScalingBusyness, 2, 16), func(t *testing.T, f *fakeWorld) {
		f.behave = func(w *fakeWorker) { w.spawned(); w.exits(exit{ExitStatus, "exited with status 3"}) }
		f.burst(100)
		if f.wanted > 4 || len(f.living(Ready)) != 2 {
			t.Errorf("%d wanted, ready: %v", f.wanted, f.living(Ready))
		}
		if n := len(f.ordered); n > 30 {
			t.Errorf("%d workers in ten seconds", n)
		}
	})
}

// TestAutoscale_WhoLeavesDoesNotCount: a long request in a worker that was let go is no reason to have another one.
func TestAutoscale_WhoLeavesDoesNotCount(t *testing.T) {
	inBubble(t, automatic(configs.ScalingBusyness, 1, 4), func(t *testing.T, f *fakeWorld) {
		f.obeys = false
		f.burst(10)
		clear(f.busy)
		f.waiting = 0
		for _, w := range f.workers {
			f.busy[w.index] = 1 // each has a long one when it is told to leave
		}
		for range 3 {
			_, _ = f.order(ScaleOrder{By: -1})
		}
		f.busy[f.byBirth(f.living(Ready)[0]).index] = 0
		_, _ = f.order(ScaleOrder{Auto: true})
		for range 50 {
			f.look()
			<-time.After(100 * time.Millisecond)
			synctest.Wait()
		}
		if f.wanted != 1 || len(f.living(Draining)) != 3 {
			t.Errorf("%d wanted, %d leave", f.wanted, len(f.living(Draining)))
		}
	})
}

// TestScale_ACrashLoopIsOver when nobody is missing any more, and does not keep later workers away for ever.
func TestScale_ACrashLoopIsOver(t *testing.T) {
	inBubble(t, automatic(configs.ScalingBusyness, 2, 8), func(t *testing.T, f *fakeWorld) {
		f.behave = func(w *fakeWorker) { w.spawned(); w.exits(exit{ExitStatus, "exited with status 3"}) }
		f.burst(20)
		if !f.view.Load().snapshot.CrashLoop {
			t.Fatal("no crash loop")
		}
		clear(f.busy)
		f.waiting = 0
		f.pass(5 * time.Minute)
		if f.wanted != 2 || f.view.Load().snapshot.CrashLoop || !f.wake.IsZero() {
			t.Errorf("%d wanted, crash loop: %v, next look at %v", f.wanted, f.view.Load().snapshot.CrashLoop, f.wake)
		}
		f.behave = nil
		f.burst(300)
		if f.wanted != 8 || len(f.living(Ready)) != 8 || f.view.Load().snapshot.CrashLoop {
			t.Errorf("%d wanted, ready: %v", f.wanted, f.living(Ready))
		}
	})
}
