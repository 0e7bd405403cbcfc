package workers

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"penknife/configs"
	"penknife/internal/testkit"
	"penknife/workers/link"
)

// TestMaxLanes: configs judges by a number that is the queue's.
func TestMaxLanes(t *testing.T) {
	for workers, good := range map[int]bool{configs.MaxLanes: true, configs.MaxLanes + 1: false} {
		q, err := link.New(link.Options{Slots: 1, Workers: workers, Threads: 1, MaxVars: 4096})
		if (err == nil) != good {
			t.Errorf("%d lanes: %v", workers, err)
		}
		if err == nil {
			if err := q.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
}

// shape is a number of processes and of threads in each.
type shape struct{ processes, threads int }

// TestReload_ToAnotherShape: processes and threads change, in both ways of a reload and in both directions, while a request
// runs all the time.
func TestReload_ToAnotherShape(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	c.Workers.GracePeriod = 10 * time.Second
	m := startManager(t, c)
	for i, step := range []struct {
		how string
		to  shape
	}{
		{configs.ReloadGeneration, shape{3, 2}}, {configs.ReloadRolling, shape{1, 3}}, {configs.ReloadRolling, shape{4, 1}},
		{configs.ReloadGeneration, shape{2, 1}},
	} {
		next := painted(c, fmt.Sprint("colour-", i))
		next.Workers.Reload, next.Workers.Threads = step.how, step.to.threads
		next.Workers.Processes = configs.FixedProcesses(step.to.processes)
		gate := testkit.NewGate(t)
		running := m.begin(t, "/gate?"+gate.Path)
		testkit.Eventually(t, 5*time.Second, func() error {
			if n := m.Snapshot().InFlight; n != 1 {
				return fmt.Errorf("%d in flight", n)
			}
			return nil
		})
		reloaded := make(chan error, 1)
		go func() { reloaded <- m.Reload(t.Context(), next) }() // a rolling one may wait for the request
		if step.how == configs.ReloadRolling && step.to.processes > 1 {
			testkit.Eventually(t, 5*time.Second, func() error {
				if m.Snapshot().Joining == nil {
					return errors.New("no generation takes over")
				}
				return nil
			})
		}
		gate.Pass(t, 1)
		if a := <-running; a.err != nil {
			t.Errorf("%+v: %v", step, a.err)
		}
		if err := <-reloaded; err != nil {
			t.Fatalf("%+v: %v", step, err)
		}
		s := m.Snapshot()
		if len(s.Workers) != step.to.processes || s.Threads != step.to.threads || s.Joining != nil || s.Ready() != step.to.processes {
			t.Errorf("%+v: %+v", step, s)
		}
		if got, want := m.get(t, "/colour"), fmt.Sprint("colour-", i); got != want {
			t.Errorf("%+v: %q", step, got)
		}
		testkit.Eventually(t, 5*time.Second, m.noneDraining)
	}
}

// TestReload_RollingIsCalledOff: the generation before has all its workers again, and its code.
func TestReload_RollingIsCalledOff(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	c.Workers.Processes = configs.FixedProcesses(3)
	m := startManager(t, c)
	gate := testkit.NewGate(t)
	var running []<-chan answered
	for range 3 { // every worker holds one, so that none can leave
		running = append(running, m.begin(t, "/gate?"+gate.Path))
	}
	testkit.Eventually(t, 5*time.Second, func() error {
		busy := 0
		for _, w := range m.Snapshot().Workers {
			busy += w.Busy
		}
		if busy != 3 {
			return fmt.Errorf("%d busy", busy)
		}
		return nil
	})
	next := painted(c, "blue")
	next.Workers.Reload = configs.ReloadRolling
	ctx, cancel := context.WithCancel(t.Context())
	reloaded := make(chan error, 1)
	go func() { reloaded <- m.Reload(ctx, next) }() // ended by cancel
	testkit.Eventually(t, 5*time.Second, func() error {
		s := m.Snapshot()
		if s.Joining == nil || s.Ready() != 2 {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	if got := m.get(t, "/colour"); got != "blue" {
		t.Errorf("the one that is not busy does not answer: %q", got)
	}
	cancel()
	if err := <-reloaded; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	testkit.Eventually(t, 5*time.Second, func() error {
		if s := m.Snapshot(); s.Ready() != 3 || s.Generation != 1 || s.Joining != nil {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	if got := m.get(t, "/colour"); got != "green" {
		t.Errorf("after it was called off: %q", got)
	}
	gate.Pass(t, 3)
	for _, result := range running {
		if a := <-result; a.err != nil {
			t.Error(a.err)
		}
	}
	testkit.Eventually(t, 5*time.Second, m.noneDraining)
}

// TestScale_DuringAReload counts for the generation that is being started too.
func TestScale_DuringAReload(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	m := startManager(t, c)
	gate := testkit.NewGate(t)
	next := painted(c, "blue")
	next.App.Warmup = []string{"/gate?" + gate.Path}
	reloaded := make(chan error, 1)
	go func() { reloaded <- m.Reload(t.Context(), next) }() // ends when the gate was passed
	testkit.Eventually(t, 5*time.Second, func() error { return m.log.contains("line=gate-reached") })
	if s, err := m.Scale(t.Context(), ScaleOrder{To: 3}); err != nil || s.Wanted != 3 || s.Mode != ScaleHand {
		t.Fatalf("%+v, %v", s, err)
	}
	if err := m.AwaitScaled(t.Context()); err != nil {
		t.Error(err)
	}
	if s := m.Snapshot(); s.Generation != 1 || s.Ready() != 3 {
		t.Errorf("%+v", s)
	}
	gate.Pass(t, 3)
	if err := <-reloaded; err != nil {
		t.Fatal(err)
	}
	if err := m.AwaitScaled(t.Context()); err != nil {
		t.Error(err)
	}
	s := m.Snapshot()
	if s.Generation != 2 || s.Ready() != 3 || s.Scaling != (Scaling{Wanted: 3, Least: 1, Most: 8, Mode: ScaleHand}) {
		t.Errorf("%+v", s)
	}
	if m.Carry() != (Carried{Wanted: 3, ByHand: 3, Processes: configs.FixedProcesses(2)}) {
		t.Errorf("%+v", m.Carry())
	}
}

// TestScale_WhatWasBefore: what is taken over from a generation or a process before.
func TestScale_WhatWasBefore(t *testing.T) {
	ranged := configs.Processes{Min: 2, Max: 16}
	for name, test := range map[string]struct {
		before    Carried
		processes configs.Processes
		algorithm string
		n         int
		byHand    bool
	}{
		"nobody":                     {Carried{}, ranged, configs.ScalingBusyness, 2, false},
		"nobody, fixed":              {Carried{}, configs.FixedProcesses(4), "", 4, false},
		"by hand":                    {Carried{Wanted: 7, ByHand: 7, Processes: ranged}, ranged, configs.ScalingBusyness, 7, true},
		"by hand, fixed":             {Carried{Wanted: 7, ByHand: 7, Processes: configs.FixedProcesses(4)}, configs.FixedProcesses(4), "", 7, true},
		"by hand, but other numbers": {Carried{Wanted: 7, ByHand: 7, Processes: configs.FixedProcesses(4)}, configs.FixedProcesses(5), "", 5, false},
		"by hand, but another key":   {Carried{Wanted: 7, ByHand: 7, Processes: ranged, MaxProcesses: 9}, ranged, configs.ScalingQueue, 7, false},
		"the load":                   {Carried{Wanted: 9, Processes: ranged}, ranged, configs.ScalingQueue, 9, false},
		"a load above the end":       {Carried{Wanted: 20, Processes: configs.Processes{Min: 2, Max: 32}}, ranged, configs.ScalingQueue, 16, false},
		"a range after a number":     {Carried{Wanted: 9, Processes: configs.FixedProcesses(9)}, ranged, configs.ScalingQueue, 2, false},
		"nobody decides any more":    {Carried{Wanted: 9, Processes: ranged}, ranged, configs.ScalingManual, 2, false},
	} {
		c := configs.Workers{Processes: test.processes, Threads: 1}
		c.Scaling.Algorithm = test.algorithm
		if n, byHand := first(test.before, c); n != test.n || byHand != test.byHand {
			t.Errorf("%s: %d, by hand: %v", name, n, byHand)
		}
	}
}
