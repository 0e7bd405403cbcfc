package link

import (
	"errors"
	"math"
	"sync/atomic"
)

// ErrClosed is the answer of a queue that takes no requests any more. It has touched nothing: the request and its
// body are still the caller's, who may give them to another queue.
var ErrClosed = errors.New("link: the queue is closed")

// entry counts who is putting a request into the queue, so that it can be closed without a lock on the way in.
type entry struct {
	users atomic.Int64  // closedBias is added when it is closed
	quiet chan struct{} // of capacity 1: the last one has left a closed entry
}

const closedBias = math.MinInt64 / 2

func newEntry() entry { return entry{quiet: make(chan struct{}, 1)} }

// enter tells whether the queue may be used; if so, leave must follow.
func (e *entry) enter() bool {
	if e.users.Add(1) > 0 {
		return true
	}
	e.leave()
	return false
}

func (e *entry) leave() {
	if e.users.Add(-1) == closedBias {
		select {
		case e.quiet <- struct{}{}:
		default:
		}
	}
}

// close lets nobody enter any more and waits for those who are inside. One goroutine may call it; a second call does
// nothing.
func (e *entry) close() {
	if e.users.Load() < 0 {
		return
	}
	for left := e.users.Add(closedBias); left != closedBias; left = e.users.Load() {
		<-e.quiet
	}
}

// Close lets no further request in: Serve gives ErrClosed. What is in flight goes on. It blocks for those who are
// just putting a request in, never for an answer; then Drain tells when the last one is over. Close and Shutdown must
// not be called at the same time.
func (q *Queue) Close() { q.entry.close() }
