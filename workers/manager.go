package workers

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"penknife/configs"
	"penknife/gateway"
	"penknife/workers/link"
)

// Config is the sections of the configuration that concern workers.
type Config struct {
	App     configs.App
	Workers configs.Workers
	Limits  configs.Limits // of HeaderBlock, BodyMemory and TempDir
	Log     configs.Log    // of AppRate, AppBurst, AppLine and Slow
	Host    string         // that warm-up requests without one are for; empty: localhost
}

// Deps is what a Manager is given. Nil values are permitted.
type Deps struct {
	Log      *slog.Logger
	Counters Counters
	// Calls answers what the application's code asks of this process. Nil: such channels are closed at once.
	Calls Calls
	// Imported is told which files the application was imported from, while App.Reload is set: absolute paths, several
	// times the same. It comes from many goroutines and must not block for long. Nil: nobody wants to know.
	Imported func(paths []string)
}

// Manager runs the application's workers and answers requests with them. Serve, Ready and Snapshot may be called
// from any goroutine at any time; Start once, then Reload, one at a time, then Shutdown once.
type Manager struct {
	config  Config
	deps    Deps
	host    *host
	spooler *spooler
	current atomic.Pointer[generation] // nil before Start and after Shutdown
	last    uint64                     // number of the latest generation, also of one that failed
	carried Carried                    // by the process before; set before Start
	byHand  atomic.Int64               // workers that somebody asked for; 0: nobody did

	patience context.Context // ends when replaced generations must go at once
	hurry    context.CancelFunc
	retiring sync.WaitGroup // one for each replaced generation

	mu       sync.Mutex // guards replaced
	replaced []*generation
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
	m := &Manager{config: c, deps: d, host: newHost(d), spooler: newSpooler(c.Limits, d.Counters)}
	m.patience, m.hurry = context.WithCancel(context.Background())
	return m, nil
}

// Start makes this process the subreaper of its descendants, starts the first generation and blocks until all its
// workers are ready. It fails with a *StartError, or with ctx's error, and then nothing is left running. After it has
// succeeded, no trouble of the application ends the Manager.
func (m *Manager) Start(ctx context.Context) error {
	if err := m.host.family.start(); err != nil {
		return &StartError{Kind: StartSystem, Reason: "this process cannot become a subreaper", Err: err}
	}
	bodies, err := newBodyArena(m.config.Limits)
	if err != nil {
		m.host.shutdown()
		return &StartError{Kind: StartSystem, Reason: "no memory for request bodies", Err: err}
	}
	m.host.bodies, m.spooler.arena = bodies, bodies
	g, err := m.startGeneration(ctx, nil, m.config)
	if err != nil {
		m.host.shutdown()
		return err
	}
	m.current.Store(g)
	m.settle(ctx, g, m.byHand.Load())
	return nil
}

// startGeneration starts one that shall replace old, which may be nil.
func (m *Manager) startGeneration(ctx context.Context, old *generation, c Config) (*generation, error) {
	g, err := m.newGeneration(old, c)
	if err != nil {
		return nil, err
	}
	return g, g.start(ctx)
}

// newGeneration makes one that shall replace old, which may be nil.
func (m *Manager) newGeneration(old *generation, c Config) (*generation, error) {
	m.last++
	g, err := newGeneration(m.last, c, m.deps, m.host)
	if err != nil {
		return nil, err
	}
	before := m.carried
	if old != nil {
		before = m.Carry()
	}
	n, byHand := first(before, g.config.Workers)
	g.supervisor.wanted = n
	if byHand {
		g.supervisor.mode = ScaleHand
	}
	return g, nil
}

// engineName is what Trace.Engine says of requests that came to the workers, answered or not.
const engineName = "app"

// Serve receives the request's body and gives both to a worker. It blocks for the client, then for the application,
// unless req.Later permits to answer later. Errors are *gateway.Error.
func (m *Manager) Serve(req *gateway.Request) (*gateway.Response, error) {
	req.Trace.Engine = engineName
	g := m.current.Load()
	if g == nil {
		return nil, gateway.Errorf(gateway.KindUnavailable, "no worker is running")
	}
	if v := g.supervisor.view.Load(); v.loops() && g.successor.Load() == nil {
		return nil, crashLoop(v.snapshot.RetryAt)
	}
	body, err := m.spooler.receive(req)
	if err != nil {
		return nil, err
	}
	return m.submit(req, body)
}

// submit gives the request to the present generation. One that was replaced since it was looked up does not take it.
func (m *Manager) submit(req *gateway.Request, body *spool) (*gateway.Response, error) {
	var whole link.Spool
	if body != nil { // not a nil *spool in an interface
		whole = body
	}
	for tried := (*generation)(nil); ; {
		g := m.current.Load()
		if g == nil || g == tried {
			if body != nil {
				body.Release()
			}
			return nil, gateway.Errorf(gateway.KindUnavailable, "the server is stopping")
		}
		g = g.choose()
		response, err := g.queue.Serve(req, whole)
		if !errors.Is(err, link.ErrClosed) {
			return response, err
		}
		tried = g
	}
}

func crashLoop(retryAt time.Time) *gateway.Error {
	err := gateway.PublicErrorf(gateway.KindUnavailable, "the application keeps failing; it will be started again")
	err.RetryAfter = max(time.Until(retryAt), 0)
	return err
}

// Ready counts the workers that claim requests. It costs two loads: a health check may ask often.
func (m *Manager) Ready() int {
	n := 0
	for g := m.current.Load(); g != nil; g = g.successor.Load() {
		n += g.supervisor.view.Load().ready
	}
	return n
}

// Alive waits until the supervisor of the present generation answers, or gives ctx's error. It is for a watchdog.
func (m *Manager) Alive(ctx context.Context) error {
	g := m.current.Load()
	if g == nil {
		return nil
	}
	answer := make(chan struct{})
	g.supervisor.mail.put(question{answer})
	select {
	case <-answer:
	case <-g.supervisor.done: // it was replaced meanwhile
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// Snapshot describes the workers. It does not block.
func (m *Manager) Snapshot() Snapshot {
	m.mu.Lock()
	replaced := slices.Clone(m.replaced)
	m.mu.Unlock()
	var snapshot Snapshot
	if g := m.current.Load(); g != nil {
		snapshot = g.snapshot()
		if next := g.successor.Load(); next != nil {
			joining := next.snapshot()
			snapshot.Joining = &joining
		}
	}
	for _, g := range replaced {
		snapshot.Draining = append(snapshot.Draining, g.snapshot())
	}
	return snapshot
}

// Shutdown lets the requests in flight end and the workers leave until ctx ends, kills what is left then, and waits
// until no process and no goroutine of the Manager is there. Requests that come meanwhile are still answered. The
// error says that requests were cut, or is nil.
func (m *Manager) Shutdown(ctx context.Context) error {
	defer m.hurry()
	g := m.current.Load()
	if g == nil {
		return nil
	}
	stopWatch := context.AfterFunc(ctx, m.hurry)
	defer stopWatch()
	err := g.stop(ctx, false)
	m.current.Store(nil)
	m.retiring.Wait()
	m.host.shutdown()
	switch {
	case errors.Is(err, context.Canceled): // a second signal, or one that does not wait
		m.deps.Log.Warn("requests were cut: the stop was told not to wait for them", "error", err)
	case errors.Is(err, context.DeadlineExceeded):
		m.deps.Log.Warn("requests were cut: the time for stopping was over (workers.grace_period)", "error", err)
	}
	return err
}
