package link

import (
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// Keeper occupies one of Go's processors (GOMAXPROCS) with a thread that sleeps in the kernel, for as long as there
// is work. One serves all queues of a process.
//
// Under load this process sleeps and wakes some ten thousand times a second. Each time its last processor goes idle
// and comes back, the Go runtime also puts its monitor thread to sleep and wakes it, and wakes a further thread to
// look for work that is not there: on a machine where waking a thread costs as much as a request, that was more than
// half of penknife's own CPU time (docs/decisions/0008-keeper.md has the figures). A processor that never becomes
// idle keeps the monitor in its slow rhythm, and on two CPUs leaves exactly one for the real work.
type Keeper struct {
	mu      sync.Mutex // guards held
	held    int
	running sync.WaitGroup
	wanted  atomic.Bool
}

// keeperNap is shorter than the 10 ms after which the runtime would preempt the thread with a signal.
const keeperNap = 5 * time.Millisecond

// Hold starts the keeping; calls are counted. It does nothing where Go has a single processor.
func (k *Keeper) Hold() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.held++; k.held > 1 || runtime.GOMAXPROCS(0) < 2 {
		return
	}
	k.running.Wait() // for the one before to see that it is not wanted; at most a nap
	k.wanted.Store(true)
	k.running.Go(k.keep) // ends after the last Release
}

// Release ends what Hold began. The thread is gone within a nap.
func (k *Keeper) Release() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.held--; k.held == 0 {
		k.wanted.Store(false)
	}
}

// Wait blocks until the thread is gone. Call it when nothing holds any more.
func (k *Keeper) Wait() { k.running.Wait() }

func (k *Keeper) keep() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for k.nap() {
	}
}

// nap sleeps once, with the processor, and tells whether to go on. It must stay a call of its own that calls others:
// its prologue is the only place where the runtime can stop the goroutine for a garbage collection (whose signal ends
// the sleep early), and leaf functions have none.
//
//go:noinline
func (k *Keeper) nap() bool {
	nap := syscall.NsecToTimespec(int64(keeperNap))
	// Raw: an ordinary system call would give the processor away.
	syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&nap)), 0, 0)
	return k.wanted.Load()
}
