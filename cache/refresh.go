package cache

// refresh fetches in the background what was sent stale (RFC 5861 section 3), unless that happens already or too much is
// being fetched; then a later request tries again.
func (h *Handler) refresh(v *visit, e *entry) {
	select {
	case h.refreshes <- struct{}{}:
	default:
		return
	}
	flight := h.flights.begin(v.key)
	if flight == nil || h.closing.Load() {
		if flight != nil {
			h.flights.land(flight, landing{signal: signalAgain})
		}
		<-h.refreshes
		return
	}
	request := copyRequest(v.r, true)
	request.Span = nil // the client's answer does not wait for it
	if v.isHead {
		request.Method = []byte("GET")
		request.Vars = asGet(request.Vars)
	}
	own := h.visit(&request)
	own.key, own.base = append(own.key[:0], v.key...), v.base
	f := h.newFetch(own, fetchPlan{why: forwardStale, stale: e, flight: flight})
	f.background = true
	h.running.Add(1)
	// Ended by the application's answer, for which Shutdown waits.
	go func() {
		defer h.running.Done()
		defer func() { <-h.refreshes }()
		f.refetch()
	}()
}

// refetch asks the application; what it answers is stored by arrived.
func (f *fetch) refetch() {
	defer func() {
		if p := recover(); p != nil {
			f.fail()
			f.h.deps.Log.Error("panic while an answer was fetched in the background", "request", f.req.ID, "request_id", string(f.req.RequestID), "panic", p)
		}
	}()
	resp, err := f.ask()
	if _, err := f.arrived(resp, err); err != nil {
		f.h.deps.Log.Warn("cache: an answer could not be fetched anew", "request", f.req.ID, "request_id", string(f.req.RequestID), "error", err)
	}
}
