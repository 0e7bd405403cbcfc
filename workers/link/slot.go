package link

import (
	"os"
	"sync"
	"sync/atomic"
	"time"

	"penknife/gateway"
)

// step is how far the exchange in a slot is, seen from the front end.
type step uint8

const (
	stepIdle     step = iota + 1 // free
	stepWaiting                  // submitted, no answer yet
	stepAnswered                 // the head was delivered; the front end holds the body
	stepFailed                   // the error was, or is being, delivered
)

var stepNames = [...]string{stepIdle: "idle", stepWaiting: "waiting", stepAnswered: "answered", stepFailed: "failed"}

// String is the name used in logs.
func (s step) String() string { return stepNames[s] }

// shared is the slot's part of the memory: control words and areas. Only the words of Go's cache line are written
// here, and the state when the slot is not claimed.
type shared struct {
	state, claimedAt, doneAt                 *atomic.Uint64
	goSeq, abort, varsLen, aloneWord         *atomic.Uint32
	bodyLen, reqProduced, respConsumed       *atomic.Uint64
	requestID, bodyAt                        *atomic.Uint64
	waiting, phase, flags, status            *atomic.Uint32
	reasonLen, headLen                       *atomic.Uint32
	respLen, respProduced, reqConsumed       *atomic.Uint64
	fileOffset                               *atomic.Uint64
	varsArea, window, headArea, responseArea []byte
}

func newShared(m *memory, index int) shared {
	base := m.offSlots + index*slotSize
	u32 := func(offset int) *atomic.Uint32 { return m.u32(base + offset) }
	u64 := func(offset int) *atomic.Uint64 { return m.u64(base + offset) }
	s := shared{
		state: u64(sState), claimedAt: u64(sClaimedAt), doneAt: u64(sDoneAt), goSeq: u32(sGoSeq), abort: u32(sAbort), varsLen: u32(sVarsLen),
		aloneWord: u32(sAlone),
		bodyLen:   u64(sBodyLen), reqProduced: u64(sReqProduced), respConsumed: u64(sRespConsumed),
		requestID: u64(sRequestID), bodyAt: u64(sBodyAt), waiting: u32(sWaiting), phase: u32(sPhase), flags: u32(sFlags),
		status: u32(sStatus), reasonLen: u32(sReasonLen), headLen: u32(sHeadLen), respLen: u64(sRespLen),
		respProduced: u64(sRespProduced), reqConsumed: u64(sReqConsumed), fileOffset: u64(sFileOffset),
	}
	s.varsArea, s.window, s.headArea, s.responseArea = m.area(index)
	return s
}

// slot is one request in flight: the shared part and what Go alone knows about it.
//
// The slot goes back to the free stack when the worker no longer touches it (done, dead, or never claimed), the
// front end no longer reads it, and no refill runs.
type slot struct {
	shared
	q     *Queue
	index int
	wake  chan struct{} // capacity 1: something changed for the goroutine in Serve or Read

	mu        sync.Mutex // guards everything below
	step      step
	position  uint32 // of the current submission in the ring
	err       error
	later     func(*gateway.Response, error)
	client    gateway.Client
	trace     *gateway.Trace // of the request, until nothing can be added
	submitted int64
	spool     Spool
	sent      int64  // of the spool, put into the window
	before    int    // the lane that had the exchange before this one; a lone client gets the same slot again
	holder    int    // the lane that has claimed it as far as is known, -1: none; never changes back
	consumed  uint64 // of the response window
	response  gateway.Response
	body      body
	headCopy  []byte
	file      *os.File
	refilling bool

	workerDone, frontDone bool
	forsaken              bool         // its worker was killed and does not go
	suspect               int          // worker index + 1 that damaged the slot's words; its death settles the slot
	suspects              map[int]bool // who may have damaged them and still lives; nil when the slot is not damaged by somebody unknown

	alone bool // no other request was in flight lately
	large bool // since the last trim it carried much; guarded by being in use, or in the free stack by its lock

	id                           uint64
	name, method, target, remote []byte // for Running and Overdue, bounded; name is gateway.Request.RequestID
	watch                        watch
}

// watch is what the scanner remembers about a slot.
type watch struct {
	since    time.Time // of the state below; zero: not seen yet
	claimed  bool
	ended    bool // the worker has done with it, and that is the state
	produced uint64
	slow     bool // said once
	overdue  bool
	nudged   time.Time // when lanes were last woken for it
	orphaned int       // scans in a row that found no process for its claim
}

const (
	maxTargetCopy = 1024
	maxRemoteCopy = 64
)

// load puts the request into the slot's area. The slot is idle: taken from the free stack, not visible to workers.
func (s *slot) load(req *gateway.Request, spool Spool) error {
	if len(req.Vars) > len(s.varsArea) {
		return gateway.PublicErrorf(gateway.KindHeadTooLarge,
			"the request's variables take %d bytes, the limit is %d", len(req.Vars), len(s.varsArea))
	}
	copy(s.varsArea, req.Vars)
	s.varsLen.Store(uint32(len(req.Vars)))
	s.requestID.Store(req.ID)
	alone := uint32(0)
	if s.alone {
		alone = 1
	}
	s.aloneWord.Store(alone)
	if err := s.loadBody(spool); err != nil {
		return err
	}
	s.clearWords()

	s.later, s.client, s.trace, s.spool, s.err, s.file = req.Later, req.Client, &req.Trace, spool, nil, nil
	s.submitted = s.q.clock.now()
	s.workerDone, s.frontDone, s.refilling, s.suspect, s.suspects = false, false, false, 0, nil
	s.before, s.holder, s.consumed = s.holder, -1, 0
	s.id = req.ID
	s.method = append(s.method[:0], req.Method[:min(len(req.Method), maxTargetCopy)]...)
	s.target = append(s.target[:0], req.Target[:min(len(req.Target), maxTargetCopy)]...)
	s.remote = append(s.remote[:0], req.RemoteAddr[:min(len(req.RemoteAddr), maxRemoteCopy)]...)
	s.watch = watch{}
	return nil
}

// loadBody tells where the body lies, or puts its beginning into the window. spool may be nil.
func (s *slot) loadBody(spool Spool) error {
	size, at := int64(0), uint64(0)
	s.sent = 0
	if spool != nil {
		size = spool.Size()
		if offset, ok := spool.Shared(); ok {
			s.sent, at = size, uint64(offset)+1
		} else {
			first := s.window[:min(int64(len(s.window)), size)]
			if _, err := readFullAt(spool, first, 0); err != nil {
				return &gateway.Error{Kind: gateway.KindInternal, Reason: "read back the spooled request body", Err: err}
			}
			s.sent = int64(len(first))
		}
	}
	s.bodyLen.Store(uint64(size))
	s.bodyAt.Store(at)
	s.reqProduced.Store(uint64(s.sent))
	return nil
}

// clearWords resets what the last exchange left. They are plain for the worker until it claims.
func (s *slot) clearWords() {
	s.claimedAt.Store(0)
	s.doneAt.Store(0)
	s.abort.Store(0)
	s.respConsumed.Store(0)
	s.waiting.Store(0)
	s.phase.Store(phaseNone)
	s.flags.Store(0)
	s.headLen.Store(0)
	s.respProduced.Store(0)
	s.reqConsumed.Store(0)
}

// delivery is what to do after the slot's lock was released.
type delivery struct {
	later    func(*gateway.Response, error)
	response *gateway.Response
	err      error
	release  Spool
}

// and joins two deliveries into one; where both have something, that of the later step counts.
func (d delivery) and(next delivery) delivery {
	if next.later == nil {
		next.later, next.response, next.err = d.later, d.response, d.err
	}
	if next.release == nil {
		next.release = d.release
	}
	return next
}

func (d delivery) run() {
	if d.release != nil {
		d.release.Release()
	}
	if d.later != nil {
		d.later(d.response, d.err)
	}
}

// answered hands the head to the goroutine in Serve, or to Request.Later. The slot's lock is held; the caller runs the
// delivery after releasing it.
func (s *slot) answered() delivery {
	s.step = stepAnswered
	s.note()
	if s.later != nil {
		return delivery{later: s.later, response: &s.response}
	}
	s.signal()
	return delivery{}
}

// fail ends the exchange for the front end: with an error instead of a head, or with a cut body.
func (s *slot) fail(err error) delivery {
	switch s.step {
	case stepWaiting:
		s.step, s.err = stepFailed, err
		s.note()
		s.trace = nil
		s.tellWorker(1)
		if s.later == nil {
			s.signal() // Serve picks up the error and lets go of the slot
			return delivery{}
		}
		s.frontDone = true
		d := delivery{later: s.later, err: err} // before settle, which forgets it
		d.release = s.settle()
		return d
	case stepAnswered:
		if s.err == nil {
			s.err = err
		}
		s.tellWorker(1)
		s.signal()
	}
	return delivery{}
}

// settle frees the slot when nobody needs it any more, and gives the spool that must then be released.
func (s *slot) settle() Spool {
	if !s.workerDone || !s.frontDone || s.refilling || s.step == stepIdle {
		return nil
	}
	s.noteUse()
	spool := s.spool
	if s.file != nil {
		s.file.Close()
	}
	s.spool, s.file, s.later, s.client, s.trace = nil, nil, nil, nil, nil
	s.step = stepIdle
	s.state.Store(stateWord(s.position, -1, stateFree))
	s.remember()
	s.q.putFree(s)
	return spool
}

func (s *slot) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// tellWorker lets a thread that waits for this slot look again; with abort 1 it learns that nobody wants the answer.
func (s *slot) tellWorker(abort uint32) {
	if s.workerDone {
		return
	}
	if abort != 0 {
		s.abort.Store(abort)
	}
	s.goSeq.Add(1)
	if s.waiting.Load() != 0 {
		futexWakeAll(s.goSeq)
	}
}
