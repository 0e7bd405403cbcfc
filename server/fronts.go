package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
)

// front is what the front ends have in common.
type front interface {
	// Serve accepts from the listener, which it closes, until Shutdown; then it gives nil.
	Serve(net.Listener) error
	// Shutdown stops accepting, finishes what is under way until ctx ends, then cuts it.
	Shutdown(ctx context.Context) error
}

// fronts runs all front ends.
type fronts struct {
	list   []front
	log    *slog.Logger
	failed chan<- error // of some capacity: a listener that ended by itself

	accepting sync.WaitGroup
}

// serve lets a front accept from a listener.
func (f *fronts) serve(one front, listener net.Listener) {
	f.list = append(f.list, one)
	f.accepting.Add(1)
	// Ended by Shutdown of the front; stop waits for it.
	go func() {
		defer f.accepting.Done()
		if err := one.Serve(listener); err != nil {
			f.report(fmt.Errorf("listener %s ended: %w", listener.Addr(), err))
		}
	}()
}

// report passes on the first failure; whoever reads it stops the server, and the others follow from that.
func (f *fronts) report(err error) {
	select {
	case f.failed <- err:
	default:
		f.log.Error("front end failed", "error", err)
	}
}

// stop shuts all fronts down at once, so that they share the time, and waits for their accept loops.
func (f *fronts) stop(ctx context.Context) error {
	results := make([]error, len(f.list))
	var stopping sync.WaitGroup
	for i, one := range f.list {
		stopping.Go(func() { results[i] = one.Shutdown(ctx) })
	}
	stopping.Wait()
	f.accepting.Wait()
	if err := errors.Join(results...); err != nil {
		return fmt.Errorf("connections were cut: %w", err)
	}
	return nil
}
