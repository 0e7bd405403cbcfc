package server

import (
	"context"
	"time"

	"penknife/configs"
	"penknife/control"
	"penknife/sidecars"
	"penknife/workers"
)

// sidecarsStage runs daemons and jobs from before the application starts, which may need them, until after it has
// stopped.
func (s *Server) sidecarsStage() stage {
	return stage{
		name:  "sidecars",
		least: time.Second,
		start: func(context.Context) error { return s.applySidecars(s.loaded) },
		stop:  s.sidecars.Shutdown,
	}
}

// applySidecars makes daemons and jobs those of a configuration.
func (s *Server) applySidecars(loaded *configs.Loaded) error {
	cfg := loaded.Config
	c := sidecars.Config{Daemons: cfg.Daemons, Cron: cfg.Cron}
	if len(cfg.Daemons)+len(cfg.Cron) > 0 {
		var err error
		c.Place.Python, c.Place.Dir, c.Place.Env, err = workers.Surroundings(cfg.App)
		if err != nil {
			return startFailure(loaded, err)
		}
		c.Place.Surround = s.outside.surround
	}
	return s.sidecars.Apply(c)
}

// reloadSidecars follows a reload of the application, which has succeeded whatever becomes of this.
func (s *Server) reloadSidecars(loaded *configs.Loaded) {
	if err := s.applySidecars(loaded); err != nil {
		s.log.Error("daemons and jobs stay as they were", "error", err)
	}
}

// sidecarStatus describes daemons and jobs for the control socket.
func sidecarStatus(m *sidecars.Manager, now time.Time) (daemons []control.Daemon, jobs []control.Job) {
	runs, plans := m.Status()
	for _, d := range runs {
		daemon := control.Daemon{Name: d.Name, State: d.State.String(), PID: d.PID, Restarts: d.Restarts, Last: d.Last}
		if d.PID != 0 {
			daemon.Uptime = now.Sub(d.Started).Seconds()
		}
		daemons = append(daemons, daemon)
	}
	for _, j := range plans {
		jobs = append(jobs, control.Job{
			Name: j.Name, Schedule: j.Schedule, Next: timeOrNil(j.Next), Running: j.Running, Runs: j.Runs, Failures: j.Failures,
			Skipped: j.Skipped, LastBegin: timeOrNil(j.LastBegin), LastTook: j.LastTook.Seconds(), LastOutcome: j.LastOutcome,
		})
	}
	return daemons, jobs
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
