//go:build cgo

package interleave

import (
	"reflect"
	"time"
	"unsafe"
)

// channel is what the explorer knows of a channel.
type channel struct {
	closed bool
	passed vector
	block  *blocker
}

func (x *Execution) channel(c reflect.Value) *channel {
	at := c.Pointer()
	known, ok := x.channels[at]
	if !ok {
		known = &channel{}
		known.block = newBlocker(func() bool { return known.closed || c.Len() > 0 })
		x.channels[at] = known
	}
	return known
}

// Recv is <-c.
func Recv[T any](c chan T) T {
	v := reflect.ValueOf(c)
	if x := running; x != nil && x.current != nil && !x.current.unwinding {
		state := x.channel(v)
		o := writing("receive", v.Pointer())
		o.block = state.block
		point(o)
		x.current.known.join(&state.passed)
	}
	return <-c
}

// TrySend is the select statement that sends or does nothing.
func TrySend[T any](c chan T, value T) {
	v := reflect.ValueOf(c)
	if x := point(writing("send", v.Pointer())); x != nil && v.Len() < v.Cap() {
		state := x.channel(v)
		if v.Len() == 0 {
			state.block.enabler = len(x.events) - 1
		}
		state.passed.join(&x.current.known)
	}
	select {
	case c <- value:
	default:
	}
}

// Close is close(c).
func Close[T any](c chan T) {
	v := reflect.ValueOf(c)
	if x := point(writing("close", v.Pointer())); x != nil {
		state := x.channel(v)
		state.closed = true
		state.passed.join(&x.current.known)
		if v.Len() == 0 {
			state.block.enabler = len(x.events) - 1
		}
	}
	close(c)
}

// Either is a select statement of two channels that only receives: it tells whether it was the first. When both are
// ready it is.
func Either[A, B any](a chan A, b chan B) bool {
	x := running
	if x == nil || x.current == nil || x.current.unwinding {
		return true
	}
	va, vb := reflect.ValueOf(a), reflect.ValueOf(b)
	sa, sb := x.channel(va), x.channel(vb)
	o := op{what: "select", accesses: [3]access{{va.Pointer(), true}, {vb.Pointer(), true}}}
	o.block = newBlocker(func() bool { return sa.block.ready() || sb.block.ready() })
	point(o)
	x.current.known.join(&sa.passed)
	x.current.known.join(&sb.passed)
	if sa.block.ready() {
		<-a
		return true
	}
	<-b
	return false
}

// Tick waits for the next look of a scanner, or for the end: false. A scenario says how many looks there are.
func Tick(stopped chan struct{}) bool {
	x := running
	if x == nil || x.current == nil || x.current.unwinding {
		return false
	}
	v := reflect.ValueOf(stopped)
	state := x.channel(v)
	o := op{what: "tick", accesses: [3]access{{v.Pointer(), false}, {uintptr(unsafe.Pointer(&x.world)), false}}}
	o.block = newBlocker(func() bool { return state.closed || x.world.ticks > 0 })
	point(o)
	if state.closed {
		return false
	}
	x.world.ticks--
	x.world.now = x.world.now.Add(x.world.tick)
	return true
}

// world is what a scenario says about time.
type world struct {
	ticks int
	tick  time.Duration
	now   time.Time
}

// Ticks lets a scanner look n times, each an interval after the one before.
func (x *Execution) Ticks(n int, interval time.Duration) { x.world.ticks, x.world.tick = n, interval }

// Now is time.Now. Each look takes a millisecond, so that a loop which waits for a moment ends.
func Now() time.Time {
	x := running
	if x == nil {
		return time.Time{}
	}
	x.world.now = x.world.now.Add(time.Millisecond)
	return x.world.now
}

// Since is time.Since.
func Since(t time.Time) time.Duration { return Now().Sub(t) }
