package logsinks

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// flushSize is the size at which records are written without waiting for more.
	flushSize = 64 << 10
	// maxSpare is the largest buffer that is kept for the next records.
	maxSpare = 4 * flushSize
)

// ErrStopped is what a Writer says to Reopen after Shutdown.
var ErrStopped = errors.New("logsinks: the writer has been shut down")

// Options are what a Writer is made from.
type Options struct {
	Target Target
	// Delay is the longest time that records wait for others, so that they share a write; 0: none.
	Delay time.Duration
	// Limit bounds the bytes that wait while the target does not take them.
	Limit int
	// Dropped is told how many records were lost for want of room or because the target failed. It is called by the
	// Writer's goroutine, and after a target's failure with its error, else with nil.
	Dropped func(records int, err error)
	// Written is told of each write that the target has taken, by the same goroutine. May be nil.
	Written func()
}

// Writer is the way out of one log. All methods may be called from any goroutine at any time.
type Writer struct {
	target  Target
	framed  bool
	delay   time.Duration
	limit   int
	dropped func(int, error)
	written func()

	wake   chan struct{}   // of capacity 1: the buffer has its first record
	full   chan struct{}   // of capacity 1: the buffer has reached flushSize
	reopen chan chan error // answered by the goroutine
	quit   chan struct{}   // closed by Shutdown
	done   chan struct{}   // closed when everything is written

	mu      sync.Mutex // guards the rest
	started bool
	closed  bool
	records []byte
	spare   []byte // the other buffer, while it is not being written
	missing int    // records that did not fit
}

// New makes a Writer. Records gather from now on, and are written once Start was called.
func New(o Options) *Writer {
	w := &Writer{
		target: o.Target, framed: o.Target.Framed(), delay: o.Delay, limit: o.Limit, dropped: o.Dropped, written: o.Written,
		wake: make(chan struct{}, 1), full: make(chan struct{}, 1), reopen: make(chan chan error),
		quit: make(chan struct{}), done: make(chan struct{}),
	}
	if w.dropped == nil {
		w.dropped = func(int, error) {}
	}
	return w
}

// Start starts the writing goroutine. It may be called once.
func (w *Writer) Start() {
	w.mu.Lock()
	w.started = true
	w.mu.Unlock()
	// Stopped by Shutdown, which waits for done.
	go w.loop()
}

// Begin takes the lock and gives the buffer to append one record to, for End. When ok is false there is no room: the
// record is dropped and counted, and End must not be called.
func (w *Writer) Begin() (dst []byte, ok bool) {
	w.mu.Lock()
	if len(w.records) > w.limit || w.closed {
		w.missing++
		w.mu.Unlock()
		return nil, false
	}
	if w.framed {
		var head [frameHead]byte
		return append(w.records, head[:]...), true
	}
	return w.records, true
}

// End takes the buffer back, with a record at its end: for a target of lines with its line break.
func (w *Writer) End(dst []byte, severity Severity, at time.Time) {
	before := len(w.records)
	if w.framed {
		putFrameHead(dst[before:], len(dst)-before-frameHead, severity, at)
	}
	w.records = dst
	first, reached := before == 0, len(dst) >= flushSize
	w.mu.Unlock()
	if first {
		notify(w.wake)
	}
	if reached && w.delay > 0 {
		notify(w.full)
	}
}

// Append adds one record that is there already: for a target of lines with its line break.
func (w *Writer) Append(record []byte, severity Severity, at time.Time) {
	if dst, ok := w.Begin(); ok {
		w.End(append(dst, record...), severity, at)
	}
}

// Framed tells whether the target takes each record by itself, without a line break.
func (w *Writer) Framed() bool { return w.framed }

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Reopen lets the target begin anew after what was logged so far is written, and waits for that until ctx ends.
func (w *Writer) Reopen(ctx context.Context) error {
	answer := make(chan error, 1)
	select {
	case w.reopen <- answer:
	case <-w.done:
		return ErrStopped
	case <-ctx.Done():
		return fmt.Errorf("reopen: %w", ctx.Err())
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return fmt.Errorf("reopen: %w", ctx.Err())
	}
}

// Shutdown writes what is left and closes the target. It waits for a target that blocks only until ctx ends. Records
// that come later are dropped.
func (w *Writer) Shutdown(ctx context.Context) error {
	w.mu.Lock()
	started := w.started
	w.mu.Unlock()
	if !started {
		w.Start() // what was logged before anything went wrong is worth reading
	}
	close(w.quit)
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("write the last records: %w", ctx.Err())
	}
}

func (w *Writer) loop() {
	defer close(w.done)
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	for {
		select {
		case <-w.quit:
			w.end()
			return
		case answer := <-w.reopen:
			w.flush()
			answer <- w.target.Reopen()
			continue
		case <-w.wake:
		}
		if w.delay > 0 {
			w.gather(timer)
		}
		w.flush()
	}
}

// gather lets records come together for a while.
func (w *Writer) gather(timer *time.Timer) {
	timer.Reset(w.delay)
	defer timer.Stop()
	select {
	case <-w.quit:
	case <-w.full:
	case <-timer.C:
	case answer := <-w.reopen:
		w.flush()
		answer <- w.target.Reopen()
	}
}

func (w *Writer) end() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.flush()
	if err := w.target.Close(); err != nil {
		w.dropped(0, err)
	}
}

// flush hands over what has gathered. The lock is not held meanwhile; records go to the other buffer.
func (w *Writer) flush() {
	w.mu.Lock()
	records, missing := w.records, w.missing
	w.records, w.spare, w.missing = w.spare[:0], nil, 0
	w.mu.Unlock()
	if len(records) > 0 {
		if lost, err := w.target.Write(records); err != nil {
			w.dropped(lost, err)
		} else if w.written != nil {
			w.written()
		}
	}
	if missing > 0 {
		w.dropped(missing, nil)
	}
	w.mu.Lock()
	if cap(records) <= maxSpare {
		w.spare = records[:0]
	}
	w.mu.Unlock()
}
