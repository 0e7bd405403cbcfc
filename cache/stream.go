package cache

import (
	"errors"
	"io"
	"sync"
	"time"

	"penknife/gateway"
)

// spool is a body that comes while it is stored and while the client reads it. A goroutine fills it as fast as the
// application gives, so that a slow client holds neither the worker nor those who wait for the stored answer. When it
// gets longer than what may be stored, the client's reader goes on with the application's body by itself.
type spool struct {
	f     *fetch
	body  gateway.Body
	inner io.Reader // body, or the part of a file that it stands for
	limit int64
	want  int64 // bytes, negative: unknown

	mu     sync.Mutex // guards the rest
	buffer []byte
	state  spoolState
	err    error         // of spoolFailed
	leftAt time.Time     // when the client left; zero: it is there
	wake   chan struct{} // of capacity 1: something has changed

	taken int // bytes of buffer that the client has; only the reader's
}

type spoolState uint8

const (
	spoolFilling spoolState = iota + 1
	spoolDone               // buffer has all of it
	spoolFailed             // the body is cut: err says why
	spoolHanded             // too long to be stored: the reader owns the application's body
)

// readAlone is how long a body is read on that nobody reads any more: one without an end would keep its worker for ever.
const readAlone = 30 * time.Second

var errAlone = errors.New("the client is gone, and the body does not end")

// readSize is how much is read of the application's body at once, at least.
const readSize = 16 << 10

// stream stores a body that is not there as a whole, and gives it to the client as it comes.
func (f *fetch) stream(resp *gateway.Response, e *entry, a *answer) (*gateway.Response, error) {
	s := &spool{
		f: f, body: resp.Body, inner: resp.Body, limit: f.rule.maxObject, want: resp.Length, state: spoolFilling,
		wake: make(chan struct{}, 1),
	}
	if resp.File != nil {
		s.inner = io.NewSectionReader(resp.File, resp.Offset, resp.Length)
	}
	held := e.clone()
	tags := a.clone()
	if f.background {
		s.leftAt = f.received
		s.fill(held, tags)
		return nil, nil
	}
	out := gateway.Response{Status: resp.Status, Reason: held.reason, Length: resp.Length}
	out.Fields = appendForwardedStatus(append(make([]byte, 0, len(e.full)+96), e.full...), f.forwarded(0, 0))
	if a.age > 0 {
		out.Fields = appendAge(out.Fields, e.initialAge)
	}
	f.traced()
	f.v.note(f.outcome(), 0)
	out.Body = &spoolReader{s: s, r: f.v.r}
	f.h.running.Add(1)
	// Ended by the end of the application's body, for which Shutdown waits, or by its being too long.
	go func() {
		defer f.h.running.Done()
		s.fill(held, tags)
	}()
	return &out, nil
}

// clone gives an entry that has no view into the application's answer.
func (e *entry) clone() *entry {
	c := *e
	c.reason, c.etag = append([]byte(nil), e.reason...), append([]byte(nil), e.etag...)
	return &c
}

// clone gives what is needed to store the answer, without views.
func (a *answer) clone() *answer { return &answer{vary: a.vary, tags: a.tags} }

// fill reads to the end of the body and stores it.
func (s *spool) fill(e *entry, a *answer) {
	buffer := make([]byte, 0, s.firstSize())
	for {
		if cap(buffer)-len(buffer) < readSize/4 {
			buffer = append(make([]byte, 0, 2*cap(buffer)+readSize), buffer...)
		}
		n, err := s.inner.Read(buffer[len(buffer):cap(buffer)])
		buffer = buffer[:len(buffer)+n]
		switch {
		case int64(len(buffer)) > s.limit:
			s.handOver(buffer)
			return
		case err == nil:
			if left := s.publish(buffer, spoolFilling, nil); !left.IsZero() && s.f.h.deps.Now().Sub(left) > readAlone {
				s.end(buffer, errAlone)
				return
			}
		case !errors.Is(err, io.EOF):
			s.end(buffer, err)
			return
		case s.want >= 0 && int64(len(buffer)) != s.want:
			s.end(buffer, gateway.Errorf(gateway.KindAppCut, "the body has %d of %d announced bytes", len(buffer), s.want))
			return
		default:
			s.complete(buffer, e, a)
			return
		}
	}
}

func (s *spool) firstSize() int64 {
	if s.want >= 0 {
		return min(s.want, s.limit) + readSize
	}
	return readSize
}

// publish shows the reader what there is, and tells when that left.
func (s *spool) publish(buffer []byte, state spoolState, err error) (left time.Time) {
	s.mu.Lock()
	s.buffer, s.state, s.err = buffer, state, err
	left = s.leftAt
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return left
}

// complete stores the whole body, then lets the reader see its end, so that who has all of it finds it stored.
func (s *spool) complete(buffer []byte, e *entry, a *answer) {
	s.body.CloseWithError(nil)
	e.body = buffer
	if _, reason := s.f.store(e, a); reason != 0 {
		s.f.unstored(reason)
	}
	s.publish(buffer, spoolDone, nil)
}

// end is for a body that is cut: nothing is stored, and somebody else may try.
func (s *spool) end(buffer []byte, err error) {
	s.body.CloseWithError(err)
	s.f.h.deps.Counter.Kept(int(ReasonCut), 0)
	s.f.fail()
	s.publish(buffer, spoolFailed, err)
}

// handOver gives the application's body to the client's reader.
func (s *spool) handOver(buffer []byte) {
	s.f.unstored(ReasonLarge)
	if !s.publish(buffer, spoolHanded, nil).IsZero() {
		s.body.CloseWithError(nil)
	}
}

// unstored ends the flight of an answer that turned out not to be storable.
func (f *fetch) unstored(reason Reason) {
	f.h.deps.Counter.Kept(int(reason), 0)
	if reason == ReasonLarge {
		f.h.passing.add([]byte(f.key), f.who.class(), f.h.deps.Now().Add(f.set.cfg.UncacheableFor))
	}
	f.land(landing{signal: signalAgain})
}

// spoolReader is the client's side.
type spoolReader struct {
	s *spool
	r *gateway.Request
}

// Read gives what has come, and blocks until there is something.
func (b *spoolReader) Read(p []byte) (int, error) {
	s := b.s
	for {
		s.mu.Lock()
		n := copy(p, s.buffer[s.taken:])
		s.taken += n
		state, err := s.state, s.err
		s.mu.Unlock()
		switch {
		case n > 0 || len(p) == 0:
			return n, nil
		case state == spoolDone:
			return 0, io.EOF
		case state == spoolFailed:
			return 0, err
		case state == spoolHanded:
			return s.inner.Read(p)
		}
		<-s.wake
	}
}

// CloseWithError lets go of the answer. What is not complete yet is still stored, if it ends within
// readAlone and is not too long for that.
func (b *spoolReader) CloseWithError(err error) {
	s := b.s
	s.mu.Lock()
	handed, done := s.state == spoolHanded, s.state != spoolFilling
	s.leftAt = s.f.h.deps.Now()
	s.mu.Unlock()
	if handed {
		s.body.CloseWithError(err)
	}
	if done {
		b.r.Trace.TakeOver(s.f.req.Trace)
	}
}
