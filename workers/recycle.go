package workers

import (
	"math/rand/v2"
	"time"

	"penknife/configs"
)

const (
	memoryInterval = 2 * time.Second // least time between two looks at a worker's memory, or its processor time
	leavingCheck   = time.Second     // between looks at whether a recycled worker is done
)

// recycling is when a worker has done enough. Zeros are no limits.
type recycling struct {
	requests uint64
	lifetime time.Duration
	memory   int64
	cpu      time.Duration
	atOnce   int           // how many are replaced at a time
	jitter   float64       // by which part all but the memory are shortened at most
	patience time.Duration // how long a worker that leaves keeps the next one from being recycled
	random   func() float64
}

func newRecycling(c configs.Workers) recycling {
	return recycling{
		requests: uint64(c.MaxRequests), lifetime: c.MaxLifetime, memory: int64(c.MaxRSS),
		cpu: c.MaxCPUTime, atOnce: max(c.MaxUnavailable, 1),
		jitter: float64(c.MaxRequestsJitter) / 100, patience: c.GracePeriod, random: rand.Float64,
	}
}

// counts tells whether somebody has to look at the workers while they serve.
func (r recycling) counts() bool { return r.requests > 0 || r.memory > 0 || r.cpu > 0 }

// lifeLimits is what one worker may do.
type lifeLimits struct {
	requests uint64        // 0: any number
	expires  time.Time     // zero: never
	memory   int64         // 0: any size
	weighed  time.Time     // the last look at its memory
	served   uint64        // what it had done by then
	cpu      time.Duration // 0: any
	clocked  time.Time     // the last look at its processor time
}

// limit sets the limits of a worker that is ready.
func (s *supervisor) limit(w *worker) {
	r := &s.recycling
	part := func() float64 { return 1 - r.jitter*r.random() }
	if r.requests > 0 {
		w.limits.requests = max(1, uint64(float64(r.requests)*part()))
	}
	if r.lifetime > 0 {
		w.limits.expires = w.ready.Add(max(time.Second, time.Duration(float64(r.lifetime)*part())))
	}
	if r.cpu > 0 {
		w.limits.cpu = time.Duration(float64(r.cpu) * part())
	}
	if r.memory == 0 {
		return
	}
	if bare := w.handle.memory(); bare >= r.memory {
		// Its successors would be as large: replacing it would never end.
		s.log.Warn("a new worker is above workers.max_rss before its first request; the limit is ignored for it",
			"worker", w.index, "pid", w.pid, "bytes", bare, "limit", r.memory)
		return
	}
	w.limits.memory = r.memory
}

// recycle looks which workers have reached a limit, and orders successors for as many as may be replaced at once, the
// oldest first (extra). When a successor is ready, shed lets its predecessor leave.
func (s *supervisor) recycle(now time.Time) {
	s.extra = 0
	if s.phase != phaseRunning {
		return
	}
	spent := 0
	for _, w := range s.workers {
		if w.state != Ready {
			continue
		}
		if w.enough == 0 {
			s.judge(w, now)
		}
		if w.enough != 0 {
			spent++
		}
	}
	if spent > 0 {
		s.extra = min(spent, s.replaceable(now))
	}
}

// judge looks whether a worker has reached a limit.
func (s *supervisor) judge(w *worker, now time.Time) {
	var served uint64
	if s.recycling.counts() {
		served = s.lanes.Served(w.index)
	}
	switch l := &w.limits; {
	case s.due(l.expires, now):
		w.enough = RetireMaxLifetime
	case l.requests > 0 && served >= l.requests:
		w.enough = RetireMaxRequests
	case s.tooLarge(w, served, now):
		w.enough = RetireMaxRSS
	case s.tired(w, now):
		w.enough = RetireMaxCPU
	default:
		return
	}
	s.log.Debug("worker has reached a limit", "worker", w.index, "pid", w.pid, "reason", w.enough.String(), "requests", served)
}

// tooLarge looks at the memory of a worker that has done something since the last look.
func (s *supervisor) tooLarge(w *worker, served uint64, now time.Time) bool {
	l := &w.limits
	if l.memory == 0 || served == l.served || !s.due(l.weighed.Add(memoryInterval), now) {
		return false
	}
	l.weighed, l.served = now, served
	return w.handle.memory() > l.memory
}

// tired looks at the processor time of a worker. It needs no timer: without requests nobody looks.
func (s *supervisor) tired(w *worker, now time.Time) bool {
	l := &w.limits
	if l.cpu == 0 || now.Sub(l.clocked) < memoryInterval {
		return false
	}
	l.clocked = now
	return w.handle.cpuTime() > l.cpu
}

// replaceable is how many workers may be replaced now. It is workers.max_unavailable, less those that are leaving
// because they were replaced; one that takes longer than the grace period to leave no longer counts. In a crash loop it
// is 0 while a worker starts, and until it is time to try again. There are never more than twice as many processes as
// wanted, since a response that a client reads slowly may keep a leaving worker for any time.
func (s *supervisor) replaceable(now time.Time) int {
	leaving, counted := 0, 0
	for _, w := range s.workers {
		if w.state != Draining && w.state != Stopping {
			continue
		}
		leaving++
		if w.reason.recycles() && !w.left.IsZero() && !s.due(w.left.Add(s.recycling.patience), now) {
			counted++
		}
	}
	if s.crash.looping() && (s.count(Starting) > 0 || !s.due(s.crash.next, now)) {
		return 0
	}
	return max(0, min(s.recycling.atOnce-counted, s.target()-leaving))
}

// checkLeaving gives a worker that goes in peace and that holds nothing any more a time limit for its exit: an application may have
// left threads running that the interpreter waits for.
func (s *supervisor) checkLeaving(w *worker, now time.Time) {
	if !w.reason.leaves() || !s.due(w.check, now) {
		return
	}
	w.check = now.Add(leavingCheck)
	s.due(w.check, now)
	switch busy := s.lanes.Busy(w.index) > 0; {
	case s.phase == phaseStopping:
	case busy:
		w.deadline = time.Time{} // it had claimed one at the last moment
	case w.deadline.IsZero():
		w.deadline = now.Add(exitGrace)
		s.due(w.deadline, now)
	}
}
