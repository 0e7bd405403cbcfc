package server

import (
	"context"
	"errors"
	"net"
	"strings"

	"penknife/configs"
	"penknife/sockets"
	"penknife/workers"
)

// workersEngine is the worker manager as an Engine.
type workersEngine struct {
	*workers.Manager
	loaded *configs.Loaded
	cpus   int // what processes: auto means
}

func newWorkers(cpus int, loaded *configs.Loaded, d engineDeps) (Engine, error) {
	deps := workers.Deps{Log: d.log, Counters: d.counters, Calls: d.calls, Imported: d.imported}
	manager, err := workers.New(workersConfig(loaded.Config, cpus), deps)
	if err != nil {
		return nil, startFailure(loaded, err)
	}
	return &workersEngine{manager, loaded, cpus}, nil
}

func workersConfig(cfg configs.Config, cpus int) workers.Config {
	return workers.Config{
		App: cfg.App, Workers: cfg.Workers.ResolveProcesses(cpus), Limits: cfg.Limits, Log: cfg.Log,
		Host: firstHost(cfg.HTTP),
	}
}

// firstHost is the address of the first HTTP listener that clients name in a URL.
func firstHost(listeners []configs.HTTP) string {
	for _, l := range listeners {
		addr, err := sockets.Parse(l.Listen)
		if err != nil || addr.Network != "tcp" {
			continue
		}
		host, port, _ := net.SplitHostPort(addr.Address)
		if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
			host = "localhost"
		}
		return net.JoinHostPort(host, port)
	}
	return ""
}

// Start starts the workers, and translates why they do not.
func (w *workersEngine) Start(ctx context.Context) error {
	return startFailure(w.loaded, w.Manager.Start(ctx))
}

// Reload replaces the workers, and translates why it does not.
func (w *workersEngine) Reload(ctx context.Context, loaded *configs.Loaded) error {
	return startFailure(loaded, w.Manager.Reload(ctx, workersConfig(loaded.Config, w.cpus)))
}

// InFlight counts requests that wait or run, in all generations.
func (w *workersEngine) InFlight() int {
	s := w.Snapshot()
	n := s.InFlight
	for _, other := range s.Others() {
		n += other.InFlight
	}
	return n
}

// startFailure decides whose fault it is that the workers do not start, and with that the exit code: the
// configuration's (an interpreter that cannot be used), the application's, or the system's.
func startFailure(loaded *configs.Loaded, err error) error {
	var start *workers.StartError
	if !errors.As(err, &start) {
		return err
	}
	switch start.Kind {
	case workers.StartInterpreter:
		return loaded.Problem("app.python", errors.New(joinLines(start.Reason, start.Traceback)))
	case workers.StartDirectory:
		return loaded.Problem("app.chdir", errors.New(start.Reason))
	case workers.StartImport, workers.StartTimeout, workers.StartCrash, workers.StartWarmup:
		return &AppError{Reason: start.Reason, Traceback: start.Traceback, Err: err}
	}
	return err
}

func joinLines(lines ...string) string {
	var kept []string
	for _, line := range lines {
		if line = strings.TrimRight(line, "\n"); line != "" {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}
