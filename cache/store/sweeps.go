package store

import (
	"context"
	"sync"
)

// sweeps are tags whose dead entries have to be removed from memory.
type sweeps struct {
	wake chan struct{} // 1 place

	mu  sync.Mutex // guards due; a leaf
	due []sweep
}

type sweep struct {
	store *Store
	tag   string
}

// put does not wait.
func (s *sweeps) put(due sweep) {
	s.mu.Lock()
	s.due = append(s.due, due)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run removes until ctx ends.
func (s *sweeps) run(ctx context.Context) {
	for {
		select {
		case <-s.wake:
		case <-ctx.Done():
			return
		}
		s.mu.Lock()
		due := s.due
		s.due = nil
		s.mu.Unlock()
		for _, d := range due {
			d.store.local.removeDead(d.tag)
		}
	}
}
