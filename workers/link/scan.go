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
	q.lived.resume(time.Now())
	if q.opts.Keeper != nil {
		q.opts.Keeper.Hold()
		defer q.opts.Keeper.Release()
	}
	for idle := 0; idle < scanLinger; idle++ {
		select {
		case <-q.stopped:
			return false
		case <-ticker.C:
			now := q.lived.at(time.Now()) // not the tick's time: on a busy machine that is older than some claims
			if q.InFlight() > 0 {
				q.scanOnce(now)
			}
			more := q.trim(trimsPerScan)
			peak := q.forgetPeak()
			q.tellKeeper(peak)
			if more || peak > 0 {
				idle = -1 // also when all have gone: what they left is trimmed at a later look
			}
			if q.opts.Scanned != nil {
				q.opts.Scanned()
			}
		}
	}
	q.scanning.Store(false)
	if q.usedLately() {
		q.startScan() // one came between the last look and the flag
	}
	return true
}

func (q *Queue) tellKeeper(peak int) {
	if q.opts.Keeper != nil {
		q.opts.Keeper.Load(peak)
	}
}

func (q *Queue) scanOnce(now time.Time) {
	q.fetchEvents() // a worker that was stopped before it wrote the eventfd must not hold the others up
	q.mend(now)
	unnoticed := false
	for s := range q.slots.made() {
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

// finding is what the scanner noticed about one slot and has to tell others after the slot's lock is released.
type finding struct {
	tell   func(worker int, o Overdue)
	worker int
	record Overdue
	// unnoticed: the request has waited so long that lanes may sleep although there is work.
	unnoticed bool
	// client, if not nil, sent the request that waits at position; it is to be asked whether it is gone.
	client   gateway.Client
	position uint32
}

// unnoticedAfter is how long a request waits before all lanes are woken for it, once. A lane that is about to wake
// needs far less; a client hardly notices it.
const unnoticedAfter = time.Second

// announcedFile is how long after the end of an answer its file may still arrive. The worker sent it earlier, but over
// the control socket, which is read by another goroutine.
const announcedFile = 3 * time.Second

// check looks at one slot: for news whose event was lost, and for its age. The age comes from Go's own clock, so a
// worker that writes over the memory can make a request end too early, as damaged, but never too late.
func (s *slot) check(now time.Time) (delivery, finding) {
	if s.step == stepIdle || s.isDamaged() {
		return delivery{}, finding{}
	}
	if s.workerDone {
		return s.checkDone(now), finding{}
	}
	d := s.advance()
	if s.step == stepIdle || s.isDamaged() || s.workerDone {
		return d, finding{}
	}
	lane, state, ok := s.look()
	if !ok {
		return d, finding{} // it changed since: next time
	}
	if s.orphan(lane) {
		return d.and(s.damaged(-1, "a slot is claimed by a worker that does not exist")), finding{}
	}
	if s.progressed(state == stateClaimed, now) {
		return d, finding{}
	}
	late, f := s.checkAge(lane, state, now)
	return d.and(late), f
}

// checkDone looks at an exchange that its worker has done with. It waits for its client, or for a file.
func (s *slot) checkDone(now time.Time) delivery {
	if s.step != stepWaiting {
		return delivery{}
	}
	d := s.advance()
	if !s.watch.ended {
		s.watch.ended, s.watch.since = true, now // what the application took is no part of it
	}
	if s.step != stepWaiting || now.Sub(s.watch.since) < announcedFile {
		return d
	}
	return d.and(s.damaged(s.holder, "a file was announced that never came"))
}

// orphan tells whether a claim names a process that is gone. Such a claim was made after WorkerDied had looked, which
// would have ended it otherwise. Only a few scans in a row prove it, since WorkerDied may be at work right now.
func (s *slot) orphan(lane int) bool {
	if lane < 0 || s.q.accounts[lane%s.q.mem.workers].lives.Load() {
		s.watch.orphaned = 0
		return false
	}
	s.watch.orphaned++
	return s.watch.orphaned > orphanScans
}

const orphanScans = 3

// checkAge applies the time limits.
func (s *slot) checkAge(lane int, state uint64, now time.Time) (delivery, finding) {
	o, age := &s.q.opts, now.Sub(s.watch.since)
	switch {
	case state == stateQueued && o.QueueTimeout > 0 && age >= o.QueueTimeout:
		return s.cancel(gateway.Errorf(gateway.KindQueueTimeout, "no worker was free within %s (workers.queue_timeout)", o.QueueTimeout)), finding{}
	case state == stateQueued && s.q.ring.lost(s.position):
		s.position, _ = s.q.ring.requeue(uint32(s.index), s.position, s.state)
		return delivery{}, finding{unnoticed: true}
	case state == stateQueued && age >= unnoticedAfter && now.Sub(s.watch.nudged) >= unnoticedAfter:
		s.watch.nudged = now
		return delivery{}, finding{unnoticed: true, client: s.client, position: s.position}
	case state == stateQueued:
		return delivery{}, finding{client: s.client, position: s.position}
	case state != stateClaimed:
	case o.RequestTimeout > 0 && age >= o.RequestTimeout && !s.watch.overdue:
		s.watch.overdue, s.watch.slow = true, true
		err := gateway.Errorf(gateway.KindRequestTimeout, "the application took longer than %s (workers.request_timeout)", o.RequestTimeout)
		return s.fail(err), s.finding(o.Overdue, lane, now)
	case o.Slow > 0 && age >= o.Slow && !s.watch.slow:
		s.watch.slow = true
		return delivery{}, s.finding(o.SlowRequest, lane, now)
	}
	return delivery{}, finding{}
}

// progressed tells whether the slot moved on since the last look: it was claimed, which happens once, or there is more of
// the answer. A response that waits for its client is not the application's fault and counts as progress.
func (s *slot) progressed(claimed bool, now time.Time) bool {
	produced := s.respProduced.Load()
	moved := s.watch.since.IsZero() || claimed && !s.watch.claimed ||
		s.step == stepAnswered && (produced != s.watch.produced || produced != s.consumed)
	if moved {
		s.watch.since, s.watch.claimed, s.watch.produced = now, claimed, produced
	}
	return moved
}

// abandon withdraws a request that no client waits for any more. It does nothing if a lane has claimed it, or if the
// slot holds another request by now.
func (s *slot) abandon(position uint32) {
	s.mu.Lock()
	var d delivery
	if s.step == stepWaiting && s.position == position {
		d = s.cancel(&gateway.Error{Kind: gateway.KindClientGone, Reason: "the client left while its request waited for a worker"})
	}
	s.mu.Unlock()
	d.run()
}

// cancel withdraws a request that no lane has claimed. If a lane claims it at the same moment, nothing happens.
func (s *slot) cancel(err error) delivery {
	queued := stateWord(s.position, -1, stateQueued)
	if !s.state.CompareAndSwap(queued, stateWord(s.position, -1, stateCancelled)) {
		return delivery{}
	}
	s.workerDone = true
	d := s.fail(err)
	return d.and(delivery{release: s.settle()})
}
