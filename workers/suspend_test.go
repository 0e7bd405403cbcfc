package workers

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"penknife/internal/testkit"
)

const testLimit = time.Minute // workers.request_timeout

// inSuspendBubble is inBubble with a time limit of requests, and a log.
func inSuspendBubble(t *testing.T, test func(*testing.T, *fakeWorld, *bytes.Buffer)) {
	t.Helper()
	log := &bytes.Buffer{}
	inBubble(t, func(f *fakeWorld) {
		f.obeys, f.requestTimeout, f.interrupt = false, testLimit, testGrace
		f.log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}, func(t *testing.T, f *fakeWorld) { test(t, f, log) })
}

// TestSuspended_HasASuccessorAtOnce and counts for nothing; when it goes on it takes part again, and one is too many.
func TestSuspended_HasASuccessorAtOnce(t *testing.T) {
	inSuspendBubble(t, func(t *testing.T, f *fakeWorld, log *bytes.Buffer) {
		f.mail.put(halted{1, syscall.SIGSTOP})
		f.pass(suspendedAfter - time.Millisecond)
		if len(f.ordered) != fakeProcesses || log.Len() > 0 {
			t.Errorf("%d workers were ordered within a moment's halt\n%s", len(f.ordered), log)
		}
		f.pass(2 * time.Millisecond)
		if got := f.living(Suspended); len(got) != 1 || got[0] != 1 || len(f.ordered) != fakeProcesses+1 || f.view.Load().ready != fakeProcesses {
			t.Fatalf("suspended %v, %d ordered, %d count as ready", got, len(f.ordered), f.view.Load().ready)
		}
		for _, part := range []string{"level=ERROR", "worker is suspended", "pid=1001", "signal=SIGSTOP", "limit=1m0s"} {
			if !strings.Contains(log.String(), part) {
				t.Errorf("no %q in the log:\n%s", part, log)
			}
		}
		f.mail.put(halted{1, 0})
		synctest.Wait()
		if len(f.told) != 1 || f.told[0] != 2 || len(f.living(Ready)) != fakeProcesses {
			t.Errorf("told to leave %v, ready %v", f.told, f.living(Ready))
		}
		if !strings.Contains(log.String(), "suspended worker goes on") {
			t.Errorf("the log:\n%s", log)
		}
		f.pass(2 * testLimit)
		if f.ordered[0].killed {
			t.Error("it was killed although it goes on")
		}
	})
}

// TestSuspended_MomentsAreNothing: debuggers stop a process and let it go on.
func TestSuspended_MomentsAreNothing(t *testing.T) {
	inSuspendBubble(t, func(t *testing.T, f *fakeWorld, log *bytes.Buffer) {
		for range 10 {
			f.mail.put(halted{1, syscall.SIGSTOP})
			f.pass(suspendedAfter / 2)
			f.mail.put(halted{1, 0})
			f.pass(suspendedAfter / 2)
		}
		f.pass(2 * testLimit)
		if log.Len() > 0 || len(f.ordered) != fakeProcesses || !f.wake.IsZero() {
			t.Errorf("%d workers were ordered, will wake up at %v\n%s", len(f.ordered), f.wake, log)
		}
	})
}

// TestSuspended_IsKilledAtTheTimeLimit of requests when it holds none, and otherwise when those had their grace.
func TestSuspended_IsKilledAtTheTimeLimit(t *testing.T) {
	for _, busy := range []int{0, 1} {
		inSuspendBubble(t, func(t *testing.T, f *fakeWorld, log *bytes.Buffer) {
			f.busy[0] = busy
			limit := testLimit + time.Duration(busy)*(testGrace+overdueGrace)
			f.mail.put(halted{1, syscall.SIGTSTP})
			f.pass(limit - time.Millisecond)
			if f.ordered[0].killed {
				t.Fatal("killed before its time")
			}
			f.pass(2 * time.Millisecond)
			if !f.ordered[0].killed || f.retired[RetireSuspended] != 1 || f.crash.rounds != 0 {
				t.Errorf("killed %v, retired %v, rounds %d\n%s", f.ordered[0].killed, f.retired, f.crash.rounds, log)
			}
			if !strings.Contains(log.String(), "suspended worker is killed (workers.request_timeout)") {
				t.Errorf("the log:\n%s", log)
			}
			if f.pass(time.Minute); len(f.ordered) != fakeProcesses+1 || !f.wake.IsZero() {
				t.Errorf("%d workers were ordered, will wake up at %v", len(f.ordered), f.wake)
			}
		})
	}
}

// TestSuspended_WithoutALimitNobodyKills, and nobody wakes up for it.
func TestSuspended_WithoutALimitNobodyKills(t *testing.T) {
	inSuspendBubble(t, func(t *testing.T, f *fakeWorld, log *bytes.Buffer) {
		f.requestTimeout = 0
		f.mail.put(halted{1, syscall.SIGSTOP})
		f.pass(24 * time.Hour)
		if f.ordered[0].killed || len(f.living(Ready)) != fakeProcesses || !f.wake.IsZero() {
			t.Errorf("killed %v, ready %v, will wake up at %v\n%s", f.ordered[0].killed, f.living(Ready), f.wake, log)
		}
	})
}

// TestSuspended_OverdueRequestsRule: what it holds is overdue first, as in a worker that hangs, and it is lost for that.
func TestSuspended_OverdueRequestsRule(t *testing.T) {
	inSuspendBubble(t, func(t *testing.T, f *fakeWorld, log *bytes.Buffer) {
		f.busy[0] = 1
		f.mail.put(halted{1, syscall.SIGSTOP})
		f.pass(testLimit / 2) // the request was there before
		f.mail.put(overdue{0, claimed(3)})
		f.pass(testGrace + 2*overdueCheck)
		if !f.ordered[0].killed || f.retired[RetireOverdue] != 1 || f.retired[RetireSuspended] != 0 {
			t.Errorf("killed %v, retired %v\n%s", f.ordered[0].killed, f.retired, log)
		}
	})
}

// TestSuspended_StopDoesNotWait for one that holds nothing.
func TestSuspended_StopDoesNotWait(t *testing.T) {
	inSuspendBubble(t, func(t *testing.T, f *fakeWorld, _ *bytes.Buffer) {
		f.mail.put(halted{1, syscall.SIGSTOP})
		f.pass(2 * suspendedAfter)
		f.mail.put(stop{time.Now().Add(time.Minute)})
		synctest.Wait()
		if !f.ordered[0].killed || f.ordered[1].killed {
			t.Errorf("killed: %v, and the one that goes on: %v", f.ordered[0].killed, f.ordered[1].killed)
		}
	})
}

// TestSuspended_Zygote: nobody would notice before a worker is missing, and then there would be none for the whole of
// workers.start_timeout.
func TestSuspended_Zygote(t *testing.T) {
	inSuspendBubble(t, func(t *testing.T, f *fakeWorld, log *bytes.Buffer) {
		f.mail.put(zygoteHalted{1, syscall.SIGSTOP})
		f.pass(suspendedAfter / 2)
		f.mail.put(zygoteHalted{1, 0})
		f.pass(f.startTimeout)
		if log.Len() > 0 || f.zygotes != 1 {
			t.Fatalf("a moment's halt: %d zygotes\n%s", f.zygotes, log)
		}
		f.mail.put(zygoteHalted{1, syscall.SIGSTOP})
		f.pass(suspendedAfter)
		if !strings.Contains(log.String(), "zygote is suspended") || f.kills != 0 {
			t.Errorf("%d kills; the log:\n%s", f.kills, log)
		}
		f.pass(f.startTimeout)
		if f.kills != 1 || f.zygotes != 2 || len(f.ordered) != fakeProcesses {
			t.Errorf("%d kills, %d zygotes, %d workers were ordered\n%s", f.kills, f.zygotes, len(f.ordered), log)
		}
		if f.pass(time.Hour); !f.wake.IsZero() {
			t.Errorf("will wake up at %v", f.wake)
		}
	})
}

// TestSuspended_RealProcesses: the kernel tells of a worker that nobody asks for anything, and of the zygote.
func TestSuspended_RealProcesses(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	c.Workers.RequestTimeout, c.Workers.StartTimeout = 3*time.Second, 3*time.Second
	m := startManager(t, c)
	before := m.Snapshot()
	_ = syscall.Kill(before.ZygotePID, syscall.SIGSTOP)
	testkit.Eventually(t, 10*time.Second, func() error {
		if now := m.Snapshot().ZygotePID; now == 0 || now == before.ZygotePID {
			return errors.New("it is the same zygote")
		}
		return m.log.contains("zygote is suspended", "signal=SIGSTOP")
	})
	goesOn, stays := before.Workers[0].PID, before.Workers[1].PID
	_ = syscall.Kill(goesOn, syscall.SIGSTOP)
	_ = syscall.Kill(stays, syscall.SIGSTOP)
	testkit.Eventually(t, 10*time.Second, m.suspended(goesOn, stays))
	_ = syscall.Kill(goesOn, syscall.SIGCONT)
	testkit.Eventually(t, 10*time.Second, m.suspended(stays))
	testkit.Eventually(t, 10*time.Second, m.suspended())
	testkit.Eventually(t, 10*time.Second, m.ready(2))
	m.get(t, "/pid")
	testkit.Eventually(t, 10*time.Second, func() error {
		if err := syscall.Kill(stays, 0); !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("the worker that stays suspended is there: %v", err)
		}
		return nil
	})
}

// suspended wants those processes to be, and no others.
func (m started) suspended(pids ...int) func() error {
	want := map[int]bool{}
	for _, pid := range pids {
		want[pid] = true
	}
	return func() error {
		got := 0
		for _, w := range m.Snapshot().Workers {
			if w.State == Suspended && want[w.PID] {
				got++
			}
			if (w.State == Suspended) != want[w.PID] {
				return fmt.Errorf("worker %d is %v", w.PID, w.State)
			}
		}
		if got != len(pids) {
			return fmt.Errorf("%d are suspended", got)
		}
		return nil
	}
}
