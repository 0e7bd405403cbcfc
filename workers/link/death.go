package link

import (
	"os"

	"penknife/gateway"
)

// WorkerStarting makes a worker index fit for a new process. Call it before that process may touch the memory.
func (q *Queue) WorkerStarting(worker int) {
	q.accounts[worker].open(q.clock.now())
	q.accounts[worker].lives.Store(true)
	q.makeRoom()
	q.ring.resetWorker(worker)
}

// StopWorker asks a worker to leave after the requests that it holds. It takes no new one, and its process exits.
func (q *Queue) StopWorker(worker int) { q.ring.stopWorker(worker) }

// WorkerDied tells that the worker's process is gone: answers that it completed are delivered, the requests that
// it held get KindWorkerDied with the cause. It returns their number. A waiting request is passed to another lane.
func (q *Queue) WorkerDied(worker int, cause string) (lost int) {
	q.accounts[worker].lives.Store(false)
	q.makeRoom()
	for s := range q.slots.made() {
		if s.lose(worker, cause) {
			lost++
		}
	}
	q.ring.resetWorker(worker)
	q.fetchEvents() // it may have taken the flag that Go sleeps, and have died before it wrote the eventfd
	if !q.ring.empty() {
		q.ring.wakeOne() // the lane that Go woke for it may have been one of the dead
	}
	return lost
}

// Forsake is for a worker that was killed and does not end, because it is in an uninterruptible sleep. The requests
// that it holds end for the front ends: those without an answer fail with KindWorkerDied and the cause, answers that
// have begun are cut. It returns how many were lost in these ways. Drain no longer waits for any of them. Their slots
// stay taken until WorkerDied, since the kernel may still write there.
func (q *Queue) Forsake(worker int, cause string) (lost int) {
	for s := range q.slots.made() {
		s.mu.Lock()
		var d delivery
		if s.step != stepIdle && !s.workerDone && !s.forsaken && s.heldBy(worker) {
			if s.step != stepFailed && s.err == nil {
				lost++
			}
			s.forsaken = true
			q.forsake(1)
			d = s.fail(gateway.Errorf(gateway.KindWorkerDied, "worker died: %s", cause))
		}
		s.mu.Unlock()
		d.run()
	}
	return lost
}

// remember ends that the slot is forsaken. It must be called with the lock held.
func (s *slot) remember() {
	if s.forsaken {
		s.forsaken = false
		s.q.forsake(-1)
	}
}

// Busy is the number of requests that a worker holds; 0 after Shutdown. One that died holds none, also when a front end
// has not yet let go of what it lost.
func (q *Queue) Busy(worker int) (n int) {
	q.lookMu.Lock()
	defer q.lookMu.Unlock()
	if q.unmapped {
		return 0
	}
	for s := range q.slots.made() {
		if _, _, state := splitState(s.state.Load()); state != stateClaimed || !q.holds(worker, s) {
			continue
		}
		s.mu.Lock()
		if !s.workerDone {
			n++
		}
		s.mu.Unlock()
	}
	return n
}

func (q *Queue) holds(worker int, s *slot) bool {
	_, lane, state := splitState(s.state.Load())
	return (state == stateClaimed || state == stateDone) && lane >= 0 && lane%q.mem.workers == worker
}

// lose settles the slot if the death of the worker does that, and tells whether a request failed by it. The look at who
// holds the slot and the end are under one lock: between the two the exchange could end and the next one begin.
func (s *slot) lose(worker int, cause string) (failed bool) {
	s.mu.Lock()
	var d delivery
	if s.settledBy(worker) {
		if !s.isDamaged() {
			d = s.advance() // it may find damage only now, and then others may still write to the slot
		}
		if len(s.suspects) == 0 {
			var last delivery
			last, failed = s.endNow(gateway.Errorf(gateway.KindWorkerDied, "worker died: %s", cause))
			d = d.and(last)
		}
	}
	s.mu.Unlock()
	d.run()
	return failed
}

// settledBy tells whether the death of the worker settles the slot: it held it, or damaged it, or was the last who may
// have; not when somebody unknown damaged it who may still write to it. It must be called with the lock held.
func (s *slot) settledBy(worker int) bool {
	switch {
	case s.step == stepIdle:
		return false
	case s.suspects != nil:
		delete(s.suspects, worker)
		return len(s.suspects) == 0
	case s.suspect != 0:
		return s.suspect == worker+1
	}
	return s.heldBy(worker)
}

// heldBy tells whether the worker has claimed the slot. It must be called with the lock held.
func (s *slot) heldBy(worker int) bool {
	if s.holder >= 0 {
		return s.holder%s.q.mem.workers == worker
	}
	// Nobody has looked since it was claimed. A word that is wrong is found by the scanner.
	lane, state, ok := s.look()
	return ok && state != stateQueued && lane >= 0 && lane%s.q.mem.workers == worker
}

// living are the indexes whose process may write to the memory.
func (q *Queue) living() map[int]bool {
	living := map[int]bool{}
	for worker := range q.accounts {
		if q.accounts[worker].lives.Load() {
			living[worker] = true
		}
	}
	return living
}

// end settles an exchange whose worker will not touch the slot again.
func (s *slot) end(err error) {
	s.mu.Lock()
	var d delivery
	if s.step != stepIdle {
		d, _ = s.endNow(err)
	}
	s.mu.Unlock()
	d.run()
}

// endNow is end with the lock held and an exchange in the slot; it tells whether that failed.
func (s *slot) endNow(err error) (d delivery, failed bool) {
	if !s.isDamaged() {
		d = s.advance() // an answer that is complete in memory still counts
	}
	if s.step == stepWaiting || s.step == stepAnswered && !s.workerDone {
		failed = true
		s.workerDone = true
		d = d.and(s.fail(err))
	}
	s.workerDone = true
	s.remember()
	return d.and(delivery{release: s.settle()}), failed
}

// ReceiveFile takes the descriptor that a worker sent for the response in a slot. The queue owns f.
func (q *Queue) ReceiveFile(worker int, slot, position uint32, f *os.File) {
	s := q.slots.named(slot)
	if s == nil || !q.holds(worker, s) {
		f.Close()
		return
	}
	s.mu.Lock()
	d := s.receiveFile(position, f)
	s.mu.Unlock()
	d.run()
}

// LoseFile fails the request in a slot whose file was announced and cannot be received.
func (q *Queue) LoseFile(worker int, slot, position uint32) {
	s := q.slots.named(slot)
	if s == nil || !q.holds(worker, s) {
		return
	}
	s.mu.Lock()
	d := s.loseFile(position)
	s.mu.Unlock()
	d.run()
}
