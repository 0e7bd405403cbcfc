package workers

import (
	"testing"
	"time"

	"penknife/configs"
)

// stretch is a load that lasts: so many readings of it, 100 ms apart.
type stretch struct {
	readings      int
	busy, waiting int
	served        uint64 // by each reading
}

// newTestScaler is the autoscaler of a configuration's defaults.
func newTestScaler(algorithm string, threads int) autoscaler {
	w := configs.Default().Workers
	w.Processes, w.Threads, w.Scaling.Algorithm = configs.Processes{Min: 1, Max: 64}, threads, algorithm
	return newAutoscaler(w)
}

// play lets an autoscaler see loads, n workers being there, and gives its first decision and when that came.
func play(a *autoscaler, n int, stretches ...stretch) (to int, reason ScaleReason, after time.Duration) {
	begin := time.Unix(1e9, 0)
	now, served := begin, uint64(0)
	for _, p := range stretches {
		for range p.readings {
			now = now.Add(100 * time.Millisecond)
			served += p.served
			a.see(reading{at: now, waiting: p.waiting, busy: p.busy, served: served})
			if to, reason := a.decide(n, bounds{least: 1, most: 64}, true); to != n {
				return to, reason, now.Sub(begin)
			}
		}
	}
	return n, 0, now.Sub(begin)
}

func TestAutoscaler_Decisions(t *testing.T) {
	const busyness, queue, calm = configs.ScalingBusyness, configs.ScalingQueue, 30 * time.Second
	for name, test := range map[string]struct {
		algorithm string
		threads   int
		workers   int
		load      []stretch
		to        int
		reason    ScaleReason
		within    time.Duration // and not before half of it; 0: at any time
	}{
		"idle at the least":        {busyness, 1, 1, []stretch{{1000, 0, 0, 0}}, 1, 0, 0},
		"half busy is right":       {busyness, 1, 4, []stretch{{1000, 2, 0, 20}}, 4, 0, 0},
		"three of four are busy":   {busyness, 1, 4, []stretch{{10, 3, 0, 20}}, 6, ScaledForLoad, 200 * time.Millisecond},
		"all busy":                 {busyness, 2, 4, []stretch{{10, 8, 0, 20}}, 8, ScaledForLoad, 200 * time.Millisecond},
		"a single moment":          {busyness, 1, 4, []stretch{{5, 0, 0, 20}, {1, 4, 9, 20}, {100, 1, 0, 20}}, 4, 0, 0},
		"a backlog of one":         {busyness, 1, 1, []stretch{{10, 1, 1, 0}}, 2, ScaledForBacklog, 200 * time.Millisecond},
		"a long backlog":           {busyness, 1, 4, []stretch{{10, 4, 500, 0}}, 8, ScaledForBacklog, 200 * time.Millisecond},
		"low for half a minute":    {busyness, 1, 8, []stretch{{1000, 1, 0, 5}}, 7, ScaledForCalm, calm + time.Second},
		"low but for one second":   {busyness, 1, 8, []stretch{{200, 1, 0, 5}, {10, 3, 0, 5}, {250, 1, 0, 5}}, 8, 0, 0},
		"one fewer were too few":   {busyness, 1, 2, []stretch{{1000, 1, 0, 5}}, 2, 0, 0},
		"the last but one goes":    {busyness, 4, 2, []stretch{{1000, 1, 0, 5}}, 1, ScaledForCalm, calm + time.Second},
		"never above the most":     {busyness, 1, 64, []stretch{{1000, 64, 999, 5}}, 64, 0, 0},
		"as many as there may be":  {busyness, 1, 48, []stretch{{1000, 48, 999, 5}}, 64, ScaledForBacklog, 200 * time.Millisecond},
		"queue, nobody waits":      {queue, 1, 4, []stretch{{1000, 4, 0, 40}}, 4, 0, 0},
		"queue, 10 ms":             {queue, 1, 4, []stretch{{1000, 4, 10, 100}}, 4, 0, 0},
		"queue, 150 ms":            {queue, 1, 4, []stretch{{10, 4, 60, 40}}, 6, ScaledForWait, 200 * time.Millisecond},
		"queue, two seconds":       {queue, 1, 4, []stretch{{10, 4, 80, 4}}, 8, ScaledForWait, 200 * time.Millisecond},
		"queue, nothing is done":   {queue, 1, 4, []stretch{{10, 4, 1, 0}}, 8, ScaledForWait, 300 * time.Millisecond},
		"queue, a moment":          {queue, 1, 4, []stretch{{5, 4, 0, 40}, {1, 4, 20, 40}, {20, 4, 0, 40}}, 4, 0, 0},
		"queue, one fewer is full": {queue, 1, 4, []stretch{{1000, 3, 0, 40}}, 4, 0, 0},
		"queue, one fewer is well": {queue, 1, 4, []stretch{{1000, 2, 0, 40}}, 3, ScaledForCalm, calm + time.Second},
		"queue, at half its limit": {queue, 1, 4, []stretch{{1000, 2, 30, 50}}, 4, 0, 0},
		"by hand only":             {configs.ScalingManual, 1, 4, []stretch{{10, 4, 500, 0}}, 4, 0, 0},
	} {
		a := newTestScaler(test.algorithm, test.threads)
		if test.algorithm == configs.ScalingManual {
			if a.mode != ScaleFixed {
				t.Errorf("%s: %v", name, a.mode)
			}
			continue
		}
		to, reason, after := play(&a, test.workers, test.load...)
		if to != test.to || reason != test.reason || test.within > 0 && (after > test.within || after < test.within/2) {
			t.Errorf("%s: %d for %v after %v, want %d for %v", name, to, reason, after, test.to, test.reason)
		}
	}
}

// TestAutoscaler_LearnsFromAMistake: whoever let a worker go too early waits longer the next time.
func TestAutoscaler_LearnsFromAMistake(t *testing.T) {
	a := newTestScaler(configs.ScalingBusyness, 1)
	begin := time.Unix(1e9, 0)
	now, served, n := begin, uint64(0), 8
	var downs []time.Duration
	last := begin
	for now.Sub(begin) < 20*time.Minute {
		now = now.Add(100 * time.Millisecond)
		served++
		busy := 1
		if n == 7 {
			busy = 7 // the load comes back as soon as one has left
		}
		a.see(reading{at: now, busy: busy, served: served})
		to, _ := a.decide(n, bounds{least: 7, most: 8}, true)
		if to < n {
			downs = append(downs, now.Sub(last).Round(time.Second))
		}
		if to != n {
			last, n = now, to
		}
	}
	for i, want := range []int{30, 60, 120, 240, 240} {
		if i >= len(downs) || downs[i] != time.Duration(want)*time.Second {
			t.Fatalf("let one go after %v of calm", downs)
		}
	}
}
