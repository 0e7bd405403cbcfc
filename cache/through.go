package cache

import (
	"errors"
	"slices"

	"penknife/gateway"
)

// passage is a request that goes past the cache, and is only looked at when its answer comes.
type passage struct {
	h      *Handler
	r      *gateway.Request
	unsafe bool
	strip  bool
	why    forward
	later  func(*gateway.Response, error)

	target originTarget // of unsafe requests
}

// through passes a request on as it is. Unsafe ones may remove what is stored for their URL.
func (h *Handler) through(r *gateway.Request, unsafe bool) (*gateway.Response, error) {
	r.Trace.Cache = outcomes[Bypassed]
	strip := h.settings.Load().strip
	p := &passage{h: h, r: r, unsafe: unsafe, strip: strip, why: forwardMethod, later: r.Later}
	if method := string(r.Method); method == "GET" || method == "HEAD" {
		p.why = forwardBypass
	}
	if unsafe {
		p.target = h.targetOf(r)
	}
	if p.later != nil {
		r.Later = p.answered
	}
	resp, err := h.deps.Next.Serve(r)
	if errors.Is(err, gateway.ErrPending) {
		return nil, err // the request may be over by now
	}
	r.Later = p.later
	if err == nil {
		p.look(resp)
	}
	return resp, err
}

// answered is the request's Later.
func (p *passage) answered(resp *gateway.Response, err error) {
	if err != nil {
		p.later(resp, err)
		return
	}
	if p.h.deps.Blocks && p.unsafe {
		// Ended by the answer: the front end waits for Later before it ends.
		go func() {
			p.look(resp)
			p.later(resp, nil)
		}()
		return
	}
	p.look(resp)
	p.later(resp, nil)
}

func (p *passage) look(resp *gateway.Response) {
	if p.unsafe && resp.Status >= 200 && resp.Status < 400 {
		p.h.invalidate(&p.target, resp.Fields)
	}
	fields := make([]byte, 0, len(resp.Fields)+len(statusName)+len("fwd=bypass\r\n"))
	if p.strip && hasTags(resp.Fields) {
		fields = withoutTags(fields, resp.Fields)
	} else {
		fields = append(fields, resp.Fields...)
	}
	resp.Fields = appendForwardedStatus(fields, forwarded{why: p.why})
}

func hasTags(fields []byte) bool {
	for len(fields) > 0 {
		var line fieldLine
		if line, fields = nextLine(fields); line.isNamed("cache-tag") || line.isNamed("surrogate-key") {
			return true
		}
	}
	return false
}

// passOn gives the application's answer to the client while it comes.
func (f *fetch) passOn(resp *gateway.Response, o Outcome, how forwarded) (*gateway.Response, error) {
	if f.background {
		resp.Body.CloseWithError(nil)
		return nil, nil
	}
	out := *resp
	if f.set.strip && hasTags(resp.Fields) {
		out.Fields = withoutTags(make([]byte, 0, len(resp.Fields)+96), resp.Fields)
	} else {
		out.Fields = append(make([]byte, 0, len(resp.Fields)+96), resp.Fields...)
	}
	out.Fields = appendForwardedStatus(out.Fields, how)
	f.v.r.Trace.Cache = outcomes[o]
	through := passedBody{Body: resp.Body, f: f, r: f.v.r}
	if window, ok := resp.Body.(gateway.Windowed); ok {
		out.Body = &passedWindow{passedBody: through, window: window}
	} else {
		out.Body = &through
	}
	return &out, nil
}

// passedBody is the application's body, from which the trace is taken when it is closed.
type passedBody struct {
	gateway.Body
	f *fetch
	r *gateway.Request
}

// CloseWithError ends the application's answer.
func (b *passedBody) CloseWithError(err error) {
	b.Body.CloseWithError(err)
	b.r.Trace.TakeOver(b.f.req.Trace)
}

// passedWindow is passedBody for a body that can be used where it lies.
type passedWindow struct {
	passedBody
	window gateway.Windowed
}

// Next gives what is there.
func (b *passedWindow) Next() ([]byte, error) { return b.window.Next() }

// Advance says how much of it is done with.
func (b *passedWindow) Advance(n int) { b.window.Advance(n) }

var _ gateway.Windowed = (*passedWindow)(nil)

// isURLTag knows the tags that are ours.
func isURLTag(tag string) bool { return len(tag) > 0 && tag[0] == 0 }

// withoutURLTags gives the application's tags.
func withoutURLTags(tags []string) []string { return slices.DeleteFunc(slices.Clone(tags), isURLTag) }
