package sidecars

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"penknife/configs"
)

const (
	// stopPatience is how long a job that must end has between SIGTERM and SIGKILL.
	stopPatience = 10 * time.Second
	// longestSleep bounds the sleep of the schedule, since the clock may be set, and a suspended machine wakes up late.
	longestSleep = time.Minute
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

// Manager runs daemons and jobs. Start once, then Apply and Pause, one at a time, then Shutdown once. Status may be called
// at any time.
type Manager struct {
	deps    Deps
	starter *starter

	quit  chan struct{} // closed by Shutdown: jobs that run must end
	hurry chan struct{} // closed when Shutdown has no more time
	wake  chan struct{} // of capacity 1: the schedule has changed
	plan  sync.WaitGroup
	runs  sync.WaitGroup // of jobs

	mu      sync.Mutex // guards what follows
	daemons []*daemon
	jobs    []*job
	paused  bool // no job begins any more
}

// New makes a Manager. It starts nothing.
func New(deps Deps) *Manager {
	return &Manager{
		deps: deps, starter: newStarter(),
		quit: make(chan struct{}), hurry: make(chan struct{}), wake: make(chan struct{}, 1),
	}
}

// Start starts the daemons and the schedule. It does not wait for the daemons to do anything.
func (m *Manager) Start(c Config) error {
	go m.starter.run()       // ended by Shutdown
	m.plan.Go(m.runSchedule) // ended by Shutdown
	return m.Apply(c)
}

// Apply makes what runs equal to c: a daemon that is new or configured differently is started anew, as is one that wants
// to be restarted with the application; one that is gone is stopped. Jobs that run finish; the schedule is replaced. It
// blocks until old daemons have ended. An error means that nothing has changed.
func (m *Manager) Apply(c Config) error {
	jobs, err := m.makeJobs(c)
	if err != nil {
		return errors.Join(ErrNotReplaced, err)
	}
	m.mu.Lock()
	m.jobs = jobs
	old := m.daemons
	m.mu.Unlock()
	m.nudge()
	m.replaceDaemons(old, c)
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

func (m *Manager) replaceDaemons(old []*daemon, c Config) {
	var kept []*daemon
	var leaving sync.WaitGroup
	for _, d := range old {
		if i := indexOf(c.Daemons, d.config); i >= 0 && !d.config.RestartOnReload {
			kept = append(kept, d)
			continue
		}
		leaving.Go(d.stop)
	}
	leaving.Wait()
	daemons := make([]*daemon, 0, len(c.Daemons))
	for _, cfg := range c.Daemons {
		d := withConfig(kept, cfg)
		if d == nil {
			d = m.newDaemon(cfg, c.Place)
			go d.run() // ended by stop
		}
		daemons = append(daemons, d)
	}
	m.mu.Lock()
	m.daemons = daemons
	m.mu.Unlock()
}

func indexOf(list []configs.Daemon, wanted configs.Daemon) int {
	for i := range list {
		if list[i] == wanted {
			return i
		}
	}
	return -1
}

func withConfig(daemons []*daemon, wanted configs.Daemon) *daemon {
	for _, d := range daemons {
		if d.config == wanted {
			return d
		}
	}
	return nil
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
	late := context.AfterFunc(ctx, func() {
		close(m.hurry)
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, d := range m.daemons {
			close(d.hurry)
		}
	})
	close(m.quit)
	m.plan.Wait()
	m.mu.Lock()
	daemons := m.daemons
	m.mu.Unlock()
	var leaving sync.WaitGroup
	for _, d := range daemons {
		leaving.Go(d.stop)
	}
	leaving.Wait()
	m.runs.Wait()
	m.starter.close()
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
