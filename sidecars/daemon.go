package sidecars

import (
	"log/slog"
	"sync"
	"syscall"
	"time"

	"penknife/configs"
)

// Pauses before a daemon is started again: firstPause after its first quick death, doubled by each further one up to
// longestPause. One that has lived for stableLife begins anew.
const (
	firstPause   = time.Second
	longestPause = time.Minute
	stableLife   = 30 * time.Second
)

// daemon is a command that is meant to run all the time. Its goroutine is run.
type daemon struct {
	config  configs.Daemon
	place   Place
	starter *starter
	counter Counter
	log     *slog.Logger

	after <-chan struct{} // closed when the one before it has ended; nil: there was none
	quit  chan struct{}   // closed by leave
	hurry <-chan struct{} // closed when there is no time left
	done  chan struct{}   // closed when run has ended

	mu     sync.Mutex // guards what follows
	status DaemonStatus
}

func (m *Manager) newDaemon(cfg configs.Daemon, place Place) *daemon {
	return &daemon{
		config: cfg, place: place, starter: m.starter, counter: m.deps.Counter, log: m.deps.Log.With("daemon", cfg.Name),
		quit: make(chan struct{}), hurry: m.hurry, done: make(chan struct{}),
		status: DaemonStatus{Name: cfg.Name, State: StateStarting},
	}
}

// run keeps the daemon running until stop, or until its policy lets it rest.
func (d *daemon) run() {
	defer close(d.done)
	if d.after != nil {
		<-d.after // bounded by its stop_timeout
	}
	pause := firstPause
	for !d.leaving() {
		began := time.Now()
		p, err := d.starter.launch(shell(d.config.Command), d.place, d.log)
		if err != nil {
			d.log.Error("daemon cannot be started", "error", err)
		} else {
			d.running(p, began)
			select {
			case <-p.exited:
				p.signal(syscall.SIGKILL) // nothing of the old one may meet the new one
			case <-d.quit:
				p.stop(d.signal(), d.config.StopTimeout, d.hurry)
				d.set(func(s *DaemonStatus) { s.State, s.PID = StateStopped, 0 })
				d.log.Info("daemon stopped", "outcome", p.outcome())
				return
			}
			if !d.again(p) {
				return
			}
		}
		if time.Since(began) >= stableLife {
			pause = firstPause
		}
		if !d.wait(pause) {
			return
		}
		pause = min(2*pause, longestPause)
	}
}

// running notes that the process is there.
func (d *daemon) running(p *process, began time.Time) {
	pid := p.command.Process.Pid
	d.set(func(s *DaemonStatus) { s.State, s.PID, s.Started = StateRunning, pid, began })
	d.log.Info("daemon started", "pid", pid)
}

// again decides what follows an exit that nobody asked for.
func (d *daemon) again(p *process) bool {
	failed := p.err != nil
	d.set(func(s *DaemonStatus) { s.PID, s.Last = 0, p.outcome() })
	if d.config.Restart == configs.RestartNever || d.config.Restart == configs.RestartOnFailure && !failed {
		state := StateStopped
		if failed {
			state = StateFailed
		}
		d.set(func(s *DaemonStatus) { s.State = state })
		d.log.Info("daemon ended and stays down", "outcome", p.outcome(), "restart", d.config.Restart)
		return false
	}
	d.log.Warn("daemon ended", "outcome", p.outcome())
	return true
}

// wait pauses before the next start. It gives false when there will be none.
func (d *daemon) wait(pause time.Duration) bool {
	d.set(func(s *DaemonStatus) { s.State, s.Restarts = StateWaiting, s.Restarts+1 })
	d.counter.DaemonRestarted(d.config.Name)
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-d.quit:
		d.set(func(s *DaemonStatus) { s.State = StateStopped })
		return false
	}
}

func (d *daemon) signal() syscall.Signal {
	if sig, ok := configs.SignalNamed(d.config.StopSignal); ok {
		return sig
	}
	return syscall.SIGTERM
}

func (d *daemon) leaving() bool {
	select {
	case <-d.quit:
		d.set(func(s *DaemonStatus) { s.State = StateStopped })
		return true
	default:
		return false
	}
}

// leave asks the daemon to end. It does not wait, and may be called once.
func (d *daemon) leave() { close(d.quit) }

func (d *daemon) set(change func(*DaemonStatus)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(&d.status)
}

func (d *daemon) snapshot() DaemonStatus {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.status
}
