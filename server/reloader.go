package server

import (
	"context"
	"slices"
	"sync"

	"penknife/control"
)

// reloader runs reloads one at a time. Who asks during a reload joins the next one, which begins after the present
// one and reads everything anew: however many ask, the newest state wins after at most two.
type reloader struct {
	run  func(context.Context) control.Reloaded
	pass func()        // a reload that nobody waits for is the successor's
	wake chan struct{} // of capacity 1: there is a next round
	done chan struct{} // closed when the goroutine has ended

	ctx    context.Context // of the reloads
	cancel context.CancelFunc

	mu      sync.Mutex // guards the rest
	started bool
	closed  bool
	next    *round // that has not begun; nil: none was asked for
	history control.Reloads
	list    []control.Reloaded // the latest, oldest first
}

// reloadsKept bounds what is remembered of past reloads.
const reloadsKept = 20

// round is one reload and all who have asked for it.
type round struct {
	over   chan struct{} // closed when result is there
	result control.Reloaded
	// alone: by a signal or a file too. Nobody can ask again in its place.
	alone bool
}

func newReloader(run func(context.Context) control.Reloaded, pass func()) *reloader {
	r := &reloader{run: run, pass: pass, wake: make(chan struct{}, 1), done: make(chan struct{})}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// start begins with what was asked for meanwhile. Reloads need an application that runs already.
func (r *reloader) start() {
	r.mu.Lock()
	r.started = true
	r.mu.Unlock()
	go r.loop() // ended by shutdown, which waits
}

// ask asks for a reload, for somebody who waits. It does not block.
func (r *reloader) ask() *round { return r.join(false) }

// order asks for a reload that nobody waits for. It does not block.
func (r *reloader) order() { r.join(true) }

func (r *reloader) join(alone bool) *round {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return r.refused()
	}
	if r.next == nil {
		r.next = &round{over: make(chan struct{})}
		notify(r.wake)
	}
	r.next.alone = r.next.alone || alone
	return r.next
}

// refused is a round that is over: nothing is reloaded any more.
func (r *reloader) refused() *round {
	refused := &round{over: make(chan struct{})}
	refused.result.Failure = &control.Failure{Fault: control.FaultOther, Reason: errStopping.Error()}
	close(refused.over)
	return refused
}

// wait gives the result of a round. If ctx ends before, the reload goes on.
func (r *round) wait(ctx context.Context) control.Reloaded {
	select {
	case <-r.over:
		return r.result
	case <-ctx.Done():
		return control.Reloaded{Failure: &control.Failure{Fault: control.FaultOther, Reason: ctx.Err().Error()}}
	}
}

func (r *reloader) loop() {
	defer close(r.done)
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-r.wake:
		}
		r.mu.Lock()
		one := r.next
		r.next = nil
		r.mu.Unlock()
		if one == nil {
			continue
		}
		r.do(one)
		r.remember(one.result)
		close(one.over)
	}
}

// do runs a round, or passes it on when another process serves.
func (r *reloader) do(one *round) {
	one.result = r.run(r.ctx)
	if one.alone && one.result.Failure != nil && one.result.Failure.Fault == control.FaultMoved {
		r.pass()
	}
}

func (r *reloader) remember(result control.Reloaded) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if result.Failure == nil {
		r.history.Succeeded++
	} else {
		r.history.Failed++
	}
	r.history.Last = &result
	if len(r.list) == reloadsKept {
		r.list = slices.Delete(r.list, 0, 1)
	}
	r.list = append(r.list, result)
}

// latest gives the latest reloads, latest first.
func (r *reloader) latest() []control.Reloaded {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := append([]control.Reloaded{}, r.list...)
	slices.Reverse(list)
	return list
}

// past tells what became of reloads so far.
func (r *reloader) past() control.Reloads {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.history
}

// shutdown gives up the reload that runs, refuses those that wait, and returns when the goroutine has ended.
func (r *reloader) shutdown(context.Context) error {
	r.cancel()
	r.mu.Lock()
	r.closed = true
	left, started := r.next, r.started
	r.next = nil
	r.mu.Unlock()
	if started {
		<-r.done
	}
	if left != nil {
		left.result = r.refused().result
		if started {
			r.do(left) // which ends at once
		}
		close(left.over)
	}
	return nil
}

// notify wakes whoever waits on a channel of capacity 1.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
