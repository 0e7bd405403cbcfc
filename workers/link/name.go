package link

// NameOf gives the gateway.Request.RequestID of a request that is in the queue or with a worker, or was and its place
// was not needed since, "" for any other. It is for log lines, which may come after the answer: it looks at every slot.
func (q *Queue) NameOf(request uint64) string {
	if request == 0 {
		return ""
	}
	q.lookMu.Lock()
	defer q.lookMu.Unlock()
	if q.unmapped {
		return ""
	}
	for s := range q.slots.made() {
		if s.requestID.Load() == request {
			return s.nameOf(request)
		}
	}
	return ""
}

func (s *slot) nameOf(request uint64) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.id != request { // a worker has overwritten the word
		return ""
	}
	return string(s.name)
}
