package httpfront

import (
	"errors"
	"io"
	"time"

	"penknife/gateway"
)

// maxDrain is how much of a body that nobody read is thrown away to keep the connection; with more it is closed.
const maxDrain = 256 << 10

var continueLine = []byte("HTTP/1.1 100 Continue\r\n\r\n")

// body is the request body: the gateway.Request's reader. It enforces the limits on bytes and time, takes chunks
// apart, and never reads past its end, where the next request starts.
type body struct {
	c          *conn
	left       int64 // of the body, or of the current chunk
	received   int64 // bytes of content so far
	extensions int64 // bytes of chunk extensions so far
	chunked    bool
	began      bool // a chunk was begun before
	invites    bool // 100 Continue must be sent before the first read
	done       bool
	err        error
	since      time.Time // the first read
}

// start prepares the body of a request; it gives nil when there is none.
func (b *body) start(h *head) io.Reader {
	c := b.c
	*b = body{c: c, left: max(h.length, 0), chunked: h.chunked, invites: h.expects}
	b.done = !b.chunked && b.left == 0
	if b.done {
		return nil
	}
	return b
}

// Read gives content. Its errors are io.EOF and *gateway.Error, and they last.
func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.done {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := b.read(p)
	if err != nil {
		b.err = err
		return n, err
	}
	if b.done && n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (b *body) read(p []byte) (int, error) {
	if err := b.open(); err != nil {
		return 0, err
	}
	if b.chunked && b.left == 0 {
		if err := b.nextChunk(); err != nil || b.done {
			return 0, err
		}
	}
	n, err := b.take(p[:min(int64(len(p)), b.left)])
	if err != nil {
		return n, err
	}
	b.left -= int64(n)
	b.received += int64(n)
	if b.left == 0 && !b.chunked {
		b.done = true
	}
	return n, nil
}

// open does what must happen before the first read.
func (b *body) open() error {
	if !b.since.IsZero() {
		return nil
	}
	b.since = time.Now()
	invites := b.invites
	b.invites = false
	if !invites || len(b.c.pending()) > 0 {
		return nil // RFC 9110 section 10.1.1: no need to invite a client that has begun
	}
	b.c.now = b.since
	if err := b.c.write(continueLine); err != nil {
		return b.lost(err)
	}
	return nil
}

// take gives at least one byte from the connection.
func (b *body) take(p []byte) (int, error) {
	if pending := b.c.pending(); len(pending) > 0 {
		n := copy(p, pending)
		b.c.taken += n
		return n, nil
	}
	n, err := b.c.readSocket(p, b.deadline())
	if n > 0 {
		return n, nil
	}
	return 0, b.failed(err)
}

// deadline is when the next byte must have come: body_timeout from now and, after the first body_timeout, by when the
// mean rate would fall below body_min_rate.
func (b *body) deadline() time.Time {
	limits := &b.c.srv.limits
	now := time.Now()
	until := after(now, limits.BodyTime)
	if limits.BodyMinRate <= 0 {
		return until
	}
	seconds := float64(b.received) / float64(limits.BodyMinRate)
	grace := max(limits.BodyTime, time.Duration(min(seconds, 1e9)*float64(time.Second)))
	if byRate := b.since.Add(grace); grace > 0 && (until.IsZero() || byRate.Before(until)) {
		return byRate
	}
	return until
}

// failed turns an error of the socket into what the engine gets.
func (b *body) failed(err error) error {
	switch {
	case errors.Is(err, errTooSlow):
		return b.refuse(refuseSlowBody)
	case err == nil || errors.Is(err, io.EOF):
		return b.refuse(refuseCutBody)
	}
	return b.lost(err)
}

func (b *body) lost(err error) error {
	return &gateway.Error{Kind: gateway.KindClientGone, Reason: "the connection broke during the request body", Err: err}
}

func (b *body) refuse(r *refusal) error {
	b.c.srv.counter.ProtocolError(r.reason)
	return r.err
}

// keeps tells whether the connection can be used after this body: it was read, or what is left can be thrown away.
func (b *body) keeps() bool {
	if b.err != nil {
		return false
	}
	return b.done || !b.chunked && !b.invites && b.left <= maxDrain
}

// drain throws the rest away. It reports false when the end was not reached.
func (b *body) drain() bool {
	if b.done && b.err == nil {
		return true
	}
	if !b.keeps() {
		return false
	}
	block := b.c.srv.blocks.Get().(*[]byte)
	defer b.c.srv.blocks.Put(block)
	for {
		if _, err := b.Read(*block); err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}
