package link

import "penknife/gateway"

// Refuse fails every request that no lane has claimed with err, and those that come later at once, until
// Refuse(nil). Requests that a worker holds go on. It is for times when nobody will claim anything; err is shared by
// all of them and must not be changed afterwards.
func (q *Queue) Refuse(err *gateway.Error) {
	q.refusal.Store(err)
	if err == nil {
		return
	}
	for s := range q.slots.made() {
		s.mu.Lock()
		var d delivery
		if s.step == stepWaiting {
			d = s.cancel(err)
		}
		s.mu.Unlock()
		d.run()
	}
}

// withdraw takes back a request that was submitted while Refuse looked through the slots, which may have missed it.
// It tells whether it did; if not, the request is a lane's or was failed by Refuse.
func (s *slot) withdraw() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	queued := stateWord(s.position, -1, stateQueued)
	if s.step != stepWaiting || !s.state.CompareAndSwap(queued, stateWord(s.position, -1, stateCancelled)) {
		return false
	}
	s.workerDone, s.frontDone = true, true
	s.settle() // the spool is released by Serve
	return true
}
