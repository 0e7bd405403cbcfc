package osproc

import (
	"sync/atomic"
	"syscall"
	"time"
)

// turn is how long this process may go on before one of its threads lets others have its CPU.
const turn = time.Millisecond

// Yielder lets other threads have a CPU of this process now and then. A process that always finds something more to do keeps its CPUs
// until the kernel's tick, 4 ms with HZ=250, and clients on the same machine wait for as long. Decision 0040.
//
// Any goroutine may use it. NewYielder makes one.
type Yielder struct {
	base time.Time
	last atomic.Int64 // nanoseconds from base to the last time that a CPU was given up
}

// NewYielder makes one whose first turn begins now.
func NewYielder() *Yielder {
	return &Yielder{base: time.Now()}
}

// Yield gives up the CPU of its caller's thread (sched_yield(2)) if nobody has done so for a millisecond; now is the time, with its
// monotonic part. It comes back at once when nobody else wants that CPU, and otherwise after somebody else's turn.
func (y *Yielder) Yield(now time.Time) bool {
	at, last := int64(now.Sub(y.base)), y.last.Load()
	if at-last < int64(turn) || !y.last.CompareAndSwap(last, at) {
		return false
	}
	// Raw: Go's scheduler need not know, and has nothing to do meanwhile that another thread could not do.
	_, _, _ = syscall.RawSyscall(syscall.SYS_SCHED_YIELD, 0, 0, 0)
	return true
}
