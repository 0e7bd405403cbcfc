package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"

	"penknife/sockets"
)

// front is what the front ends have in common.
type front interface {
	// Serve accepts from the listener, which it closes, until Shutdown; then it gives nil.
	Serve(net.Listener) error
	// Part makes further answers the last of their connections, as far as clients would use them again.
	Part()
	// Release stops accepting, and returns when nobody is connected any more. shared says that a successor accepts on the
	// same sockets. At the end of ctx it gives an error, and everything else goes on; Shutdown must follow.
	Release(ctx context.Context, shared bool) error
	// Accepting tells whether an accept loop is at work, and how many connections were taken.
	Accepting() (inside bool, taken uint64)
	// Admit says anew who may connect.
	Admit(sockets.Access)
	// Shutdown stops accepting, finishes what is under way until ctx ends, then cuts it.
	Shutdown(ctx context.Context) error
}

// fronts runs all front ends.
type fronts struct {
	list   []front
	log    *slog.Logger
	failed chan<- error // of some capacity: a listener that ended by itself

	opened chan struct{} // closed when the application answers
	ended  chan struct{} // closed by stop

	accepting sync.WaitGroup
	seen      []progress // by alive, when it last looked
}

// progress is what an accept loop does at one moment.
type progress struct {
	inside bool
	taken  uint64
}

// errStuck is an accept loop that does not get on.
var errStuck = errors.New("an accept loop is stuck")

// alive compares the accept loops with what they did when it was last called, which is for one goroutine.
func (f *fronts) alive() error {
	before := f.seen
	f.seen = make([]progress, len(f.list))
	for i, one := range f.list {
		f.seen[i].inside, f.seen[i].taken = one.Accepting()
		if i < len(before) && f.seen[i].inside && f.seen[i] == before[i] {
			return fmt.Errorf("%w (front end %d)", errStuck, i)
		}
	}
	return nil
}

func newFronts(log *slog.Logger, failed chan<- error) *fronts {
	return &fronts{log: log, failed: failed, opened: make(chan struct{}), ended: make(chan struct{})}
}

// open says that the application answers. It is called once at most.
func (f *fronts) open() { close(f.opened) }

// serve lets a front accept from a listener: at once, since clients rather have a 503 than nobody, but from a socket that
// somebody else keeps open only when the application answers. There clients wait in the kernel's queue, also over restarts.
func (f *fronts) serve(one front, listener *sockets.Listener) {
	f.list = append(f.list, one)
	f.accepting.Add(1)
	// Ended by Shutdown of the front, or before it has begun by stop, which waits for it.
	go func() {
		defer f.accepting.Done()
		if listener.Kept() && !f.awaitOpen() {
			return
		}
		if err := one.Serve(listener); err != nil {
			f.report(fmt.Errorf("listener %s ended: %w", listener.Addr(), err))
		}
	}()
}

// awaitOpen waits for open, and tells whether it came before the end.
func (f *fronts) awaitOpen() bool {
	select {
	case <-f.opened:
		return true
	case <-f.ended:
		return false
	}
}

// report passes on the first failure; whoever reads it stops the server, and the others follow from that.
func (f *fronts) report(err error) {
	select {
	case f.failed <- err:
	default:
		f.log.Error("front end failed", "error", err)
	}
}

// admit says anew who may connect, to each in the order of the configuration.
func (f *fronts) admit(lists []sockets.Access) {
	for i := range min(len(f.list), len(lists)) {
		f.list[i].Admit(lists[i])
	}
}

// part makes all further answers the last of their connections.
func (f *fronts) part() {
	for _, one := range f.list {
		one.Part()
	}
}

// release leaves the sockets, to a successor if they are shared, and waits for the connections until ctx ends.
func (f *fronts) release(ctx context.Context, shared bool) {
	var leaving sync.WaitGroup
	for _, one := range f.list {
		leaving.Go(func() {
			if err := one.Release(ctx, shared); err != nil {
				f.log.Debug("connections are still open", "error", err)
			}
		})
	}
	leaving.Wait()
}

// stop shuts all fronts down at once, so that they share the time, and waits for their accept loops. It is called once.
func (f *fronts) stop(ctx context.Context) error {
	results := make([]error, len(f.list))
	var stopping sync.WaitGroup
	for i, one := range f.list {
		stopping.Go(func() { results[i] = one.Shutdown(ctx) })
	}
	stopping.Wait()
	close(f.ended)
	f.accepting.Wait()
	if err := errors.Join(results...); err != nil {
		return fmt.Errorf("connections were cut: %w", err)
	}
	return nil
}
