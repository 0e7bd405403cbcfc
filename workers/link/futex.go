package link

import (
	"math"
	"sync/atomic"
	"syscall"
	"unsafe"
)

const futexWakeOp = 1 // FUTEX_WAKE without FUTEX_PRIVATE_FLAG: the waiter is another process

// futexWake wakes one waiter on a shared word. It never blocks, so it goes around the scheduler's bookkeeping.
func futexWake(word *atomic.Uint32) { futexWakeN(word, 1) }

// futexWakeAll wakes every waiter on a shared word.
func futexWakeAll(word *atomic.Uint32) { futexWakeN(word, math.MaxInt32) }

func futexWakeN(word *atomic.Uint32, n uintptr) {
	syscall.RawSyscall6(syscall.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWakeOp, n, 0, 0, 0)
}
