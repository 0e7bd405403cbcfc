package workers

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"penknife/configs"
)

func TestRoll_WorkersAreGivenUpAndComeBack(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, f *fakeWorld) {
		f.mail.put(roll{quota: 1})
		synctest.Wait()
		if !slices.Equal(f.told, []int{1}) || len(f.workers) != 1 || f.view.Load().snapshot.Scaling.Wanted != 2 {
			t.Fatalf("told to leave: %v, %d workers", f.told, len(f.workers))
		}
		if _, err := f.order(ScaleOrder{To: 4}); !errors.Is(err, ErrNotNow) {
			t.Errorf("scaled in the middle of it: %v", err)
		}
		f.die(1, crashed)
		if len(f.living(Ready)) != 1 {
			t.Error("a worker that dies meanwhile is not replaced")
		}
		f.mail.put(roll{over: true})
		synctest.Wait()
		if len(f.living(Ready)) != 2 {
			t.Errorf("ready: %v", f.living(Ready))
		}
	})
}

func joining(f *fakeWorld) { f.rolling, f.joining, f.quota = true, true, 1 }

func TestRoll_TheNewOneStartsWithItsQuota(t *testing.T) {
	inBubble(t, joining, func(t *testing.T, f *fakeWorld) {
		if err := <-f.started; err != nil || len(f.living(Ready)) != 1 {
			t.Fatalf("%v, ready: %v", err, f.living(Ready))
		}
		f.pass(time.Hour)
		if len(f.ordered) != 1 {
			t.Errorf("%d workers", len(f.ordered))
		}
		f.mail.put(roll{quota: 2})
		synctest.Wait()
		f.mail.put(roll{over: true})
		synctest.Wait()
		if len(f.living(Ready)) != 2 || f.view.Load().failure != nil {
			t.Errorf("ready: %v, %v", f.living(Ready), f.view.Load().failure)
		}
	})
}

func TestRoll_TheNewOneTellsWhyAWorkerIsMissing(t *testing.T) {
	for name, test := range map[string]struct {
		behave func(*fakeWorker)
		kind   StartKind
		after  time.Duration
	}{
		"cannot import": {func(w *fakeWorker) {
			w.spawned()
			w.world.mail.put(workerFailed{w.birth, "Traceback"})
			w.exits(exit{ExitStatus, "exited with status 3"})
		}, StartImport, 0},
		"dies":           {func(w *fakeWorker) { w.spawned(); w.exits(crashed) }, StartCrash, 0},
		"hangs":          {func(w *fakeWorker) { w.spawned() }, StartTimeout, time.Minute},
		"is not forked":  {func(w *fakeWorker) { w.world.mail.put(notSpawned{w.birth, "no memory"}) }, StartSystem, 0},
		"dies when used": {func(w *fakeWorker) { w.spawned(); w.ready(); w.exits(crashed) }, 0, 0},
	} {
		inBubble(t, joining, func(t *testing.T, f *fakeWorld) {
			f.behave = test.behave
			f.mail.put(roll{quota: 2})
			f.pass(test.after)
			v := f.view.Load()
			if test.kind == 0 {
				if v.failure != nil || !v.snapshot.CrashLoop {
					t.Errorf("%s: %v, crash loop: %v", name, v.failure, v.snapshot.CrashLoop)
				}
				return
			}
			if v.failure == nil || v.failure.Kind != test.kind {
				t.Errorf("%s: %v", name, v.failure)
			}
		})
	}
}

// TestRoll_TheLoadDoesNotCount while workers move.
func TestRoll_TheLoadDoesNotCount(t *testing.T) {
	inBubble(t, automatic(configs.ScalingBusyness, 2, 16), func(t *testing.T, f *fakeWorld) {
		f.mail.put(roll{quota: 1})
		f.burst(20)
		if f.wanted != 2 || len(f.living(Ready)) != 1 {
			t.Errorf("%d wanted, ready: %v", f.wanted, f.living(Ready))
		}
		f.mail.put(roll{over: true})
		f.burst(10)
		if f.wanted != 16 {
			t.Errorf("%d wanted", f.wanted)
		}
	})
}
