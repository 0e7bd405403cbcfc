package workers

import (
	"syscall"
	"time"

	"penknife/gateway"
	"penknife/workers/link"
)

// launcher is what the supervisor may do to the world. Its methods return at once; what comes of them arrives as
// events. Only the supervisor's goroutine calls them.
type launcher interface {
	// startZygote starts an interpreter; zygoteReady, zygoteRefused and zygoteExited with this number follow.
	startZygote(number uint64) (pid int, err error)
	// stopZygote asks the present zygote to leave; kill ends it. zygoteExited follows. Without one they do nothing.
	stopZygote()
	killZygote()
	// spawn orders a worker from the zygote; spawned or notSpawned follows, unless the zygote dies first. strict lets a
	// warm-up request that fails end it.
	spawn(birth uint64, index int, strict bool) (workerHandle, error)
}

// workerHandle is one worker, from the order on. The supervisor calls either adopt or abandon.
type workerHandle interface {
	// adopt begins to watch the process; workerReady, workerFailed and workerExited follow.
	adopt(pid int) error
	// abandon lets go of a worker that never came to be. If its process exists after all, it dies of it.
	abandon()
	// signal reaches the process itself, kill every process of its group.
	signal(number syscall.Signal)
	// stacks has the process write the stacks of all its threads, and calls tell with them from any goroutine, possibly
	// at once; with "" when it does not within a second or so.
	stacks(tell func(dump string))
	kill()
	// memory is the resident memory that is its own, in bytes; 0 when nobody can tell.
	memory() int64
	// cpuTime is the processor time that the process has used, its children not counted; 0 when nobody can tell.
	cpuTime() time.Duration
}

// lanes is what the supervisor tells the queue, and asks it.
type lanes interface {
	WorkerStarting(worker int)
	WorkerIs(worker, pid int)
	StopWorker(worker int)
	WorkerDied(worker int, cause string) (lost int)
	Forsake(worker int, cause string) (lost int)
	Busy(worker int) int
	Served(worker int) uint64
	Census(held []int) (waiting int)
	Holds(link.Claim) bool
	Interrupt(link.Claim) bool
	Refuse(err *gateway.Error)
}
