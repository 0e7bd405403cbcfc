package uwsgifront

import (
	"errors"
	"io"
	"os"
	"time"

	"penknife/configs"
	"penknife/gateway"
)

// body is the request body: the gateway.Request's reader. It enforces the limits on time; the one on bytes was judged
// by CONTENT_LENGTH.
type body struct {
	c        *conn
	buffered []byte // came with the packet, not given out yet
	left     int64  // not given out yet
	length   int64
	waited   time.Duration // for the client
	err      error         // lasts
}

// complete tells whether nothing of the body is still to come.
func (b *body) complete() bool { return b.left == int64(len(b.buffered)) }

// Read gives content. Its errors are io.EOF and *gateway.Error, and they last.
func (b *body) Read(p []byte) (int, error) {
	switch {
	case b.err != nil:
		return 0, b.err
	case b.left == 0:
		return 0, io.EOF
	case len(p) == 0:
		return 0, nil
	}
	if len(b.buffered) > 0 {
		n := copy(p, b.buffered)
		b.buffered = b.buffered[n:]
		b.left -= int64(n)
		return n, nil
	}
	n, err := b.receive(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if err != nil {
		b.err = b.fail(err)
	}
	return n, b.err
}

// receive reads from the socket and judges how long that took.
func (b *body) receive(p []byte) (int, error) {
	limits := &b.c.srv.limits
	begin := time.Now()
	var deadline time.Time
	if limits.BodyTime > 0 {
		deadline = begin.Add(limits.BodyTime)
	}
	n, err := b.c.read(p, deadline)
	b.waited += time.Since(begin)
	if err == nil && b.tooSlow(limits, b.length-b.left+int64(n)) {
		err = refuseSlowBody
	}
	return n, err
}

// tooSlow tells whether the client stayed under limits.body_min_rate. Only the time spent waiting for it counts, and
// not before limits.body_timeout of it has passed.
func (b *body) tooSlow(limits *configs.Limits, received int64) bool {
	if limits.BodyMinRate <= 0 || b.waited <= limits.BodyTime {
		return false
	}
	return float64(received) < float64(limits.BodyMinRate)*b.waited.Seconds()
}

// fail turns what the socket said into what the engine passes on, and counts it.
func (b *body) fail(err error) error {
	var r *refusal
	switch {
	case errors.As(err, &r):
	case errors.Is(err, os.ErrDeadlineExceeded):
		r = refuseSlowBody
	case errors.Is(err, io.EOF):
		r = refuseCutBody
	default:
		b.c.srv.log.Debug("client left", "request", b.c.req.ID, "error", err)
		return &gateway.Error{Kind: gateway.KindClientGone, Reason: "the client left while it sent its request", Err: err}
	}
	b.c.srv.counter.ProtocolError(r.reason)
	b.c.srv.log.Debug("request body failed", "request", b.c.req.ID, "request_id", string(b.c.req.RequestID), "reason", r.reason)
	return r.err
}
