package workers

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"penknife/configs"
	"penknife/gateway"
)

// Config is the sections of the configuration that concern workers.
type Config struct {
	App     configs.App
	Workers configs.Workers
	Limits  configs.Limits // of HeaderBlock, BodyMemory and TempDir
}

// Deps is what a Manager is given. Nil values are permitted.
type Deps struct {
	Log      *slog.Logger
	Counters Counters
}

// Manager runs the application's workers and answers requests with them. Serve, Ready and Snapshot may be called
// from any goroutine at any time; Start and Shutdown once each.
type Manager struct {
	config  Config
	deps    Deps
	host    *host
	spooler *spooler
	current atomic.Pointer[generation] // nil before Start and after Shutdown
}

var _ gateway.Handler = (*Manager)(nil)

// New makes a Manager. It starts nothing.
func New(c Config, d Deps) (*Manager, error) {
	if c.App.WSGI == "" {
		return nil, &StartError{Kind: StartImport, Reason: "app.wsgi names no application"}
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Counters == nil {
		d.Counters = noCounters{}
	}
	return &Manager{config: c, deps: d, host: newHost(), spooler: newSpooler(c.Limits, d.Counters)}, nil
}

// Start makes this process the subreaper of its descendants, starts the first generation and blocks until all its
// workers are ready. It fails with a *StartError, or with ctx's error, and then nothing is left running. After it has
// succeeded, no trouble of the application ends the Manager.
func (m *Manager) Start(ctx context.Context) error {
	if err := m.host.family.start(); err != nil {
		return &StartError{Kind: StartSystem, Reason: "this process cannot become a subreaper", Err: err}
	}
	g, err := newGeneration(1, m.config, m.deps, m.host)
	if err == nil {
		err = g.start(ctx)
	}
	if err != nil {
		m.host.shutdown()
		return err
	}
	m.current.Store(g)
	return nil
}

// Serve receives the request's body and gives both to a worker. It blocks for the client, then for the application,
// unless req.Later permits to answer later. Errors are *gateway.Error.
func (m *Manager) Serve(req *gateway.Request) (*gateway.Response, error) {
	g := m.current.Load()
	if g == nil {
		return nil, gateway.Errorf(gateway.KindUnavailable, "no worker is running")
	}
	if v := g.supervisor.view.Load(); v.loops() {
		return nil, crashLoop(v.snapshot.RetryAt)
	}
	body, err := m.spooler.receive(req)
	if err != nil {
		return nil, err
	}
	if body == nil { // not a nil *spool in an interface
		return g.queue.Serve(req, nil)
	}
	return g.queue.Serve(req, body)
}

func crashLoop(retryAt time.Time) *gateway.Error {
	err := gateway.PublicErrorf(gateway.KindUnavailable, "the application keeps failing; it will be started again")
	err.RetryAfter = max(time.Until(retryAt), 0)
	return err
}

// Ready tells whether a worker claims requests.
func (m *Manager) Ready() bool {
	g := m.current.Load()
	return g != nil && g.supervisor.view.Load().ready > 0
}

// Snapshot describes the workers. It does not block.
func (m *Manager) Snapshot() Snapshot {
	g := m.current.Load()
	if g == nil {
		return Snapshot{}
	}
	snapshot := g.supervisor.view.Load().snapshot
	snapshot.Workers = append([]WorkerStatus(nil), snapshot.Workers...)
	for i := range snapshot.Workers {
		snapshot.Workers[i].Busy = g.queue.Busy(snapshot.Workers[i].Index)
	}
	snapshot.InFlight = g.queue.InFlight()
	return snapshot
}

// Shutdown lets the requests in flight end and the workers leave until ctx ends, kills what is left then, and waits
// until no process and no goroutine of the Manager is there. Requests that come meanwhile are still answered. The
// error says that requests were cut, or is nil.
func (m *Manager) Shutdown(ctx context.Context) error {
	g := m.current.Load()
	if g == nil {
		return nil
	}
	err := g.stop(ctx)
	m.current.Store(nil)
	m.host.shutdown()
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		m.deps.Log.Warn("requests were cut: the time for stopping was over", "error", err)
	}
	return err
}
