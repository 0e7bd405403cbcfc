package workers

import (
	"context"
	"errors"
	"fmt"

	"penknife/configs"
)

// Scale changes how many workers there are, and gives what holds from now on. A number stays until another is asked for,
// until ScaleOrder.Auto, or until a reload brings another workers.processes. It does not block for processes: AwaitScaled
// does. Workers that are too many finish what they hold. An error that wraps ErrScale or ErrNotNow says why nothing was changed.
func (m *Manager) Scale(ctx context.Context, order ScaleOrder) (Scaling, error) {
	for {
		g := m.current.Load()
		if g == nil {
			return Scaling{}, fmt.Errorf("%w: the workers are starting or stopping", ErrNotNow)
		}
		scaling, err := g.scale(ctx, order)
		if err == nil {
			m.note(order, scaling)
			order.To = scaling.Wanted
		}
		if m.current.Load() == g {
			return scaling, err
		}
		// A reload came between. Its generation may have been started before the number was noted.
	}
}

// note remembers a number that was asked for, for generations to come.
func (m *Manager) note(order ScaleOrder, scaling Scaling) {
	if order.Auto {
		m.byHand.Store(0)
		return
	}
	m.byHand.Store(int64(scaling.Wanted))
}

// errDying is a number of workers that is not reached.
var errDying = errors.New("the workers are ordered")

// Scaling tells how many workers there shall be; zeros before Start and after Shutdown. It does not block.
func (m *Manager) Scaling() Scaling {
	g := m.current.Load()
	if g == nil {
		return Scaling{}
	}
	return g.supervisor.view.Load().snapshot.Scaling
}

// AwaitScaled blocks until as many workers are ready as are wanted, and no more, or until ctx ends, or until new ones keep
// dying. Those that leave may still finish what they hold.
func (m *Manager) AwaitScaled(ctx context.Context) error {
	for {
		g := m.current.Load()
		if g == nil {
			return fmt.Errorf("%w: the workers are starting or stopping", ErrNotNow)
		}
		var last *view
		err := g.await(ctx, func(v *view) bool {
			last = v
			return v.ready == v.snapshot.Scaling.Wanted || v.snapshot.CrashLoop
		})
		if err == nil && last.ready != last.snapshot.Scaling.Wanted {
			return fmt.Errorf("%w: new ones keep dying, %d are ready", errDying, last.ready)
		}
		if m.current.Load() == g || ctx.Err() != nil {
			return err
		}
	}
}

// Carried is what is known about the number of workers, for those who replace them: a generation after a reload, a
// process after an upgrade.
type Carried struct {
	Wanted int `json:"wanted"`
	ByHand int `json:"by_hand"` // 0: nobody asked for a number
	// Of the configuration that this was with.
	Processes    configs.Processes `json:"processes"`
	MaxProcesses int               `json:"max_processes"`
}

// Carry gives what another process shall Resume with; zero before Start.
func (m *Manager) Carry() Carried {
	g := m.current.Load()
	if g == nil {
		return Carried{}
	}
	w := g.config.Workers
	return Carried{
		Wanted: g.supervisor.view.Load().snapshot.Scaling.Wanted, ByHand: int(m.byHand.Load()),
		Processes: w.Processes, MaxProcesses: w.MaxProcesses,
	}
}

// Resume lets Start begin with the number of workers that another process had, if the configuration permits. It is called
// before Start.
func (m *Manager) Resume(c Carried) {
	m.carried = c
	m.byHand.Store(int64(max(c.ByHand, 0)))
}

// first is how many workers a new generation starts with, and whether somebody chose the number. What held before goes on
// as far as the new configuration permits: the load is the same.
func first(before Carried, c configs.Workers) (n int, byHand bool) {
	b := newBounds(c)
	if before.ByHand > 0 && before.Processes == c.Processes && before.MaxProcesses == c.MaxProcesses {
		return b.clamp(before.ByHand), true
	}
	if newAutoscaler(c).mode != ScaleFixed && before.Processes.Ranges() {
		return b.clamp(before.Wanted), false
	}
	return c.Processes.Min, false
}

// settle brings a generation that serves now and the number that was asked for into agreement. number is what that was
// when the generation was started.
func (m *Manager) settle(ctx context.Context, g *generation, number int64) {
	switch now := m.byHand.Load(); {
	case now == number && g.supervisor.view.Load().snapshot.Scaling.Mode != ScaleHand:
		if m.byHand.CompareAndSwap(number, 0) && number > 0 {
			m.deps.Log.Info("workers.processes was changed: the number of workers that was asked for by hand is over", "was", number)
		}
	case now != number:
		if _, err := g.scale(ctx, ScaleOrder{To: int(now), Auto: now == 0}); err != nil {
			m.deps.Log.Warn("the number of workers that was asked for during a reload is lost", "number", now, "error", err)
		}
	}
}
