package workers

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"penknife/gateway"
	"penknife/workers/link"
)

var crashed = exit{ExitSignal, "killed by SIGSEGV"}

// atOnce is an application that dies as soon as it has started.
func atOnce(w *fakeWorker) { w.spawned(); w.ready(); w.exits(crashed) }

func TestSupervisor_StartsUntilAllAreReady(t *testing.T) {
	var held []*fakeWorker
	hold := func(f *fakeWorld) { f.behave = func(w *fakeWorker) { w.spawned(); held = append(held, w) } }
	inBubble(t, hold, func(t *testing.T, f *fakeWorld) {
		held[0].ready()
		synctest.Wait()
		if len(f.started) != 0 {
			t.Error("started with one of two workers ready")
		}
		held[1].ready()
		if err := <-f.started; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if v := f.view.Load(); v.ready != 2 || v.snapshot.Python != "3.12.1" || v.snapshot.Workers[1].Index != 1 {
			t.Errorf("view %+v", v)
		}
	})
}

func TestSupervisor_SleepsWhenNothingHappens(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, f *fakeWorld) {
		f.pass(stableLife)
		if !f.wake.IsZero() {
			t.Errorf("will wake up at %v", f.wake)
		}
	})
}

func TestSupervisor_ReplacesTheDeadAtOnce(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, f *fakeWorld) {
		f.pass(time.Hour)
		f.die(f.ordered[0].birth, exit{ExitStatus, "exited with status 3"})
		if got := f.died[0]; len(got) != 1 || got[0] != "exited with status 3" {
			t.Errorf("the queue was told %q", got)
		}
		if len(f.ordered) != 3 || f.ordered[2].index != 0 || !f.ordered[2].at.Equal(time.Now()) {
			t.Errorf("no replacement in the same moment: %d workers", len(f.ordered))
		}
		if got := f.living(Ready); !slices.Equal(got, []uint64{2, 3}) {
			t.Errorf("ready are %v", got)
		}
	})
}

func TestSupervisor_PausesInACrashLoop(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, f *fakeWorld) {
		f.pass(time.Hour)
		f.behave = atOnce
		begin, before := time.Now(), len(f.ordered)
		f.die(1, crashed) // not quick: it had lived for an hour
		rounds := len(f.ordered) - before
		if rounds != freeRounds+1 { // that many deaths, the last of which begins the pauses
			t.Errorf("%d workers were started without a pause, want %d", rounds, freeRounds+1)
		}
		if !f.view.Load().snapshot.CrashLoop {
			t.Error("the snapshot does not tell of the crash loop")
		}
		f.pass(10 * time.Minute)
		var pauses []time.Duration
		last := begin
		for _, w := range f.ordered[before+rounds:] {
			pauses = append(pauses, w.at.Sub(last))
			last = w.at
		}
		for i, want := range []time.Duration{1, 2, 4, 8, 16, 30, 30, 30} {
			want *= time.Second
			if pauses[i] < want || pauses[i] > want*5/4 {
				t.Errorf("pause %d is %v, want %v and up to a quarter more", i, pauses[i], want)
			}
		}
	})
}

func TestSupervisor_NobodyWaitsInACrashLoop(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, f *fakeWorld) {
		f.pass(time.Hour)
		f.behave = atOnce
		f.die(1, crashed)
		if f.refusals != 0 {
			t.Error("requests are refused with a worker ready")
		}
		f.die(2, crashed)
		if f.refusal == nil || f.refusal.Kind != gateway.KindUnavailable || f.refusal.RetryAfter <= 0 {
			t.Fatalf("the queue was told %v", f.refusal)
		}
		f.behave = nil
		f.pass(longestPause * 5 / 4)
		if f.refusal != nil {
			t.Error("requests are refused although workers are ready")
		}
	})
}

// TestSupervisor_ShortageOfTheSystem: without descriptors nothing can be started, for however long; it is tried once a
// second, and goes on a second after there are some again.
func TestSupervisor_ShortageOfTheSystem(t *testing.T) {
	shortage := fmt.Errorf("pipe2: %w", syscall.EMFILE)
	inBubble(t, nil, func(t *testing.T, f *fakeWorld) {
		f.pass(time.Hour)
		f.spawnError = shortage
		before := len(f.ordered)
		f.die(1, crashed)
		f.die(2, crashed)
		f.pass(10 * time.Minute)
		if tried := len(f.ordered) - before; tried < 480 || tried > 602 {
			t.Errorf("tried %d times in ten minutes", tried)
		}
		f.spawnError = nil
		f.pass(2 * firstPause)
		if got := len(f.living(Ready)); got != 2 {
			t.Errorf("%d workers are ready", got)
		}
	})
	inBubble(t, nil, func(t *testing.T, f *fakeWorld) {
		f.pass(time.Hour)
		f.zygoteError = shortage
		before := f.zygotes
		f.zygoteEnds(exit{ExitKilled, "killed by SIGKILL"})
		f.pass(10 * time.Minute)
		if tried := f.zygotes - before; tried < 480 || tried > 602 {
			t.Errorf("tried a zygote %d times in ten minutes", tried)
		}
		f.zygoteError = nil
		f.pass(firstPause * 5 / 4)
		if !f.zygote.usable() {
			t.Error("there is no zygote")
		}
	})
}

func TestSupervisor_ForgivesAfterAStableLife(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, f *fakeWorld) {
		f.pass(time.Hour)
		f.behave = atOnce
		f.die(1, crashed)
		f.behave = nil
		f.pass(longestPause * 5 / 4)
		if got := len(f.living(Ready)); got != 2 {
			t.Fatalf("%d workers are ready after the application was mended", got)
		}
		f.pass(stableLife)
		if f.crash.looping() || !f.wake.IsZero() {
			t.Errorf("still %d rounds, wake %v", f.crash.rounds, f.wake)
		}
		before := len(f.ordered)
		f.die(f.living(Ready)[0], crashed)
		if len(f.ordered) != before+1 {
			t.Error("a death after a stable life was not replaced at once")
		}
	})
}

func TestSupervisor_DuringACrashLoopOneIsTriedAtATime(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, f *fakeWorld) {
		f.pass(time.Hour)
		f.behave = atOnce
		f.die(1, crashed)
		f.die(2, crashed)
		before := len(f.ordered)
		f.behave = (*fakeWorker).spawned
		f.pass(longestPause * 5 / 4)
		if got := len(f.ordered) - before; got != 1 {
			t.Errorf("%d workers were started together", got)
		}
		f.ordered[before].ready()
		synctest.Wait()
		if got := len(f.ordered) - before; got != 2 {
			t.Errorf("%d workers after the first was ready, want 2", got)
		}
	})
}

func TestSupervisor_WhatOthersKillIsNoCrashLoop(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, f *fakeWorld) {
		for range 20 {
			for _, birth := range f.living(Ready) {
				f.die(birth, exit{ExitKilled, "killed by SIGKILL"})
			}
			if got := len(f.living(Ready)); got != 2 {
				t.Fatalf("%d workers are ready", got)
			}
		}
	})
}

func TestSupervisor_OverdueWorkerIsReplacedThenKilled(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, f *fakeWorld) {
		f.obeys = false
		f.busy[0] = 3 // the overdue request and two others
		f.mail.put(overdue{0, link.Overdue{RequestID: 9}})
		synctest.Wait()
		w := f.ordered[0]
		if !slices.Equal(w.signals, []syscall.Signal{stackSignal}) || !slices.Equal(f.told, []int{0}) {
			t.Errorf("signals %v, told to leave %v", w.signals, f.told)
		}
		if len(f.ordered) != 3 || len(f.living(Ready)) != 2 {
			t.Error("no replacement in the same moment")
		}
		f.pass(time.Second)
		if w.killed {
			t.Error("killed while others are being served")
		}
		f.busy[0] = 1
		f.pass(2 * overdueCheck)
		if !w.killed || !strings.Contains(f.died[0][0], "request_timeout") {
			t.Errorf("killed %v, the queue was told %q", w.killed, f.died[0])
		}
		if f.crash.rounds != 0 {
			t.Error("a request timeout counted as a crash")
		}
	})
}

func TestSupervisor_OverdueWorkerHasABoundedTime(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, f *fakeWorld) {
		f.obeys = false
		f.busy[1] = 5
		f.mail.put(overdue{1, link.Overdue{}})
		f.pass(overdueGrace)
		if !f.ordered[1].killed {
			t.Error("not killed at the end of its time")
		}
	})
}

func TestSupervisor_HostileWorkerIsKilled(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, f *fakeWorld) {
		f.mail.put(hostile{1, "index out of range"})
		synctest.Wait()
		if f.ordered[0].killed || !f.ordered[1].killed {
			t.Errorf("killed: %v %v", f.ordered[0].killed, f.ordered[1].killed)
		}
		f.mail.put(hostile{-1, "nobody knows who"})
		synctest.Wait()
		if !f.ordered[0].killed || !f.ordered[2].killed {
			t.Error("not all were killed")
		}
	})
}

func TestSupervisor_StopLetsWorkersLeave(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, f *fakeWorld) {
		f.mail.put(stop{time.Now().Add(time.Minute)})
		<-f.done
		if f.ordered[0].killed || f.ordered[1].killed || f.stops != 1 || f.kills != 0 {
			t.Errorf("killed %v %v, zygote stopped %d killed %d", f.ordered[0].killed, f.ordered[1].killed, f.stops, f.kills)
		}
		if len(f.ordered) != 2 {
			t.Error("workers that left at the stop were replaced")
		}
	})
}

func TestSupervisor_StopKillsAtTheDeadline(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, f *fakeWorld) {
		f.obeys = false
		begin := time.Now()
		f.mail.put(stop{time.Now().Add(time.Minute)})
		f.pass(time.Second)
		f.mail.put(stop{time.Now().Add(2 * time.Second)}) // the second one is in more of a hurry
		f.mail.put(stop{time.Now().Add(time.Hour)})       // and the third changes nothing
		<-f.done
		if took := time.Since(begin); took != 3*time.Second || !f.ordered[0].killed {
			t.Errorf("took %v, killed %v", took, f.ordered[0].killed)
		}
	})
}

func TestSupervisor_StopDoesNotWaitForTheUnkillable(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, f *fakeWorld) {
		f.obeys, f.immortal = false, true
		begin := time.Now()
		f.mail.put(stop{time.Now().Add(time.Second)})
		<-f.done
		if took := time.Since(begin); took != time.Second+killWait {
			t.Errorf("took %v", took)
		}
	})
}

func TestSupervisor_UnkillableWorkerIsReplaced(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, f *fakeWorld) {
		f.immortal = true
		f.mail.put(hostile{0, "nonsense"})
		f.pass(2 * killWait)
		if len(f.living(Ready)) != 2 || f.ordered[2].index == 0 {
			t.Errorf("ready %v, the replacement has index %d", f.living(Ready), f.ordered[2].index)
		}
		if len(f.forsaken) != 1 || f.forsaken[0] != 0 {
			t.Errorf("forsaken: %v", f.forsaken)
		}
	})
}

func TestSupervisor_StartFailures(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(*fakeWorld)
		kind    StartKind
		text    string
	}{
		{"no zygote", func(f *fakeWorld) { f.zygoteError = errFake }, StartSystem, "no processes left"},
		{"zygote never ready", func(f *fakeWorld) { f.zygoteSilent = true }, StartTimeout, "1m0s"},
		{"zygote dies", func(f *fakeWorld) {
			f.zygoteSilent = true
			f.mail.put(zygoteExited{1, crashed, "Fatal Python error"}) // too early: of no zygote
			f.behave = nil
			f.zygoteError = &StartError{Kind: StartInterpreter, Reason: "not executable"}
		}, StartInterpreter, "not executable"},
		{"worker never ready", func(f *fakeWorld) { f.behave = (*fakeWorker).spawned }, StartTimeout, "in time"},
		{"worker fails to import", func(f *fakeWorld) {
			f.behave = func(w *fakeWorker) {
				w.spawned()
				f.mail.put(workerFailed{w.birth, "Traceback\nKeyError: 'X'"})
				w.exits(exit{ExitStatus, "exited with status 3"})
			}
		}, StartImport, "KeyError: 'X'"},
		{"worker crashes", func(f *fakeWorld) { f.behave = func(w *fakeWorker) { w.spawned(); w.exits(crashed) } },
			StartCrash, "SIGSEGV"},
		{"no fork", func(f *fakeWorld) { f.behave = func(w *fakeWorker) { f.mail.put(notSpawned{w.birth, "EAGAIN"}) } },
			StartSystem, "EAGAIN"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, test.prepare, func(t *testing.T, f *fakeWorld) {
				err := <-f.started
				var start *StartError
				if !errors.As(error(err), &start) || start.Kind != test.kind || !strings.Contains(start.Error(), test.text) {
					t.Errorf("%v, want %v with %q", err, test.kind, test.text)
				}
				<-f.done
				for _, w := range f.ordered {
					if w.adopted && !w.killed && len(f.died[w.index]) == 0 {
						t.Errorf("worker %d was left alone", w.index)
					}
				}
			})
		})
	}
}

func TestSupervisor_ZygoteRefusalIsTheReason(t *testing.T) {
	silent := func(f *fakeWorld) { f.zygoteSilent = true }
	inBubble(t, silent, func(t *testing.T, f *fakeWorld) {
		f.mail.put(zygoteRefused{1, StartImport, "Traceback\nImportError: no"})
		f.zygoteEnds(exit{ExitStatus, "exited with status 3"})
		if err := <-f.started; err.Kind != StartImport || err.Traceback != "Traceback\nImportError: no" {
			t.Errorf("%+v", err)
		}
	})
}

func TestSupervisor_ZygoteDeathHurtsNoWorker(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, f *fakeWorld) {
		f.pass(time.Minute)
		f.zygoteEnds(crashed)
		synctest.Wait()
		if got := f.living(Ready); !slices.Equal(got, []uint64{1, 2}) {
			t.Errorf("ready are %v", got)
		}
		if f.zygotes != 2 || !f.zygote.usable() {
			t.Errorf("%d zygotes were started", f.zygotes)
		}
	})
}

func TestSupervisor_OrdersThatDieWithTheZygoteAreGivenAgain(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, f *fakeWorld) {
		f.pass(time.Minute)
		f.behave = func(*fakeWorker) {} // the zygote does not answer
		f.die(1, crashed)
		f.behave = nil
		f.zygoteEnds(crashed)
		synctest.Wait()
		if !f.ordered[2].abandoned || len(f.living(Ready)) != 2 {
			t.Errorf("abandoned %v, ready %v", f.ordered[2].abandoned, f.living(Ready))
		}
	})
}

func TestSupervisor_ZygoteThatCannotStartIsTriedWithPauses(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, f *fakeWorld) {
		f.pass(time.Minute)
		f.zygoteError = errFake
		f.zygoteEnds(crashed)
		f.pass(10 * time.Minute)
		if f.zygotes < 15 || f.zygotes > 35 {
			t.Errorf("%d zygotes in ten minutes", f.zygotes)
		}
		f.zygoteError = nil
		f.pass(longestPause * 5 / 4)
		if !f.zygote.usable() || len(f.living(Ready)) != 2 {
			t.Error("not recovered")
		}
	})
}

// TestSupervisor_TellsTheQueueThePids: Request.Trace names the process.
func TestSupervisor_TellsTheQueueThePids(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, f *fakeWorld) {
		if !slices.Equal(f.pids, []int{1001, 1002}) {
			t.Errorf("the queue was told %v", f.pids)
		}
	})
}
