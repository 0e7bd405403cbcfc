package workers

import (
	"context"
	"slices"
	"time"

	"penknife/configs"
)

// Reload starts a generation with new code and a new configuration, blocks until all its workers are ready, and lets
// it serve from then on; with c.Workers.Reload rolling it serves beside the present one from its first worker on. The one before finishes what it holds, waiting requests included, in the background, for at
// most the new Workers.GracePeriod. If the new generation does not get ready, or ctx ends before, it is gone when
// Reload returns, and the present one has never noticed; the errors are those of Start.
//
// Of c.Limits only HeaderBlock is obeyed; the others stay what New was given. Reload must not be called before Start
// has succeeded, nor at the same time as another Reload or Shutdown.
func (m *Manager) Reload(ctx context.Context, c Config) error {
	begin, number := time.Now(), m.byHand.Load()
	old := m.current.Load()
	replace := m.replace
	if c.Workers.Reload == configs.ReloadRolling {
		replace = m.roll
	}
	g, err := replace(ctx, old, c)
	if err != nil {
		return err
	}
	m.settle(ctx, g, number)
	m.deps.Log.Info("generation serves", "generation", g.number, "took", time.Since(begin))
	m.retire(old, c.Workers.GracePeriod)
	return nil
}

// replace starts a whole generation, and lets it serve instead of old when it is ready.
func (m *Manager) replace(ctx context.Context, old *generation, c Config) (*generation, error) {
	g, err := m.startGeneration(ctx, old, c)
	if err != nil {
		return nil, err
	}
	m.current.Store(g)
	return g, nil
}

// retire ends a generation that was replaced.
func (m *Manager) retire(g *generation, grace time.Duration) {
	m.mu.Lock()
	m.replaced = append(m.replaced, g)
	m.mu.Unlock()
	// Ends when g has, for which there is a time limit; Shutdown waits for it.
	m.retiring.Go(func() {
		begin := time.Now()
		ctx, cancel := context.WithTimeout(m.patience, grace)
		defer cancel()
		err := g.stop(ctx, true)
		m.mu.Lock()
		m.replaced = slices.DeleteFunc(m.replaced, func(other *generation) bool { return other == g })
		m.mu.Unlock()
		if err != nil {
			m.deps.Log.Warn("replaced generation stopped; its last requests were cut (workers.grace_period)", "generation", g.number,
				"took", time.Since(begin), "error", err)
			return
		}
		m.deps.Log.Info("replaced generation stopped", "generation", g.number, "took", time.Since(begin))
	})
}

// snapshot describes the generation.
func (g *generation) snapshot() Snapshot {
	snapshot := g.supervisor.view.Load().snapshot
	snapshot.Workers = slices.Clone(snapshot.Workers)
	held := make([]int, g.queue.Workers())
	snapshot.Waiting = g.queue.Census(held)
	for i := range snapshot.Workers {
		w := &snapshot.Workers[i]
		w.Busy, w.Served, w.Occupied = held[w.Index], g.queue.Served(w.Index), g.queue.BusyTime(w.Index)
	}
	snapshot.InFlight, snapshot.Places, snapshot.Threads = g.queue.InFlight(), g.queue.Places(), g.launcher.settings.Threads
	return snapshot
}
