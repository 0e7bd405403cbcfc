package link

import "time"

// note writes down where the exchange has spent its time so far, and who had it. What it leaves out is not known yet:
// it is called again when the front end lets go. It must be called with the lock held.
func (s *slot) note() {
	t := s.trace
	if t == nil {
		return
	}
	now := s.q.clock.now()
	position, lane, state := splitState(s.state.Load())
	if position != s.position || lane < 0 || lane >= s.q.mem.workers*s.q.mem.threads {
		t.Queue = time.Duration(now - s.submitted) // nobody has claimed it
		return
	}
	claimed := between(s.submitted, int64(s.claimedAt.Load()), now)
	end := now
	if state == stateDone {
		end = between(claimed, int64(s.doneAt.Load()), now)
		s.trace = nil // nothing of it changes any more
	}
	worker := lane % s.q.mem.workers
	t.Queue, t.App = time.Duration(claimed-s.submitted), time.Duration(end-claimed)
	t.Worker, t.PID = worker+1, int(s.q.accounts[worker].pid.Load())
}

// between gives a worker's stamp, or the nearest moment that is possible: whatever it wrote, no time is negative and
// none is longer than the request's age.
func between(least, stamp, most int64) int64 { return max(least, min(stamp, most)) }
