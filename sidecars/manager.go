package sidecars

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"penknife/configs"
)

const (
	// stopPatience is how long a job that must end has between SIGTERM and SIGKILL.
	stopPatience = 10 * time.Second
	// longestSleep bounds the sleep of the schedule, since the clock may be set, and a suspended machine wakes up late.
	longestSleep = time.Minute
	// longestRepeat bounds by how much the clock may be set back before a rare job may run a second time.
	longestRepeat = 3 * time.Hour
)

// ErrNotReplaced says that Apply could not use what it was given; everything goes on as before.
var ErrNotReplaced = errors.New("sidecars: the schedule cannot be read")

// Config is what to run, and where.
type Config struct {
	Daemons []configs.Daemon
	Cron    []configs.CronJob
	Place   Place
}

// Deps is what a Manager is given.
type Deps struct {
	Log     *slog.Logger
	Counter Counter
}

// Manager runs daemons and jobs. Apply and Pause are called one at a time, then Shutdown once. Status may be called at any
// time. Nothing runs, and no thread is taken, before there is something to run.
type Manager struct {
	deps    Deps
	starter *starter

	quit    chan struct{} // closed by Shutdown: jobs that run must end
	hurry   chan struct{} // closed when Shutdown has no more time
	wake    chan struct{} // of capacity 1: the schedule has changed
	started bool          // of Apply and Shutdown
	plan    sync.WaitGroup
	runs    sync.WaitGroup // of jobs and daemons

	mu      sync.Mutex // guards what follows
	daemons []*daemon
	jobs    []*job
	paused  bool      // no job begins any more
	looked  time.Time // when the schedule was last looked at
}

// New makes a Manager. It starts nothing.
func New(deps Deps) *Manager {
	return &Manager{
		deps: deps, starter: newStarter(),
		quit: make(chan struct{}), hurry: make(chan struct{}), wake: make(chan struct{}, 1),
	}
}

// Apply makes what runs equal to c: a daemon that is new or configured differently is started anew, as is one that wants
// to be restarted with the application; one that is gone is stopped. Jobs that run finish; the schedule is replaced. It
// does not wait for daemons: a new one starts when its predecessor has ended. An error means that nothing has changed.
func (m *Manager) Apply(c Config) error {
	jobs, err := m.makeJobs(c)
	if err != nil {
		return errors.Join(ErrNotReplaced, err)
	}
	if !m.started && len(c.Daemons)+len(jobs) > 0 {
		m.started = true
		go m.starter.run()       // ended by Shutdown
		m.plan.Go(m.runSchedule) // ended by Shutdown
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.jobs = jobs
	m.nudge()
	m.replaceDaemons(c)
	return nil
}

// makeJobs makes the jobs of a configuration. One that has not changed is the old one, which goes on counting.
func (m *Manager) makeJobs(c Config) ([]*job, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	jobs := make([]*job, 0, len(c.Cron))
	for _, cfg := range c.Cron {
		j, err := m.newJob(cfg, c.Place)
		if err != nil {
			return nil, err
		}
		for _, old := range m.jobs {
			if old.config == cfg {
				j = old
				j.move(c.Place)
			} else if old.config.Name == cfg.Name {
				j.before = old
			}
		}
		j.plan(now)
		jobs = append(jobs, j)
	}
	return jobs, nil
}

// replaceDaemons lets daemons leave, and starts new ones.
func (m *Manager) replaceDaemons(c Config) {
	stays := func(d *daemon) bool { return slices.Contains(c.Daemons, d.config) && !d.config.RestartOnReload }
	before := map[string]*daemon{}
	for _, d := range m.daemons {
		before[d.config.Name] = d
		if !stays(d) {
			d.leave()
		}
	}
	m.daemons = nil
	for _, cfg := range c.Daemons {
		old := before[cfg.Name]
		if old != nil && old.config == cfg && stays(old) {
			m.daemons = append(m.daemons, old)
			continue
		}
		d := m.newDaemon(cfg, c.Place)
		if old != nil {
			d.after = old.done
		}
		m.runs.Go(d.run) // ended by leave
		m.daemons = append(m.daemons, d)
	}
}

// Pause lets no further job begin. What runs goes on. It is for a server that stops, whose successor has the schedule.
func (m *Manager) Pause() {
	m.mu.Lock()
	m.paused = true
	m.mu.Unlock()
}

// Shutdown stops everything and waits: each daemon has its own time to end, all of it ends with ctx.
func (m *Manager) Shutdown(ctx context.Context) error {
	m.Pause()
	late := context.AfterFunc(ctx, func() { close(m.hurry) })
	close(m.quit)
	m.plan.Wait()
	m.mu.Lock()
	for _, d := range m.daemons {
		d.leave()
	}
	m.mu.Unlock()
	m.runs.Wait()
	if m.started {
		m.starter.close()
	}
	if !late() {
		return ctx.Err()
	}
	return nil
}

// Status describes daemons and jobs in the order of the configuration.
func (m *Manager) Status() (daemons []DaemonStatus, jobs []JobStatus) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.daemons {
		daemons = append(daemons, d.snapshot())
	}
	for _, j := range m.jobs {
		jobs = append(jobs, j.snapshot())
	}
	return daemons, jobs
}

func (m *Manager) nudge() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}
