package link

import (
	"fmt"
	"os"

	"penknife/gateway"
)

// advance looks at what the worker did to the slot. It runs for every event and whenever something else may have
// changed the picture; it must be called with the lock held.
func (s *slot) advance() delivery {
	if s.step == stepIdle || s.isDamaged() {
		return delivery{}
	}
	lane, state, ok := s.look()
	if !ok {
		return s.damaged(-1, "the state word of a slot in use was overwritten")
	}
	if state == stateDone && !s.workerDone {
		s.workerDone = true
		s.q.count(lane)
	}
	var d delivery
	switch s.step {
	case stepWaiting:
		d = s.advanceWaiting()
	case stepAnswered:
		s.signal()
	}
	if s.spool != nil && s.sent < s.spool.Size() && !s.workerDone && !s.refilling {
		s.refilling = true
		go s.refill() // ends when the window is full or the body is sent
	}
	return d.and(delivery{release: s.settle()})
}

// count adds a request to those that a lane's worker has done. The lane was read from the memory.
func (q *Queue) count(lane int) {
	if lane >= 0 && lane < q.mem.workers*q.mem.threads {
		q.accounts[lane%q.mem.workers].served.Add(1)
	}
}

// look reads the state word of a slot in use, and tells whether it can be right: what a lane has once claimed is never
// anybody else's, nor does it wait again.
func (s *slot) look() (lane int, state uint64, ok bool) {
	position, lane, state := splitState(s.state.Load())
	switch {
	case position != s.position:
	case state == stateQueued:
		ok = lane < 0 && s.holder < 0
	case state == stateClaimed || state == stateDone:
		ok = lane >= 0 && lane < s.q.mem.workers*s.q.mem.threads && (s.holder < 0 || s.holder == lane)
	case state == stateCancelled:
		ok = lane < 0 && s.workerDone // only Go cancels, and notes that
	}
	if ok && lane >= 0 {
		s.holder = lane
	}
	return lane, state, ok
}

func (s *slot) advanceWaiting() delivery {
	switch s.phase.Load() {
	case phaseHead:
		if s.flags.Load()&flagFile != 0 && s.file == nil {
			return delivery{} // the descriptor is on its way through the control socket
		}
		if err := s.takeHead(); err != nil {
			return s.damaged(s.holder, err.Error())
		}
		return s.answered()
	case phaseError:
		return s.fail(gateway.Errorf(gateway.KindApp, "the application raised an exception; see the log"))
	}
	if s.workerDone {
		return s.damaged(s.holder, "a slot was done without an answer")
	}
	return delivery{}
}

// damaged ends an exchange whose memory cannot be believed. The worker of the lane that has it is reported, and its death
// settles the slot. When the lane is unknown (-1), or its process is gone, anybody may have done it: all are reported, and
// the slot comes back with the death of the last who may still write to it.
func (s *slot) damaged(lane int, reason string) delivery {
	if s.isDamaged() {
		return delivery{}
	}
	worker := -1
	if lane >= 0 && s.q.accounts[lane%s.q.mem.workers].lives.Load() {
		worker = lane % s.q.mem.workers
	}
	s.suspect, s.workerDone = worker+1, false
	if worker < 0 {
		s.suspects = s.q.living()
		s.workerDone = len(s.suspects) == 0
	}
	if s.q.opts.Hostile != nil {
		s.q.opts.Hostile(worker, reason)
	}
	return s.fail(gateway.Errorf(gateway.KindWorkerDied, "the worker damaged the queue: %s", reason))
}

// isDamaged tells whether the slot's words are not to be believed any more.
func (s *slot) isDamaged() bool { return s.suspect != 0 || s.suspects != nil }

// takeHead copies the head out of shared memory, checks it and builds the response.
func (s *slot) takeHead() error {
	status, flags := int(s.status.Load()), s.flags.Load()
	reasonLen, headLen := int(s.reasonLen.Load()), int(s.headLen.Load())
	length := int64(s.respLen.Load())
	if status < 200 || status > 999 || length < -1 || headLen > len(s.headArea) || reasonLen > headLen {
		return fmt.Errorf("impossible response head: status %d, length %d, %d of %d bytes reason",
			status, length, reasonLen, headLen)
	}
	s.headCopy = append(s.headCopy[:0], s.headArea[:headLen]...)
	reason, fields := s.headCopy[:reasonLen:reasonLen], s.headCopy[reasonLen:]
	if err := checkFields(reason, fields, length); err != nil {
		return err
	}
	s.response = gateway.Response{Status: status, Reason: reason, Fields: fields, Length: length, Body: &s.body}
	if flags&flagFile != 0 {
		s.response.File, s.response.Offset = s.file, int64(s.fileOffset.Load())
		if s.response.Offset < 0 || length < 0 {
			return fmt.Errorf("impossible file response: offset %d, length %d", s.response.Offset, length)
		}
		return nil
	}
	if s.workerDone && flags&flagCut == 0 {
		produced := s.respProduced.Load()
		if produced > uint64(len(s.responseArea)) || s.consumed != 0 {
			return nil // went round the window: the reader takes it piece by piece
		}
		s.response.Whole = s.responseArea[:produced:produced]
	}
	return nil
}

// receiveFile takes the descriptor that belongs to the current exchange.
func (s *slot) receiveFile(position uint32, f *os.File) delivery {
	if s.step != stepWaiting || s.position != position || s.file != nil {
		f.Close() // late: the exchange has ended
		return delivery{}
	}
	s.file = f
	return s.advance()
}

// loseFile ends the current exchange if it waits for the descriptor.
func (s *slot) loseFile(position uint32) delivery {
	if s.step != stepWaiting || s.position != position || s.file != nil {
		return delivery{}
	}
	return s.fail(gateway.Errorf(gateway.KindOverloaded, "no file descriptor is left for the file of the answer"))
}
