package workers

import (
	"math"
	"time"

	"penknife/configs"
)

const (
	// lookBack is over which time the load is averaged.
	lookBack = time.Second
	// leastLook is the time that a load must last before workers are added for it.
	leastLook = 90 * time.Millisecond
	// betweenReadings keeps bursts of events from being taken for a lasting load.
	betweenReadings = 50 * time.Millisecond
	// calmPart is up to which part the threads of one worker fewer may be busy, where the waiting time decides.
	calmPart = 0.75
	// longestCaution bounds how many times longer than down_after the calm must last.
	longestCaution = 8
)

// reading is what the queue looked like at one moment.
type reading struct {
	at      time.Time
	waiting int    // requests that no worker has taken
	busy    int    // threads that have one
	served  uint64 // requests that were done since the generation began
}

// autoscaler decides how many workers there shall be. It is told what the queue looks like, and asks nobody: the same
// readings give the same decisions. It belongs to the supervisor's goroutine.
//
// Upward it is quick and in proportion: at most to twice as many at once, then it looks anew when they are ready.
// Downward it is slow: one worker, when one fewer would have been enough for downAfter. When that turns out to have been
// wrong, it waits twice as long the next time.
type autoscaler struct {
	mode      ScaleMode
	low, high float64       // busy parts
	target    time.Duration // of waiting
	downAfter time.Duration
	threads   int

	readings []reading // of the last lookBack, or since the last change
	queued   time.Time // since when requests wait and none is done; zero: they do not
	needed   time.Time // the last moment at which one worker fewer would not have been enough, or of the last change
	reduced  time.Time // when a worker was last let go; zero: the caution for it is over
	caution  int       // by how many times downAfter is longer
}

func newAutoscaler(c configs.Workers) autoscaler {
	a := autoscaler{
		mode: ScaleFixed, threads: max(c.Threads, 1), caution: 1,
		low: float64(c.Scaling.BusyLow) / 100, high: float64(c.Scaling.BusyHigh) / 100,
		target: c.Scaling.QueueTarget, downAfter: c.Scaling.DownAfter,
	}
	if !c.Processes.Ranges() {
		return a
	}
	switch c.Scaling.Algorithm {
	case configs.ScalingBusyness:
		a.mode = ScaleBusyness
	case configs.ScalingQueue:
		a.mode = ScaleQueue
	}
	return a
}

// forget begins anew: what was seen before says nothing about the present number.
func (a *autoscaler) forget(now time.Time) {
	a.readings, a.queued, a.needed = a.readings[:0], time.Time{}, now
}

// takes tells whether a reading is wanted at this moment.
func (a *autoscaler) takes(now time.Time) bool {
	last := len(a.readings) - 1
	return last < 0 || now.Sub(a.readings[last].at) >= betweenReadings
}

// see takes a reading in.
func (a *autoscaler) see(r reading) {
	if last := len(a.readings) - 1; r.waiting == 0 || last >= 0 && r.served != a.readings[last].served {
		a.queued = time.Time{}
	} else if a.queued.IsZero() {
		a.queued = r.at
	}
	kept := a.readings[:0]
	for _, old := range a.readings {
		if r.at.Sub(old.at) <= lookBack {
			kept = append(kept, old)
		}
	}
	a.readings = append(kept, r)
}

// span is how long the readings reach back.
func (a *autoscaler) span() time.Duration {
	return a.readings[len(a.readings)-1].at.Sub(a.readings[0].at)
}

// averages gives how many threads were busy and how many requests waited.
func (a *autoscaler) averages() (busy, waiting float64) {
	for _, r := range a.readings {
		busy += float64(r.busy)
		waiting += float64(r.waiting)
	}
	n := float64(len(a.readings))
	return busy / n, waiting / n
}

// wait estimates how long a request waits now: by Little's law the number of those that wait, divided by how many are
// done in a second; when none is done, the time for which that is so.
func (a *autoscaler) wait() time.Duration {
	first, last := a.readings[0], a.readings[len(a.readings)-1]
	_, waiting := a.averages()
	if waiting == 0 {
		return 0
	}
	done := last.served - first.served
	if done == 0 || a.span() == 0 {
		if a.queued.IsZero() {
			return 0
		}
		return last.at.Sub(a.queued)
	}
	return time.Duration(waiting * float64(a.span()) / float64(done))
}

// more gives how many workers there should be instead of n, all of which are ready, and why; n if they are enough.
func (a *autoscaler) more(n int) (int, ScaleReason) {
	if a.span() < leastLook {
		return n, 0
	}
	factor, reason := 0.0, ScaledForLoad
	busy, waiting := a.averages()
	lanes := float64(n * a.threads)
	switch a.mode {
	case ScaleBusyness:
		factor = busy / (lanes * a.high)
		if a.backlogged(n) {
			factor, reason = max(factor, (lanes+waiting)/lanes), ScaledForBacklog
		}
	case ScaleQueue:
		factor, reason = float64(a.wait())/float64(a.target), ScaledForWait
	}
	if factor <= 1 {
		return n, 0
	}
	return min(2*n, max(n+1, int(math.Ceil(float64(n)*min(factor, 2))))), reason
}

// backlogged tells whether in every reading all threads were busy and requests waited.
func (a *autoscaler) backlogged(n int) bool {
	for _, r := range a.readings {
		if r.waiting == 0 || r.busy < n*a.threads {
			return false
		}
	}
	return true
}

// wouldMiss tells whether one worker fewer than n would be too few now.
func (a *autoscaler) wouldMiss(n int) bool {
	busy, _ := a.averages()
	fewer := float64((n - 1) * a.threads)
	if a.mode == ScaleQueue {
		return busy > calmPart*fewer || a.wait() > a.target/2
	}
	return busy > a.low*float64(n*a.threads) || busy > a.high*fewer
}

// decide gives how many workers there should be instead of n, and why. settled says that n are ready. The readings are
// not empty, the last one is of now.
func (a *autoscaler) decide(n int, b bounds, settled bool) (int, ScaleReason) {
	now := a.readings[len(a.readings)-1].at
	if a.needed.IsZero() || a.wouldMiss(n) {
		a.needed = now
	}
	if !a.reduced.IsZero() && now.Sub(a.reduced) > 2*a.calm() {
		a.reduced, a.caution = time.Time{}, 1
	}
	if settled {
		if to, reason := a.more(n); b.clamp(to) > n {
			a.added(now)
			return b.clamp(to), reason
		}
	}
	if n > b.least && now.Sub(a.needed) >= a.calm() {
		a.forget(now)
		a.reduced = now
		return n - 1, ScaledForCalm
	}
	return n, 0
}

// added takes note that workers are added; soon after one was let go, that was a mistake.
func (a *autoscaler) added(now time.Time) {
	a.forget(now)
	if !a.reduced.IsZero() && now.Sub(a.reduced) <= a.calm() {
		a.caution = min(2*a.caution, longestCaution)
	}
}

// calm is how long one worker fewer must have been enough.
func (a *autoscaler) calm() time.Duration { return a.downAfter * time.Duration(a.caution) }

// autoscale lets the autoscaler look, while the queue is busy about each 100 ms and otherwise when a worker may be let
// go; a generation that has its least number and nothing to do has no timer.
func (s *supervisor) autoscale(now time.Time) {
	a := &s.auto
	if s.phase != phaseRunning || s.mode == ScaleFixed || s.mode == ScaleHand || s.rolling {
		return
	}
	if a.takes(now) {
		a.see(s.read(now))
		settled := s.count(Starting) == 0 && s.count(Ready) >= s.wanted && !s.crash.pausing(now)
		if to, reason := a.decide(s.wanted, s.bounds, settled); to != s.wanted {
			s.resize(to, reason, now)
		}
	}
	if s.wanted > s.bounds.least {
		s.due(a.needed.Add(a.calm()), now)
	}
}

// read looks at the queue.
func (s *supervisor) read(now time.Time) reading {
	r := reading{at: now, served: s.served}
	r.waiting = s.lanes.Census(s.held)
	for _, w := range s.workers {
		r.served += s.lanes.Served(w.index)
		if w.state == Ready { // what those hold that leave says nothing about the others
			r.busy += s.held[w.index]
		}
	}
	return r
}
