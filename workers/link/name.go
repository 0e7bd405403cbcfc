package link

// NameOf gives the gateway.Request.RequestID of a request that is in the queue or with a worker, "" for any other. It
// is for log lines: it looks at every slot.
func (q *Queue) NameOf(request uint64) string {
	if request == 0 {
		return ""
	}
	q.lookMu.Lock()
	defer q.lookMu.Unlock()
	if q.unmapped {
		return ""
	}
	for i := range q.slots {
		if s := &q.slots[i]; s.requestID.Load() == request {
			return s.heldName()
		}
	}
	return ""
}

func (s *slot) heldName() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.step == stepIdle {
		return ""
	}
	return string(s.name)
}
