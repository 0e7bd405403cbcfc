package workers

import (
	"context"
	"errors"
	"time"
)

// roll replaces old by a generation with another configuration, worker by worker, for machines that have no memory for
// two of them. At most c.Workers.MaxUnavailable workers (and one zygote) are there beside the usual number, and as many
// that finish their last requests. New requests go to both generations, by how loaded each is, until the new one is
// complete. If it fails before, old gets its workers back: those are forked from its zygote, with the code of then.
func (m *Manager) roll(ctx context.Context, old *generation, c Config) (*generation, error) {
	g, err := m.newGeneration(old, c)
	if err != nil {
		return nil, err
	}
	step := max(c.Workers.MaxUnavailable, 1)
	g.supervisor.rolling, g.supervisor.joining = true, true
	g.supervisor.quota = min(step, g.supervisor.wanted)
	if err := g.start(ctx); err != nil {
		return nil, err
	}
	old.successor.Store(g)
	if err := m.exchange(ctx, old, g, step); err != nil {
		old.successor.Store(nil)
		m.deps.Log.Error("rolling reload failed; the generation before gets its workers back", "generation", g.number, "error", err)
		old.supervisor.mail.put(roll{over: true})
		m.retire(g, c.Workers.GracePeriod)
		m.restore(ctx, old)
		return nil, err
	}
	g.supervisor.mail.put(roll{over: true})
	m.current.Store(g)
	return g, nil
}

// exchange lets old give up a worker for each that g has, until g has all.
func (m *Manager) exchange(ctx context.Context, old, g *generation, step int) error {
	before := old.supervisor.view.Load().snapshot.Scaling.Wanted
	wanted := g.supervisor.view.Load().snapshot.Scaling.Wanted
	for ready := min(step, wanted); ready < wanted; {
		left := max(before-ready, 1)
		old.supervisor.mail.put(roll{quota: left})
		if err := m.awaitRoom(ctx, old, left, g.config.Workers.GracePeriod); err != nil {
			return err
		}
		ready = min(ready+step, wanted)
		g.supervisor.mail.put(roll{quota: ready})
		if err := g.joined(ctx, ready); err != nil {
			return err
		}
		m.deps.Log.Info("rolling reload", "generation", g.number, "workers", ready, "of", wanted, "before", left)
	}
	return nil
}

// awaitRoom blocks until no more than so many processes are left. It does not wait for ever: who reads a response slowly
// shall not hold a reload up for longer than the time that a whole generation would get.
func (m *Manager) awaitRoom(ctx context.Context, old *generation, left int, patience time.Duration) error {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := old.await(waiting, func(v *view) bool { return len(v.snapshot.Workers) <= left })
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil
	}
	return err
}

// joined blocks until so many workers are ready, or gives the reason why they will not be.
func (g *generation) joined(ctx context.Context, n int) error {
	var problem *StartError
	err := g.await(ctx, func(v *view) bool {
		if problem = v.failure; problem == nil && v.snapshot.CrashLoop {
			problem = &StartError{Kind: StartCrash, Reason: "the workers of the new generation keep dying"}
		}
		return problem != nil || v.ready >= n
	})
	if problem != nil {
		return problem
	}
	return err
}

// restore blocks until a generation has all its workers again, as long as a start may take.
func (m *Manager) restore(ctx context.Context, g *generation) {
	waiting, cancel := context.WithTimeout(ctx, g.config.Workers.StartTimeout)
	defer cancel()
	if err := g.await(waiting, func(v *view) bool { return v.ready >= v.snapshot.Scaling.Wanted }); err != nil {
		m.deps.Log.Error("the generation before does not get its workers back", "generation", g.number, "error", err)
	}
}

// onRoll obeys a rolling reload.
func (s *supervisor) onRoll(e roll, now time.Time) {
	s.rolling, s.quota, s.dirty = !e.over, e.quota, true
	if e.over {
		s.joining, s.failure = false, nil
		s.auto.forget(now)
	}
	s.giveUp(now)
}

// target is how many workers there shall be at the moment.
func (s *supervisor) target() int {
	if s.rolling {
		return min(s.quota, s.wanted)
	}
	return s.wanted
}

// choose gives the generation for a request: g, or in a rolling reload the one that has fewer requests for each of its
// threads; of two idle ones the new.
func (g *generation) choose() *generation {
	next := g.successor.Load()
	if next == nil {
		return g
	}
	mine := g.queue.InFlight() * next.lanes()
	its := next.queue.InFlight() * g.lanes()
	if next.lanes() > 0 && (its <= mine || g.lanes() == 0) {
		return next
	}
	return g
}

// lanes is how many requests the generation can work at.
func (g *generation) lanes() int { return g.supervisor.view.Load().ready * g.launcher.settings.Threads }
