package uwsgistats

import (
	"sync/atomic"
	"time"

	"penknife/gateway"
)

// maxWorkers is how many workers are told apart; penknife has fewer.
const maxWorkers = 4096

// Tally counts what uWSGI counts for each worker slot, over all processes that were in it. Add is called for every request.
type Tally struct {
	slots   []slot
	refused atomic.Uint64 // for want of a place in the queue
}

type slot struct {
	requests, sent, exceptions, late, respawns atomic.Uint64
	running, average                           atomic.Int64 // microseconds
	pid                                        atomic.Int64
}

// NewTally makes an empty one.
func NewTally() *Tally { return &Tally{slots: make([]slot, maxWorkers)} }

// Add counts a request that is over. It does not block.
func (t *Tally) Add(r *gateway.Request, outcome gateway.Outcome) {
	kind := gateway.Kind(0)
	if outcome.Err != nil {
		kind = gateway.KindOf(outcome.Err)
	}
	if kind == gateway.KindOverloaded {
		t.refused.Add(1)
	}
	index := r.Trace.Worker - 1
	if index < 0 || index >= len(t.slots) {
		return
	}
	s := &t.slots[index]
	s.requests.Add(1)
	s.sent.Add(uint64(max(outcome.Sent, 0)))
	took := r.Trace.App.Microseconds()
	s.running.Add(took)
	s.average.Store((s.average.Load() + took) / 2) // as uWSGI does it; two at once lose one of them
	switch kind {
	case gateway.KindApp, gateway.KindAppCut:
		s.exceptions.Add(1)
	case gateway.KindRequestTimeout:
		s.late.Add(1)
	}
	if pid := int64(r.Trace.PID); pid != 0 {
		if before := s.pid.Swap(pid); before != 0 && before != pid {
			s.respawns.Add(1)
		}
	}
}

// counts is one slot at one moment.
type counts struct {
	requests, sent, exceptions, late, respawns uint64
	running, average                           time.Duration
}

func (t *Tally) of(index int) counts {
	if index < 0 || index >= len(t.slots) {
		return counts{}
	}
	s := &t.slots[index]
	return counts{
		requests: s.requests.Load(), sent: s.sent.Load(), exceptions: s.exceptions.Load(), late: s.late.Load(),
		respawns: s.respawns.Load(), running: time.Duration(s.running.Load()) * time.Microsecond,
		average: time.Duration(s.average.Load()) * time.Microsecond,
	}
}
