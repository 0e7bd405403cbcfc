package uwsgifront

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// maxFree is how many unused connection objects are kept for the next connections; after a burst the rest is left to
// the garbage collector. They are used last in, first out, so that few of them are ever touched.
const maxFree = 256

// maxRefusals bounds how many connections over the limit get a polite end at once; the rest is just closed.
const maxRefusals = 64

// longAgo as a deadline makes a waiting accept loop return.
var longAgo = time.Unix(1, 0)

// registry knows the accept loops and connections of a Server, so that Shutdown can end them and wait for them.
type registry struct {
	stopping atomic.Bool   // set by stop under mu; read anywhere
	cutting  atomic.Bool   // set by cutAll before it looks at connections
	lastLook time.Duration // see the constant; tests have less time

	mu        sync.Mutex
	all       []*conn // in use and unused; conn.index is the place
	free      []*conn // the unused ones
	acceptors map[*acceptor]struct{}
	refusals  int // connections over the limit that are being told so

	stopped chan struct{} // closed by stop
	empty   chan struct{} // closed when, after stop, nothing is left
}

func newRegistry() *registry {
	return &registry{
		lastLook:  lastLook,
		acceptors: make(map[*acceptor]struct{}),
		stopped:   make(chan struct{}),
		empty:     make(chan struct{}),
	}
}

// acquire gives an unused connection object, new if need be. It goes back by release.
func (r *registry) acquire(s *Server) *conn {
	r.mu.Lock()
	defer r.mu.Unlock()
	if last := len(r.free) - 1; last >= 0 {
		c := r.free[last]
		r.free = r.free[:last]
		return c
	}
	c := newConn(s)
	c.index = len(r.all)
	r.all = append(r.all, c)
	return c
}

func (r *registry) release(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.free) < maxFree && !c.retired {
		r.free = append(r.free, c)
	} else {
		last := r.all[len(r.all)-1]
		r.all[c.index], last.index = last, c.index
		r.all[len(r.all)-1] = nil
		r.all = r.all[:len(r.all)-1]
	}
	r.signal()
}

func (r *registry) addAcceptor(a *acceptor) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopping.Load() {
		return false
	}
	r.acceptors[a] = struct{}{}
	return true
}

func (r *registry) removeAcceptor(a *acceptor) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.acceptors, a)
	r.signal()
}

// accepting sums up what the accept loops do.
func (r *registry) accepting() (inside bool, taken uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for a := range r.acceptors {
		inside = inside || a.inside.Load()
		taken += a.taken.Load()
	}
	return inside, taken
}

// beginRefusal counts one more connection that is to be told that there are too many. False: too many are being told
// already, close it without an answer.
func (r *registry) beginRefusal() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refusals >= maxRefusals {
		return false
	}
	r.refusals++
	return true
}

func (r *registry) endRefusal() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refusals--
}

// openUp prepares TCP listeners for the stop. With TCP_DEFER_ACCEPT the kernel holds back connections that have not
// sent anything yet, and would break them when the listener closes. So from now on it holds none back, and those that
// it already has get the time lastLook to send something, while the accept loops go on. It returns early when ctx ends.
func (r *registry) openUp(ctx context.Context) {
	if !r.holdNobodyBack() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, r.lastLook)
	defer cancel()
	select {
	case <-ctx.Done():
	case <-r.stopped:
	}
}

func (r *registry) holdNobodyBack() (held bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopping.Load() {
		return false
	}
	for a := range r.acceptors {
		held = a.holdNobodyBack() || held
	}
	return held
}

// stop makes the accept loops take what is in their backlogs and end. Nothing is added after it.
func (r *registry) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopping.Swap(true) {
		return
	}
	close(r.stopped)
	for a := range r.acceptors {
		a.file.SetReadDeadline(longAgo)
	}
	r.signal()
}

// signal closes r.empty once nothing is left. It is called with mu held.
func (r *registry) signal() {
	if !r.stopping.Load() || len(r.acceptors) > 0 || len(r.free) < len(r.all) {
		return
	}
	select {
	case <-r.empty:
	default:
		close(r.empty)
	}
}

// cutAll shuts down the sockets of all connections, including those that are just beginning (conn.begin). The
// goroutines that wait on them notice by an error.
func (r *registry) cutAll() {
	r.cutting.Store(true)
	r.mu.Lock()
	conns := append([]*conn(nil), r.all...)
	r.mu.Unlock()
	for _, c := range conns {
		c.cut()
	}
}

// pause waits for d, or until stop.
func (r *registry) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.stopped:
	}
}
