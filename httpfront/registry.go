package httpfront

import (
	"net"
	"sync"
	"time"
)

// longAgo as a read deadline makes a blocked read return.
var longAgo = time.Unix(1, 0)

// maxRefusals bounds how many connections over the limit get a polite end at once; the rest is just closed.
const maxRefusals = 64

// registry knows the listeners and connections of a Server, so that Shutdown can end them and wait for them.
type registry struct {
	mu        sync.Mutex
	conns     map[*conn]struct{}
	listeners map[net.Listener]struct{}
	refusals  int // connections over the limit that are being told so
	stopping  bool
	released  bool // nobody is accepted any more

	stopped chan struct{} // closed by release
	empty   chan struct{} // closed when, after release, nothing is left
}

func newRegistry() *registry {
	return &registry{
		conns:     make(map[*conn]struct{}),
		listeners: make(map[net.Listener]struct{}),
		stopped:   make(chan struct{}),
		empty:     make(chan struct{}),
	}
}

// add registers an accepted connection. Its listener must still be registered, so that the server does not seem empty
// in between. A connection that was accepted just before the stop is treated like one that was idle then: it is served
// if its request is there already.
func (r *registry) add(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns[c] = struct{}{}
}

func (r *registry) remove(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
	r.signal()
}

func (r *registry) addListener(ln net.Listener) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.released {
		r.listeners[ln] = struct{}{}
	}
	return !r.released
}

func (r *registry) removeListener(ln net.Listener) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.listeners, ln)
	r.signal()
}

// beginRefusal counts one more connection that is to be told that there are too many. False: too many are being told
// already, close it without an answer.
func (r *registry) beginRefusal() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refusals >= maxRefusals || r.stopping {
		return false
	}
	r.refusals++
	return true
}

func (r *registry) endRefusal() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refusals--
	r.signal()
}

// stop closes the listeners. Nothing is added after it.
func (r *registry) stop() {
	r.mu.Lock()
	r.stopping = true
	r.mu.Unlock()
	r.release()
}

// isReleased tells whether the listeners were closed on purpose.
func (r *registry) isReleased() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.released
}

// release makes the accept loops end, which then close their listeners.
func (r *registry) release() {
	r.mu.Lock()
	listeners := make([]net.Listener, 0, len(r.listeners))
	for ln := range r.listeners {
		listeners = append(listeners, ln)
	}
	if !r.released {
		r.released = true
		close(r.stopped)
	}
	r.signal()
	r.mu.Unlock()
	for _, ln := range listeners {
		if d, ok := ln.(interface{ SetDeadline(time.Time) error }); !ok || d.SetDeadline(longAgo) != nil {
			ln.Close()
		}
	}
}

// signal closes r.empty once nothing is left. It is called with mu held.
func (r *registry) signal() {
	if !r.released || len(r.conns)+len(r.listeners)+r.refusals > 0 {
		return
	}
	select {
	case <-r.empty:
	default:
		close(r.empty)
	}
}

// wakeIdle makes connections that wait for a request look at the server's state. A wake that hits a connection which
// has just got its first byte does no harm: its reads see that their own deadline has not passed and go on. Those that
// only wait for a client to take its answer get little more time.
func (r *registry) wakeIdle() {
	for _, c := range r.snapshot() {
		switch {
		case c.idle.Load():
			c.Conn.SetReadDeadline(longAgo)
		case c.lingers.Load(), c.shakes.Load():
			c.Conn.SetReadDeadline(time.Now().Add(lingerStop))
		}
	}
}

// closeAll closes the sockets under all connections; their goroutines notice.
func (r *registry) closeAll() {
	for _, c := range r.snapshot() {
		c.Conn.Close()
	}
}

func (r *registry) snapshot() []*conn {
	r.mu.Lock()
	defer r.mu.Unlock()
	conns := make([]*conn, 0, len(r.conns))
	for c := range r.conns {
		conns = append(conns, c)
	}
	return conns
}

// pause waits for d, or until release.
func (r *registry) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.stopped:
	}
}
