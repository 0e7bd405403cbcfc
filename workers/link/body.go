package link

import (
	"errors"
	"fmt"
	"io"

	"penknife/gateway"
)

// body is the response body of one slot: what the worker puts into the window, until it is done.
type body struct{ s *slot }

var _ gateway.Windowed = (*body)(nil)

// Read takes what is there, and blocks until there is something, the response ends or fails. It fails with
// KindAppCut, KindWorkerDied or KindRequestTimeout when the body is incomplete.
func (b *body) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	piece, err := b.Next()
	if err != nil {
		return 0, err
	}
	n := copy(p, piece)
	b.Advance(n)
	return n, nil
}

// Next gives what is there without copying it: the part of the window up to its end. It blocks and fails as Read.
func (b *body) Next() ([]byte, error) {
	for {
		piece, err := b.s.peek()
		if piece != nil || err != nil {
			return piece, err
		}
		<-b.s.wake
	}
}

// Advance frees n bytes of what Next gave for the worker.
func (b *body) Advance(n int) {
	s := b.s
	s.mu.Lock()
	defer s.mu.Unlock()
	s.consumed += uint64(n)
	s.respConsumed.Store(s.consumed)
	if s.waiting.Load() != 0 && s.respProduced.Load()-s.consumed <= uint64(len(s.responseArea)/2) {
		s.tellWorker(0)
	}
}

// peek answers nil, nil when the reader must wait.
func (s *slot) peek() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	done := s.workerDone // before the counter: what is there after that is all
	consumed, produced := s.consumed, s.respProduced.Load()
	size := uint64(len(s.responseArea))
	if produced-consumed > size {
		s.damaged(s.holder, fmt.Sprintf("response window: %d bytes produced, %d consumed", produced, consumed))
		return nil, s.err
	}
	if produced != consumed {
		start := consumed & (size - 1)
		end := min(start+produced-consumed, size)
		return s.responseArea[start:end:end], nil
	}
	switch {
	case s.err != nil:
		return nil, s.err
	case done && s.flags.Load()&flagCut != 0:
		return nil, gateway.Errorf(gateway.KindAppCut, "the application ended its response early; see the log")
	case done:
		return nil, io.EOF
	}
	return nil, nil
}

// CloseWithError lets go of the response. With a reason, or before the end, the worker is told that nobody reads on.
func (b *body) CloseWithError(error) {
	s := b.s
	s.mu.Lock()
	s.note()
	s.frontDone, s.trace = true, nil
	s.tellWorker(1)
	release := s.settle()
	s.mu.Unlock()
	if release != nil {
		release.Release()
	}
}

// refill moves the request body from the spool into the window while there is room. One runs at a time; it holds
// no lock while it reads, and only it writes the free part of the window.
func (s *slot) refill() {
	for {
		s.mu.Lock()
		piece, ok := s.nextPiece()
		if !ok {
			s.refilling = false
			d := delivery{release: s.settle()}
			s.mu.Unlock()
			d.run()
			return
		}
		spool, at := s.spool, s.sent
		s.mu.Unlock()

		_, err := readFullAt(spool, piece, at)

		s.mu.Lock()
		var d delivery
		if err != nil {
			s.sent = spool.Size() // ends the loop
			d = s.fail(&gateway.Error{Kind: gateway.KindInternal, Reason: "read back the spooled request body", Err: err})
		} else {
			s.sent += int64(len(piece))
			s.reqProduced.Store(uint64(s.sent))
			s.tellWorker(0)
		}
		s.mu.Unlock()
		d.run()
	}
}

// nextPiece is the contiguous free part of the request window that the next bytes of the spool go to.
func (s *slot) nextPiece() ([]byte, bool) {
	if s.workerDone || s.sent >= s.spool.Size() {
		return nil, false
	}
	size := uint64(len(s.window))
	produced, consumed := uint64(s.sent), s.reqConsumed.Load()
	if consumed > produced || produced-consumed >= size {
		return nil, false
	}
	start := produced & (size - 1)
	room := min(size-(produced-consumed), size-start, uint64(s.spool.Size()-s.sent))
	return s.window[start : start+room], true
}

// readFullAt reads exactly len(p) bytes.
func readFullAt(r io.ReaderAt, p []byte, at int64) (int, error) {
	n, err := r.ReadAt(p, at)
	if n == len(p) {
		return n, nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
