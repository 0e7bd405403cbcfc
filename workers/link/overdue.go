package link

import "time"

// Overdue describes a request that takes the application longer than it should.
type Overdue struct {
	RequestID      uint64
	Name           string // gateway.Request.RequestID
	Method, Target string // bounded
	Age            time.Duration
	Claim          Claim
	// Thread is the number of the worker's thread that has it, from 0, and ThreadID what the interpreter calls that.
	// The worker wrote the second: good for finding a paragraph in what it wrote elsewhere, and for nothing else.
	Thread   int
	ThreadID uint64
}

// Claim names one worker's hold on one request, for as long as the queue exists.
type Claim struct {
	Worker, Lane, Slot int
	Position           uint32
}

// finding describes the exchange in a slot that a lane has claimed; the caller holds the lock.
func (s *slot) finding(tell func(int, Overdue), lane int, now time.Time) finding {
	m := s.q.mem
	worker := lane % m.workers
	return finding{tell: tell, worker: worker, record: Overdue{
		RequestID: s.id, Name: string(s.name), Method: string(s.method), Target: string(s.target), Age: now.Sub(s.watch.since),
		Claim:    Claim{Worker: worker, Lane: lane, Slot: s.index, Position: s.position},
		Thread:   lane / m.workers,
		ThreadID: m.u64(m.lane(lane) + lThread).Load(),
	}}
}

// Holds tells whether the application still works on a request: false after its answer, however late, after the death
// of its worker, and after Shutdown.
func (q *Queue) Holds(c Claim) bool {
	q.lookMu.Lock()
	defer q.lookMu.Unlock()
	return q.held(c)
}

func (q *Queue) held(c Claim) bool {
	if q.unmapped {
		return false
	}
	s := q.slots.at(c.Slot)
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.step != stepIdle && !s.workerDone && s.state.Load() == stateWord(c.Position, c.Lane, stateClaimed)
}

// Interrupt asks the worker to raise an exception in the thread that works on a request. It gives false, and asks
// nothing, when the request is over. It does not wait for the exception. The worker compares the claim with what the
// thread holds at that moment, so no other request is hit. A worker interrupts its first thread only when its process
// gets the signal for that, which the caller sends; all others at once. Asking again changes nothing.
func (q *Queue) Interrupt(c Claim) (held bool) {
	q.lookMu.Lock()
	defer q.lookMu.Unlock()
	if !q.held(c) {
		return false
	}
	m := q.mem
	m.u64(m.lane(c.Lane) + lInterrupt).Store(uint64(c.Position)<<32 | uint64(c.Slot+1))
	word := m.u32(m.worker(c.Worker) + wInterrupts)
	word.Add(1)
	futexWake(word)
	return true
}
