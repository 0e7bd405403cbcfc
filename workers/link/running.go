package link

import (
	"bytes"
	"time"
)

// Progress is how far a request is.
type Progress uint8

// How far a request can be.
const (
	Waiting   Progress = iota + 1 // for a worker
	Working                       // in the application
	Sending                       // its client takes what the application has given; the application may go on
	Abandoned                     // in the application, but nobody waits for the answer any more: it was too late, or the client left
)

var progressNames = [...]string{Waiting: "waiting", Working: "running", Sending: "sending", Abandoned: "abandoned"}

// String is the name used on the status page.
func (p Progress) String() string {
	if p == 0 || int(p) >= len(progressNames) {
		return "unknown"
	}
	return progressNames[p]
}

// Running is one request in flight.
type Running struct {
	ID     uint64
	Name   string // gateway.Request.RequestID
	State  Progress
	Worker int // index, -1 while it waits
	Thread int // of the worker, from 0; -1 while it waits
	// Method, Path and RemoteAddr are bounded copies. Path is the target without its query: queries carry tokens,
	// and this is shown to people who have no business with them.
	Method, Path, RemoteAddr string
	Age                      time.Duration // since it was put into the queue
	App                      time.Duration // since a worker took it, 0 before
}

// Running lists the requests in flight, those that wait included, in no order. It looks at every slot, so it is for
// people and not for every request. After Shutdown there is none.
func (q *Queue) Running() []Running {
	q.lookMu.Lock()
	defer q.lookMu.Unlock()
	if q.unmapped || q.InFlight() == 0 {
		return nil
	}
	now := q.clock.now()
	var all []Running
	for s := range q.slots.made() {
		s.mu.Lock()
		if s.step != stepIdle && !(s.step == stepFailed && s.workerDone) {
			all = append(all, s.running(now))
		}
		s.mu.Unlock()
	}
	return all
}

// running describes the exchange in the slot; the caller holds the lock.
func (s *slot) running(now int64) Running {
	path, _, _ := bytes.Cut(s.target, []byte{'?'})
	r := Running{
		ID: s.id, Name: string(s.name), State: Waiting, Worker: -1, Thread: -1, Method: string(s.method), Path: string(path),
		RemoteAddr: string(s.remote), Age: time.Duration(max(now-s.submitted, 0)),
	}
	_, lane, _ := splitState(s.state.Load())
	if lane < 0 || lane >= s.q.mem.workers*s.q.mem.threads {
		return r
	}
	claimed := int64(s.claimedAt.Load())
	if claimed == 0 { // the lane is between the claim and the stamp, or lies
		claimed = now
	}
	r.Worker, r.Thread = lane%s.q.mem.workers, lane/s.q.mem.workers
	r.State, r.App = Working, time.Duration(now-between(s.submitted, claimed, now))
	switch {
	case s.step == stepFailed || s.frontDone:
		r.State = Abandoned
	case s.step == stepAnswered && (s.workerDone || s.respProduced.Load() != s.consumed):
		r.State = Sending
	}
	return r
}
