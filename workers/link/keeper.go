package link

import (
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// Keeper occupies some of Go's processors (GOMAXPROCS), each with a thread that sleeps in the kernel, for as long as
// there is work. One serves all queues of a process.
//
// Under load this process sleeps and wakes some ten thousand times a second. Each time its last processor goes idle
// and comes back, the Go runtime also puts its monitor thread to sleep and wakes it, and wakes a further thread to
// look for work that is not there: on a machine where waking a thread costs as much as a request, that was more than
// half of penknife's own CPU time (docs/decisions/0008-keeper.md has the figures). A processor that never becomes
// idle keeps the monitor in its slow rhythm. A second one is kept while few requests are in flight: on two CPUs, with
// three processors, exactly one is left then for the real work, which answers fastest; a crowd is served by two.
type Keeper struct {
	mu     sync.Mutex // guards held, and who starts and stops the occupiers
	held   int
	always occupier
	calm   occupier // gone while there is a crowd
}

// keeperNap is shorter than the 10 ms after which the runtime would preempt the thread with a signal.
const keeperNap = 5 * time.Millisecond

// crowd is from how many requests in flight at once a second processor pays: with eight clients that send one request
// after the other the second one cost 6 % of the requests, with twelve it brought as much.
const crowd = 9

// Hold starts the keeping; calls are counted. At least one of Go's processors is left alone.
func (k *Keeper) Hold() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.held++; k.held > 1 {
		return
	}
	if runtime.GOMAXPROCS(0) >= 2 {
		k.always.start()
	}
	k.settle(0)
}

// Load tells the keeper the highest number of requests that were in flight at once since the last call; it decides
// whether a second processor is kept. Call it now and then between Hold and Release; otherwise it does nothing.
func (k *Keeper) Load(peak int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.held > 0 {
		k.settle(peak)
	}
}

// settle decides about the second processor. The caller holds mu.
func (k *Keeper) settle(peak int) {
	switch {
	case peak >= crowd:
		k.calm.stop()
	case runtime.GOMAXPROCS(0) >= 3:
		k.calm.start()
	}
}

// Release ends what Hold began. The threads are gone within a nap.
func (k *Keeper) Release() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.held--; k.held == 0 {
		k.always.stop()
		k.calm.stop()
	}
}

// Wait blocks until the threads are gone. Call it when nothing holds any more.
func (k *Keeper) Wait() {
	k.always.running.Wait()
	k.calm.running.Wait()
}

// occupier is one thread that keeps a processor. start and stop are called under the Keeper's lock.
type occupier struct {
	wanted  atomic.Bool
	running sync.WaitGroup
}

func (o *occupier) start() {
	if o.wanted.Load() {
		return
	}
	o.running.Wait() // for the one before to see that it is not wanted; at most a nap
	o.wanted.Store(true)
	o.running.Go(o.keep) // ends after stop
}

func (o *occupier) stop() { o.wanted.Store(false) }

func (o *occupier) keep() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for o.nap() {
	}
}

// nap sleeps once, with the processor, and tells whether to go on. It must stay a call of its own that calls others:
// its prologue is the only place where the runtime can stop the goroutine for a garbage collection (whose signal ends
// the sleep early), and leaf functions have none.
//
//go:noinline
func (o *occupier) nap() bool {
	nap := syscall.NsecToTimespec(int64(keeperNap))
	// Raw: an ordinary system call would give the processor away.
	syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&nap)), 0, 0)
	return o.wanted.Load()
}
