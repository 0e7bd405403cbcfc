package workers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"penknife/configs"
)

// ScaleMode says who decides how many workers there are.
type ScaleMode uint8

// The modes.
const (
	ScaleFixed    ScaleMode = iota + 1 // the configuration: its number, or the least of its range
	ScaleHand                          // somebody, through Manager.Scale
	ScaleBusyness                      // the part of the workers' threads that is busy
	ScaleQueue                         // the time that requests wait
)

var scaleModeNames = [...]string{
	ScaleFixed: "fixed", ScaleHand: "hand", ScaleBusyness: "busyness", ScaleQueue: "queue",
}

// String is the name used in logs and on the status page.
func (m ScaleMode) String() string {
	if int(m) < len(scaleModeNames) && scaleModeNames[m] != "" {
		return scaleModeNames[m]
	}
	return "unknown"
}

// ScaleReason is why the number of workers that are wanted was changed.
type ScaleReason uint8

// The reasons.
const (
	ScaledByHand     ScaleReason = iota + 1 // Manager.Scale
	ScaledForBacklog                        // requests waited and every thread was busy
	ScaledForLoad                           // the busy part was above its threshold
	ScaledForWait                           // requests waited longer than the target
	ScaledForCalm                           // one worker fewer would have been enough for a while
)

var scaleReasonNames = [...]string{
	ScaledByHand: "hand", ScaledForBacklog: "backlog", ScaledForLoad: "busyness", ScaledForWait: "queue_time",
	ScaledForCalm: "calm",
}

// String is the name used in logs and as a metric label.
func (r ScaleReason) String() string {
	if int(r) < len(scaleReasonNames) && scaleReasonNames[r] != "" {
		return scaleReasonNames[r]
	}
	return "unknown"
}

// bounds is how many workers there may be, and the key that says so.
type bounds struct {
	least, most int
	key         string
}

func newBounds(w configs.Workers) bounds {
	b := bounds{1, w.MostProcesses(), "workers.max_processes"}
	if w.Processes.Ranges() {
		b.least, b.key = w.Processes.Min, "workers.processes"
	}
	return b
}

func (b bounds) clamp(n int) int { return min(max(n, b.least), b.most) }

// ErrScale is the cause when a number of workers cannot be had.
var ErrScale = errors.New("not as many workers")

// ErrNotNow is the cause when the number of workers cannot be changed at the moment.
var ErrNotNow = errors.New("the number of workers cannot be changed now")

// check gives an error that wraps ErrScale for a number that is not permitted.
func (b bounds) check(n int) error {
	if b.clamp(n) == n {
		return nil
	}
	if b.least == b.most {
		return fmt.Errorf("%w: %d, but there can only be %d (%s)", ErrScale, n, b.most, b.key)
	}
	return fmt.Errorf("%w: %d, but there can be %d to %d (%s)", ErrScale, n, b.least, b.most, b.key)
}

// ScaleOrder asks for another number of workers.
type ScaleOrder struct {
	To   int  // so many; 0: By more than are wanted now
	By   int  // may be negative
	Auto bool // the configuration decides again; To and By do not count
}

// Scaling is how many workers there shall be.
type Scaling struct {
	Wanted      int
	Least, Most int
	Mode        ScaleMode
}

// scaleAnswer is what the supervisor says to an order.
type scaleAnswer struct {
	scaling Scaling
	err     error
}

// onScale obeys an order, or says why not.
func (s *supervisor) onScale(e scale, now time.Time) {
	err := s.obey(e.order, now)
	s.publish() // whoever has the answer sees it in the view
	e.answer <- scaleAnswer{s.scaled(), err}
}

func (s *supervisor) obey(order ScaleOrder, now time.Time) error {
	switch {
	case s.phase != phaseRunning:
		return fmt.Errorf("%w: the workers are starting or stopping", ErrNotNow)
	case s.rolling:
		return fmt.Errorf("%w: a rolling reload is under way", ErrNotNow)
	case order.Auto:
		s.mode = s.auto.mode
		if s.mode == ScaleFixed {
			s.resize(s.configured, ScaledByHand, now)
		}
		s.auto.forget(now)
		s.dirty = true
		return nil
	}
	to := order.To
	if to == 0 {
		to = s.wanted + order.By
	}
	if err := s.bounds.check(to); err != nil {
		return err
	}
	s.mode, s.dirty = ScaleHand, true
	s.resize(to, ScaledByHand, now)
	return nil
}

func (s *supervisor) scaled() Scaling {
	return Scaling{Wanted: s.wanted, Least: s.bounds.least, Most: s.bounds.most, Mode: s.mode}
}

// resize changes how many workers are wanted. replace orders those that are missing, giveUp and shed let go of the others.
func (s *supervisor) resize(to int, reason ScaleReason, now time.Time) {
	if to == s.wanted {
		return
	}
	direction := "up"
	if to < s.wanted {
		direction = "down"
	}
	s.log.Info("the number of workers changes", "from", s.wanted, "to", to, "reason", reason.String())
	s.counters.Scaled(direction, reason.String())
	s.wanted, s.dirty = to, true
	s.giveUp(now)
}

// giveUp ends workers that are not ready yet and too many.
func (s *supervisor) giveUp(now time.Time) {
	surplus := s.count(Starting) + s.serving() - s.target() - s.extra
	for _, w := range slices.Backward(slices.Clone(s.workers)) { // the newest first
		if surplus > 0 && w.state == Starting {
			s.leave(w, RetireScaleDown, now)
			surplus--
		}
	}
}

// shed lets the workers leave that are more than wanted: those that have reached a limit and whose successors are ready,
// else the idlest, and among those the newest. They finish what they hold.
func (s *supervisor) shed(now time.Time) {
	for s.phase == phaseRunning && s.serving() > s.target() {
		w, reason := s.leaver()
		s.leave(w, reason, now)
	}
}

// leave lets a worker go when it has finished the requests that it holds; only their own time limits bound that.
func (s *supervisor) leave(w *worker, reason RetireReason, now time.Time) {
	s.drain(w, reason, time.Time{})
	w.left, w.check = now, now.Add(leavingCheck)
	s.due(w.check, now)
}

// leaver chooses among the workers that serve, of which there is one.
func (s *supervisor) leaver() (*worker, RetireReason) {
	var ready []*worker
	for _, w := range s.workers {
		switch {
		case w.state != Ready || w.blocked:
		case w.enough != 0:
			return w, w.enough
		default:
			ready = append(ready, w)
		}
	}
	return slices.MinFunc(ready, func(a, b *worker) int {
		return cmp.Or(cmp.Compare(s.lanes.Busy(a.index), s.lanes.Busy(b.index)), cmp.Compare(b.birth, a.birth))
	}), RetireScaleDown
}

// scale puts an order to the generation's supervisor and waits for its answer.
func (g *generation) scale(ctx context.Context, order ScaleOrder) (Scaling, error) {
	answer := make(chan scaleAnswer, 1)
	g.supervisor.mail.put(scale{order, answer})
	select {
	case a := <-answer:
		return a.scaling, a.err
	case <-g.supervisor.done:
		return Scaling{}, fmt.Errorf("%w: the workers are stopping", ErrNotNow)
	case <-ctx.Done():
		return Scaling{}, ctx.Err()
	}
}

// await blocks until the generation is seen in a state, or ctx ends, or no process is left.
func (g *generation) await(ctx context.Context, reached func(*view) bool) error {
	for {
		v := g.supervisor.view.Load()
		if reached(v) {
			return nil
		}
		select {
		case <-v.outdated:
		case <-g.supervisor.done:
			return errStopped
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

var errStopped = errors.New("workers: the generation has stopped")
