package link

// NameOf gives the gateway.Request.RequestID that belongs to a gateway.Request.ID. It knows requests in flight, and
// past ones whose slot has not been used again; for all others it gives "". It looks at every slot, so it is for log
// lines, which may come after the answer.
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
