package link

// Census counts in one pass over the slots: how many requests wait for a worker, and how many each worker holds, by
// its index. held has room for every worker; it is cleared first. It gives zeros after Shutdown. The figures of
// different slots are of slightly different moments.
func (q *Queue) Census(held []int) (waiting int) {
	clear(held)
	q.lookMu.Lock()
	defer q.lookMu.Unlock()
	if q.unmapped {
		return 0
	}
	for s := range q.slots.made() {
		// The word says which slots are worth the lock: most are free.
		if _, _, state := splitState(s.state.Load()); state != stateQueued && state != stateClaimed {
			continue
		}
		switch lane, state := s.claim(); {
		case state == stateQueued:
			waiting++
		case state == stateClaimed && lane >= 0 && lane%q.mem.workers < len(held):
			held[lane%q.mem.workers]++
		}
	}
	return waiting
}

// claim gives the lane and the state of an exchange that its worker, or nobody yet, works at; state 0 for any other.
func (s *slot) claim() (lane int, state uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.step == stepIdle || s.workerDone {
		return -1, 0
	}
	_, lane, state = splitState(s.state.Load())
	return lane, state
}

// Workers is how many worker indexes there are.
func (q *Queue) Workers() int { return q.mem.workers }
