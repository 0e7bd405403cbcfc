package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"penknife/admin"
	"penknife/appcalls"
	"penknife/cache"
	"penknife/configs"
	"penknife/control"
	"penknife/gateway"
	"penknife/handover"
	"penknife/incidents"
	"penknife/metrics"
	"penknife/osproc"
	"penknife/requestids"
	"penknife/server/encryption"
	"penknife/server/history"
	"penknife/server/logs"
	"penknife/server/tuning"
	"penknife/server/usage"
	"penknife/sidecars"
	"penknife/sockets"
	"penknife/tracing"
	"penknife/uwsgistats"
)

// Options is what a server is made from.
type Options struct {
	Loaded  *configs.Loaded // a configuration without problems, and where its values came from
	Version string
	Environ []string         // as os.Environ gives it
	Signals <-chan os.Signal // what to do is in signals.go; nil: none
	Stdout  io.Writer        // the access log
	Stderr  io.Writer        // everything else
	// Reload reads the configuration again, from where Loaded came. Nil: a reload runs the new code with the old
	// configuration.
	Reload func() (*configs.Loaded, error)
	// Command is how this process was started, for an upgrade; without a path there is none.
	Command handover.Command
	// Predecessor is the process that serves and is to be succeeded; nil: none.
	Predecessor *handover.Predecessor
	// Activated are the sockets that systemd has passed.
	Activated []*os.File
}

// Run serves until a signal or the end of ctx asks it to stop, and returns when nothing is left: no process, no
// goroutine, no socket file. It gives nil after a stop that was asked for, also if requests were cut at the end of
// the grace period; *AppError if the application does not start; *configs.Problems if the configuration turns out to
// be unusable.
func Run(ctx context.Context, options Options) error {
	activated, err := sockets.Activated(os.Getenv, os.Getpid())
	if err != nil {
		return err
	}
	options.Activated = activated
	for _, name := range osproc.Variables {
		if err := os.Unsetenv(name); err != nil { // meant for us, and not for the application
			return err
		}
	}
	s, err := newServer(options, realParts(tuning.Processors(options.Environ)))
	if err != nil {
		return err
	}
	if err := tuning.Scheduling(options.Loaded.Config.Workers.CPUScheduling); err != nil {
		s.log.Warn("cpu scheduling stays as it is", "wanted", options.Loaded.Config.Workers.CPUScheduling, "error", err)
	}
	s.pace = tuning.NewPace(options.Loaded.Config.Workers.CPUScheduling, s.log)
	garbage := tuning.NewCollector(options.Environ, s.storage.bytes)
	defer garbage.Stop()
	return s.run(ctx)
}

// Server is one life from start to stop.
type Server struct {
	loaded    *configs.Loaded // of the start: what a reload cannot change is here
	environ   []string
	version   string
	logs      *logs.Logs
	log       *slog.Logger
	incidents *incidents.Ring // the latest errors, for the status page
	signals   <-chan os.Signal
	parts     parts

	metrics    *metrics.Set
	engine     Engine
	calls      *appcalls.Service
	outside    *outside
	cache      *cache.Handler // nil: none
	storage    *storage
	gate       *gate
	encryption *encryption.TLS
	handler    gateway.Handler
	observer   *observer
	tracer     *tracing.Tracer // nil when nothing is traced
	admin      *admin.Server
	stats      *uwsgistats.Server // nil: none
	fronts     *fronts
	open       *listeners                   // nil before the sockets stage
	cacheSeen  atomic.Pointer[cacheReading] // for reports

	usage       *usage.Meter
	history     *history.Recorder
	pace        *tuning.Pace // nil: nothing is decided
	pages       *tuning.Pages
	reloads     *reloader
	inForce     atomic.Pointer[configs.Loaded] // loaded, and of the latest reload what that has changed
	control     *control.Server
	orders      chan action // from the control socket
	sidecars    *sidecars.Manager
	watching    *watching
	identity    *osproc.Identity // that this process becomes; nil: none
	notify      *notifier
	predecessor *handover.Predecessor // that this server succeeds; nil: none
	passed      sockets.Passed        // sockets that were passed, until they are taken
	handedDown  string                // address of the predecessor's control socket; empty: none
	upgrades    *upgrader
	changing    chan struct{} // of capacity 1: full while a reload or an upgrade runs
	left        chan struct{} // closed when a successor serves

	ids         *requestids.Source // nil: requests have only numbers
	lastID      atomic.Uint64      // of requests
	guards      guards
	connections atomic.Int64 // open, over all fronts
	// maxConnections is limits.connections, or as many as there are descriptors for; set by the process stage
	maxConnections int
	began          time.Time
	fast           bool // the stop waits for no request; set before it begins

	engineStarted chan error // of capacity 1: what the engine's Start returned
	failed        chan error // of capacity 1: a part that ended by itself
}

// newServer builds the parts; nothing runs and no socket is open yet.
func newServer(options Options, parts parts) (made *Server, err error) {
	cfg := options.Loaded.Config
	s := &Server{
		loaded: options.Loaded, environ: options.Environ, version: options.Version, signals: options.Signals, parts: parts,
		ids:       requestids.New(cfg.Log.RequestIDHeader, cfg.Log.RequestIDResponse),
		incidents: incidents.NewRing(rememberedErrors),
		gate:      &gate{}, metrics: metrics.New(options.Version, metricNames()),
		engineStarted: make(chan error, 1), failed: make(chan error, 1),
		orders: make(chan action, 4), predecessor: options.Predecessor,
		changing: make(chan struct{}, 1), left: make(chan struct{}),
	}
	if s.logs, err = logs.New(s.loaded, logs.Deps{
		Stdout: options.Stdout, Stderr: options.Stderr, Counter: s.metrics.Logs, Errors: s.incidents,
		Environ: s.environ, Starting: errTooEarly,
	}); err != nil {
		return nil, err
	}
	s.log = s.logs.Logger()
	defer func() {
		if err != nil {
			s.closeLogs()
		}
	}()
	if s.storage, err = newStorage(cfg.Cache, s.metrics, s.log); err != nil {
		return nil, err
	}
	calls, err := s.newAppCalls()
	if err != nil {
		return nil, err
	}
	s.calls = calls
	s.watching = newWatching(s)
	engine, err := parts.newEngine(s.loaded, engineDeps{s.metrics.Workers, callsOf{calls}, s.log, s.watching.note})
	if err != nil {
		return nil, err
	}
	s.engine = engine
	s.inForce.Store(s.loaded)
	s.encryption = encryption.New(s.loaded, encryption.Deps{Log: s.log, Counter: s.metrics.TLS, Version: s.version})
	s.notify = newNotifier(osproc.NewNotifier(options.Environ, options.Predecessor != nil), s.log)
	if err := s.takeOver(options.Activated); err != nil {
		return nil, err
	}
	s.upgrades = newUpgrader(s, options.Command)
	s.reloads = newReloader(func(ctx context.Context) control.Reloaded { return s.reload(ctx, options.Reload) },
		s.upgrades.passReload)
	s.usage, s.history = usage.NewMeter(time.Now), history.New(s.observeMoment)
	s.pages = tuning.NewPages(s.log)
	s.sidecars = sidecars.New(sidecars.Deps{Log: s.log, Counter: s.metrics.Sidecars})
	s.metrics.Workers.Watch(s.pool)
	s.watchScaling()
	if cfg.Tracing.OTLP != "" {
		s.tracer = tracing.New(cfg.Tracing, tracing.Deps{Counter: s.metrics.Tracing, Log: s.log, Version: s.version})
	}
	if s.handler, err = buildHandler(s); err != nil {
		return nil, err
	}
	s.control = s.newControl()
	s.outside = newOutside(s)
	s.observer = &observer{requests: s.metrics.Requests, history: s.history}
	s.observer.access, s.observer.tracer = s.logs.Access(), s.tracer
	s.newStats()
	s.admin = admin.New(admin.Deps{
		Metrics: s.metrics.Handler(), Log: s.log, Ready: s.ready, Report: s.report,
		Audience: admin.AudienceOf(cfg.Admin.Status), Hosts: cfg.Admin.Hosts,
	})
	s.fronts = newFronts(s.log, s.failed)
	return s, nil
}

// stages lists the life of the server in the order of the start.
func (s *Server) stages() stages {
	var list []stage
	if s.tracer != nil {
		list = append(list, stage{name: "tracing", start: s.tracer.Start, stop: s.tracer.Shutdown, least: time.Second})
	}
	list = append(list, stage{name: "history", start: s.startHistory, stop: s.history.Shutdown}, s.storage.stage(s.hasLeft))
	list = append(list, s.processStage(), stage{name: "sockets", start: s.openSockets, stop: s.closeSockets},
		stage{name: "package", start: nothing, stop: s.outside.shutdown, quiet: true},
		stage{name: "calls", start: nothing, stop: s.calls.Shutdown, least: time.Second}) // a daemon's last words too
	if s.loaded.Config.Process.PIDFile != "" {
		list = append(list, s.pidfileStage())
	}
	list = append(list, s.identityStage(), s.certificatesStage())
	beside := append(s.listeningStages(), s.sidecarsStage(), s.watching.stage())
	engine := []stage{s.cacheStage(), s.workersStage()}
	if s.predecessor == nil {
		list = append(append(list, beside...), engine...)
	} else { // nothing that others would notice before the predecessor says so
		list = append(append(list, engine...), stage{name: "handover", start: s.awaitTurn, stop: nothing, quiet: true})
		list = append(list, beside...)
	}
	list = append(list, stage{name: "fronts", start: s.startFronts, stop: s.stopFronts, least: 100 * time.Millisecond},
		s.ordersStage(), stage{name: "reloads", start: nothing, stop: s.reloads.shutdown})
	if s.predecessor != nil {
		list = append(list, stage{name: "takeover", start: s.succeed, stop: nothing, quiet: true})
	}
	list = append(list, stage{name: "upgrades", start: nothing, stop: s.upgrades.shutdown})
	if s.notify.WatchdogTime() > 0 {
		list = append(list, s.watchdogStage())
	}
	return stages{list: list, log: s.log}
}

// listeningStages are what answers beside the fronts.
func (s *Server) listeningStages() []stage {
	list := []stage{s.controlStage()}
	if s.loaded.Config.Admin.Listen != "" {
		list = append(list, stage{name: "admin", start: s.startAdmin, stop: s.admin.Shutdown, least: 100 * time.Millisecond})
	}
	if s.stats != nil {
		list = append(list, s.statsStage())
	}
	return list
}

func (s *Server) run(ctx context.Context) error {
	s.began = time.Now()
	s.logs.Start()
	defer s.closeLogs()
	s.log.Info("penknife starting", "version", s.version, "pid", os.Getpid(), "config", s.loaded.File)
	stages := s.stages()
	grace := time.Duration(0)
	if s.predecessor == nil { // the service manager does not believe anybody else before it is told of us
		s.notify.starting(s.loaded.Config.Workers.StartTimeout)
	}
	err := stages.start(ctx)
	if err == nil {
		grace, err = s.waitForStop(ctx)
	}
	s.gate.stopping.Store(true)
	s.sidecars.Pause()
	if !s.hasLeft() {
		s.notify.stopping(grace)
	}
	hard, release := s.hardContext()
	stages.stop(hard, time.Now().Add(grace))
	release()
	s.log.Info("penknife stopped", "uptime", time.Since(s.began).Round(time.Millisecond))
	return err
}

// lastLines is how long the last lines of the logs may take.
const lastLines = 2 * time.Second

// closeLogs is the very end: nothing is logged any more.
func (s *Server) closeLogs() {
	ctx, cancel := context.WithTimeout(context.Background(), lastLines)
	defer cancel()
	_ = s.logs.Shutdown(ctx) // there is nowhere left to say so
}

// frontDeps is what a front end of that protocol gets from us.
func (s *Server) frontDeps(protocol gateway.Front) frontDeps {
	limits := s.loaded.Config.Limits
	limits.Connections = s.maxConnections
	return frontDeps{
		limits: limits, handler: s.handler, observer: s.observer, log: s.log,
		counter: s.metrics.Fronts.Of(int(protocol)), nextID: s.nextID, ids: s.ids, open: &s.connections,
		seats: s.guards.seats,
	}
}

// nextID numbers requests over all fronts.
func (s *Server) nextID() uint64 { return s.lastID.Add(1) }

func nothing(context.Context) error { return nil }

func (s *Server) startHistory(context.Context) error {
	s.history.Start()
	return nil
}

func (s *Server) openSockets(ctx context.Context) (err error) {
	defer s.passed.Close()
	o := s.opener()
	if s.open, err = o.open(ctx); err != nil {
		return err
	}
	if err = s.openControl(ctx); err == nil {
		err = s.judgeUnused()
	}
	if err != nil {
		return errors.Join(err, s.open.close())
	}
	return nil
}

func (s *Server) opener() *opener {
	return &opener{loaded: s.loaded, passed: &s.passed, identity: s.identity}
}

// judgeUnused decides about passed sockets that the configuration does not name: those of a predecessor will be closed;
// connections to one of systemd's would wait for ever.
func (s *Server) judgeUnused() error {
	rest, failures := s.passed.Rest()
	for _, listener := range rest {
		if listener.Handed() {
			s.open.unused = append(s.open.unused, listener)
			continue
		}
		failures = append(failures, fmt.Errorf("systemd has passed %s, and no listener uses it: name it with listen: "+
			"systemd:NAME, by its FileDescriptorName", listener.Address()), listener.Close())
	}
	if err := errors.Join(failures...); err != nil {
		return s.loaded.Problem("", err)
	}
	return nil
}

func (s *Server) closeSockets(context.Context) error { return s.open.close() }

func (s *Server) startAdmin(context.Context) error {
	s.admin.Start(s.open.admin)
	return nil
}

// workersStage starts the engine in the background, because the fronts answer 503 meanwhile. The start is given up
// when the stage is stopped, not when ctx ends: that is the business of waitForStop.
func (s *Server) workersStage() stage {
	var cancel context.CancelFunc
	returned := make(chan struct{})
	return stage{
		name:  "workers",
		least: 2 * time.Second,
		start: func(ctx context.Context) error {
			ctx, cancel = context.WithCancel(context.WithoutCancel(ctx))
			// Ended by the end of the import, or by cancel in stop, which waits.
			go func() {
				defer close(returned)
				s.engineStarted <- s.engine.Start(ctx)
			}()
			if s.predecessor == nil {
				return nil
			}
			if err := s.awaitEngine(); err != nil { // nobody is served before
				cancel()
				<-returned
				return errors.Join(err, s.engine.Shutdown(ctx))
			}
			return nil
		},
		stop: func(ctx context.Context) error {
			cancel()
			<-returned
			if s.fast { // whoever waited for the requests has been cut off
				var none context.CancelFunc
				ctx, none = context.WithCancel(ctx)
				none()
			}
			return s.engine.Shutdown(ctx)
		},
	}
}

// opened is the moment from which the application answers.
func (s *Server) opened() {
	s.gate.opened.Store(true)
	s.fronts.open()
	s.metrics.Reloads.Loaded(time.Now())
	s.reloads.start()
	s.notify.ready(s.statusLine())
	s.log.Info("ready", "took", time.Since(s.began).Round(time.Millisecond), "listen", s.open.String())
	debug.FreeOSMemory() // the start's garbage; without requests that allocate there may be no collection for days
	s.pages.Started()
}

// String lists the addresses, for the log.
func (l *listeners) String() string {
	var texts []string
	for _, one := range l.list() {
		texts = append(texts, one.Protocol+" "+one.Address)
	}
	return strings.Join(texts, ", ")
}

// startFronts lets each section's front end accept.
func (s *Server) startFronts(context.Context) error {
	type ready struct {
		front    front
		listener *sockets.Listener
	}
	var all []ready
	for i, cfg := range s.loaded.Config.HTTP {
		deps := s.frontDeps(gateway.FrontHTTP)
		deps.tls = s.encryption.Config(i)
		one, err := s.parts.newHTTP(deps, cfg)
		if err != nil {
			return fmt.Errorf("http[%d]: %w", i, err)
		}
		all = append(all, ready{one, s.open.http[i]})
	}
	for i, cfg := range s.loaded.Config.Uwsgi {
		one, err := s.parts.newUwsgi(s.frontDeps(gateway.FrontUwsgi), cfg)
		if err != nil {
			return fmt.Errorf("uwsgi[%d]: %w", i, err)
		}
		all = append(all, ready{one, s.open.uwsgi[i]})
	}
	for _, r := range all {
		s.fronts.serve(r.front, r.listener)
	}
	return nil
}
