package link

import (
	"time"

	"penknife/gateway"
)

// startScan wakes the scanner: there is something to watch.
func (q *Queue) startScan() {
	if q.scanning.CompareAndSwap(false, true) {
		select {
		case q.scanKick <- struct{}{}:
		default:
		}
	}
}

// scan enforces the time limits by looking at every slot now and then, so that a request needs no timer and an idle
// server no wake-ups. Limits are exact to one interval.
func (q *Queue) scan() {
	for {
		select {
		case <-q.stopped:
			return
		case <-q.scanKick:
		}
		if !q.scanWhileBusy() {
			return
		}
	}
}

// scanWhileBusy gives false when the queue is shut down.
func (q *Queue) scanWhileBusy() bool {
	ticker := time.NewTicker(scanInterval)
	defer ticker.Stop()
	if q.opts.Keeper != nil {
		q.opts.Keeper.Hold()
		defer q.opts.Keeper.Release()
	}
	for idle := 0; idle < scanLinger; idle++ {
		select {
		case <-q.stopped:
			return false
		case <-ticker.C:
			if q.InFlight() > 0 {
				idle = -1
				q.scanOnce(time.Now()) // not the tick's time: on a busy machine that is older than some claims
			}
			if q.trim(trimsPerScan) {
				idle = -1
			}
			q.forgetPeak()
			if q.opts.Scanned != nil {
				q.opts.Scanned()
			}
		}
	}
	q.scanning.Store(false)
	if q.InFlight() > 0 {
		q.startScan() // one came between the last look and the flag
	}
	return true
}

func (q *Queue) scanOnce(now time.Time) {
	if q.events.any() {
		q.events.kick() // a worker that was stopped before it wrote the eventfd must not hold the others up
	}
	if q.ring.mend() {
		q.opts.Log.Error("a worker has written over the queue's ring; it was mended")
	}
	unnoticed := false
	for i := range q.slots {
		s := &q.slots[i]
		s.mu.Lock()
		d, f := s.check(now)
		s.mu.Unlock()
		d.run()
		unnoticed = unnoticed || f.unnoticed
		if f.tell != nil {
			f.tell(f.worker, f.record)
		}
		if f.client != nil && f.client.Gone() {
			s.abandon(f.position)
		}
	}
	if unnoticed {
		q.ring.wakeAll() // the word by which lanes announce that they sleep may have been overwritten
	}
}

// finding is what the scanner has to tell about a slot, to whoever wants to know.
type finding struct {
	tell   func(worker int, o Overdue)
	worker int
	record Overdue
	// unnoticed: the request has waited so long that lanes may sleep although there is work.
	unnoticed bool
	// client has sent the request that waits at position.
	client   gateway.Client
	position uint32
}

// unnoticedAfter is when lanes are woken once for a request that waits. It is long for a lane that only has to wake, and
// short for whoever waits.
const unnoticedAfter = time.Second

// announcedFile is how long after the end of an answer its file may come: it was sent before, by another way.
const announcedFile = 3 * time.Second

// check looks at one slot's age.
func (s *slot) check(now time.Time) (delivery, finding) {
	if s.step == stepIdle || s.workerDone && s.step != stepWaiting || s.suspects != nil {
		return delivery{}, finding{}
	}
	_, lane, state := splitState(s.state.Load())
	if s.progressed(state, now) {
		return delivery{}, finding{}
	}
	age := now.Sub(s.watch.since)
	if s.workerDone {
		if age < announcedFile {
			return delivery{}, finding{}
		}
		return s.damaged(lane, "a file was announced that never came"), finding{}
	}
	o := &s.q.opts
	if state != stateQueued && state != stateClaimed {
		return s.advance(), finding{} // it is done and its event was lost, or it was overwritten
	}
	claimed := state == stateClaimed && lane >= 0 && lane < s.q.mem.workers*s.q.mem.threads
	switch {
	case state == stateQueued && o.QueueTimeout > 0 && age >= o.QueueTimeout:
		return s.cancel(gateway.Errorf(gateway.KindQueueTimeout, "no worker was free within %s (workers.queue_timeout)", o.QueueTimeout)), finding{}
	case state == stateQueued && age >= unnoticedAfter && !s.watch.nudged:
		s.watch.nudged = true
		return delivery{}, finding{unnoticed: true, client: s.client, position: s.position}
	case state == stateQueued:
		return delivery{}, finding{client: s.client, position: s.position}
	case claimed && o.RequestTimeout > 0 && age >= o.RequestTimeout && !s.watch.overdue:
		s.watch.overdue, s.watch.slow = true, true
		err := gateway.Errorf(gateway.KindRequestTimeout, "the application took longer than %s (workers.request_timeout)", o.RequestTimeout)
		return s.fail(err), s.finding(o.Overdue, lane, now)
	case claimed && o.Slow > 0 && age >= o.Slow && !s.watch.slow:
		s.watch.slow = true
		return delivery{}, s.finding(o.SlowRequest, lane, now)
	}
	return delivery{}, finding{}
}

// progressed tells whether the slot moved on since the last look. A response that waits for its client is not the
// application's fault and counts as progress.
func (s *slot) progressed(state uint64, now time.Time) bool {
	produced, claimed := s.respProduced.Load(), state == stateClaimed
	clientIsSlow := s.step == stepAnswered && produced != s.respConsumed.Load()
	if !s.watch.since.IsZero() && claimed == s.watch.claimed && produced == s.watch.produced && !clientIsSlow {
		return false
	}
	s.watch.since, s.watch.claimed, s.watch.produced = now, claimed, produced
	return true
}

// abandon takes a request back that nobody waits for any more, unless a lane has it or its slot has another by now.
func (s *slot) abandon(position uint32) {
	s.mu.Lock()
	var d delivery
	if s.step == stepWaiting && s.position == position {
		d = s.cancel(&gateway.Error{Kind: gateway.KindClientGone, Reason: "the client left while its request waited for a worker"})
	}
	s.mu.Unlock()
	d.run()
}

// cancel takes a request back that no lane has claimed; if one just did, nothing happens.
func (s *slot) cancel(err error) delivery {
	queued := stateWord(s.position, -1, stateQueued)
	if !s.state.CompareAndSwap(queued, stateWord(s.position, -1, stateCancelled)) {
		return delivery{}
	}
	s.workerDone = true
	d := s.fail(err)
	return d.and(delivery{release: s.settle()})
}
