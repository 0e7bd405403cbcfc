package link

import (
	"sync"
	"sync/atomic"
	"time"
)

// account is what Go knows of the process that has a worker index.
type account struct {
	served atomic.Uint64 // requests that it has done
	pid    atomic.Int64
	lives  atomic.Bool // between WorkerStarting and WorkerDied

	mu    sync.Mutex // guards what follows
	busy  time.Duration
	asked int64 // when busy was true
}

// open begins the account of a new process.
func (a *account) open(now int64) {
	a.served.Store(0)
	a.pid.Store(0)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.busy, a.asked = 0, now
}

// makeRoom fits the number of places to the workers that live: Options.Waiting beside what they can hold.
func (q *Queue) makeRoom() {
	places := q.slots.count
	if q.opts.Waiting > 0 {
		lanes := 0
		for i := range q.accounts {
			if q.accounts[i].lives.Load() {
				lanes += q.mem.threads
			}
		}
		places = min(places, q.opts.Waiting+lanes)
	}
	q.freeMu.Lock()
	defer q.freeMu.Unlock()
	q.places = places
}

// Places is how many requests may be in flight or wait now.
func (q *Queue) Places() int {
	q.freeMu.Lock()
	defer q.freeMu.Unlock()
	return q.places
}

// WorkerIs notes which process has a worker index; Request.Trace.PID is filled from it. WorkerStarting forgets it.
func (q *Queue) WorkerIs(worker, pid int) { q.accounts[worker].pid.Store(int64(pid)) }

// Served is the number of requests that a worker has finished since WorkerStarting; those that it still holds do not
// count.
func (q *Queue) Served(worker int) uint64 { return q.accounts[worker].served.Load() }

// BusyTime is how long the threads of a worker have been occupied by requests since WorkerStarting, added up, the
// present ones included. A thread is occupied from the claim until it could claim again: what the application does
// after its answer, in close(), counts. It never falls until the next WorkerStarting, and between two calls it grows by at
// most the time between them for each thread. After Shutdown it stays what it was.
func (q *Queue) BusyTime(worker int) time.Duration {
	q.lookMu.Lock()
	defer q.lookMu.Unlock()
	a := &q.accounts[worker]
	a.mu.Lock()
	defer a.mu.Unlock()
	if q.unmapped {
		return a.busy
	}
	now := q.clock.now()
	most := a.busy + time.Duration(now-a.asked)*time.Duration(q.mem.threads)
	a.busy, a.asked = max(a.busy, min(q.occupied(worker, now), most)), now
	return a.busy
}

// occupied adds up what the lanes of a worker say. The lane clears the beginning before it adds, so that no moment is
// ever counted twice.
func (q *Queue) occupied(worker int, now int64) (sum time.Duration) {
	for lane := worker; lane < q.mem.workers*q.mem.threads; lane += q.mem.workers {
		record := q.mem.lane(lane)
		since := int64(q.mem.u64(record + lSince).Load())
		busy := int64(q.mem.u64(record + lBusy).Load())
		if since > 0 && since < now {
			busy += now - since
		}
		sum += time.Duration(max(busy, 0))
	}
	return sum
}
