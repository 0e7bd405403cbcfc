//go:build cgo

package interleave

import "unsafe"

// kernel is what the explorer has in place of Linux: futexes and one eventfd in Go's poller.
type kernel struct {
	sleepers map[uintptr][]*thread
	event    poller
}

// poller is an edge-triggered descriptor: an edge is kept until somebody waits, or until the descriptor is armed afresh.
type poller struct {
	edge, closed bool
	passed       vector
	block        *blocker
}

func newKernel() kernel { return kernel{sleepers: map[uintptr][]*thread{}} }

// queueOf is the object that stands for those who sleep on a word.
func queueOf(word uintptr) uintptr { return word + 1 }

// wake wakes at most n who sleep on a word.
func (x *Execution) wake(word uintptr, n int) {
	all := x.kernel.sleepers[word]
	for n > 0 && len(all) > 0 {
		all[0].lane.awake(len(x.events) - 1)
		all, n = all[1:], n-1
	}
	x.kernel.sleepers[word] = all
}

// FutexWake is the system call.
func FutexWake(word unsafe.Pointer, n int) {
	if x := point(writing("wake", queueOf(uintptr(word)))); x != nil {
		x.wake(uintptr(word), n)
	}
}

// ring is a write of the eventfd.
func (x *Execution) ring(t *thread) {
	p := &x.kernel.event
	if !p.edge && p.block != nil {
		p.block.enabler = len(x.events) - 1
	}
	p.edge = true
	p.passed.join(&t.known)
}

func (x *Execution) eventObject() uintptr { return uintptr(unsafe.Pointer(&x.kernel.event)) }

// Poller is the eventfd as Go has it: a syscall.RawConn.
type Poller struct{}

// Control does nothing.
func (Poller) Control(func(uintptr)) error { return nil }

// Write is a write of one to the eventfd.
func (Poller) Write(func(uintptr) bool) error {
	if x := running; x != nil && x.current == nil {
		x.kernel.event.edge = true
		return nil
	}
	if x := point(writing("event", running.eventObject())); x != nil {
		x.ring(x.current)
	}
	return nil
}

// Close ends every Read.
func (Poller) Close() error {
	if x := point(writing("close event", running.eventObject())); x != nil {
		x.kernel.event.closed = true
		x.ring(x.current)
	}
	return nil
}

// Read works as that of an os.File in the poller: edges from before are forgotten, then done is asked, and after each
// edge again.
func (Poller) Read(done func(uintptr) bool) error {
	x := point(writing("arm", running.eventObject()))
	if x == nil {
		return errUnwind
	}
	p := &x.kernel.event
	if p.closed {
		return errUnwind
	}
	p.edge = false
	if p.block == nil {
		p.block = newBlocker(func() bool { return p.edge || p.closed })
	}
	for !done(0) {
		o := writing("poll", x.eventObject())
		o.block = p.block
		point(o)
		x.current.known.join(&p.passed)
		if p.closed {
			return errUnwind
		}
		p.edge = false
	}
	return nil
}
