package workers

import (
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"runtime"
	"sync/atomic"
	"time"

	"penknife/configs"
	"penknife/python"
	"penknife/workers/link"
)

// headRoom is what a var block may have beyond limits.header_block: the HTTP front end writes every header with its
// CGI name and lengths, and adds what it knows of the connection: with TLS also the certificate of the client.
const headRoom = 48 << 10

// generation is a zygote, its workers and their queue. What it is made of never changes; a reload makes another, which
// in a rolling one is its successor for a while.
type generation struct {
	number     uint64
	successor  atomic.Pointer[generation] // in a rolling reload, who serves beside this one
	queue      *link.Queue
	supervisor *supervisor
	launcher   *zygoteLauncher
	config     Config // with a number in place of auto
}

// newGeneration makes everything but processes.
func newGeneration(number uint64, c Config, d Deps, h *host) (*generation, error) {
	c.Workers = c.Workers.ResolveProcesses(runtime.GOMAXPROCS(0))
	threads := max(c.Workers.Threads, 1)
	limits := newBounds(c.Workers)
	indexes := min(2*limits.most+2, configs.MaxLanes/threads) // every worker may overlap its successor, if there is room
	mail := newMailbox()
	g := &generation{number: number, config: c}
	options := link.Options{
		Slots:          c.Workers.Queue + limits.most*threads,
		Waiting:        c.Workers.Queue,
		Workers:        indexes,
		Threads:        threads,
		MaxVars:        int(c.Limits.HeaderBlock) + headRoom,
		ResponseBuffer: int(c.Workers.ResponseBuffer),
		QueueTimeout:   c.Workers.QueueTimeout,
		RequestTimeout: c.Workers.RequestTimeout,
		Keeper:         &h.keeper,
		Log:            d.Log,
		Overdue:        func(worker int, o link.Overdue) { mail.put(overdue{worker, o}) },
		Slow:           c.Log.Slow,
		SlowRequest:    func(worker int, o link.Overdue) { mail.put(slow{worker, o}) },
		Hostile:        func(worker int, reason string) { mail.put(hostile{worker, reason}) },
	}
	if newRecycling(c.Workers).counts() || newAutoscaler(c.Workers).mode != ScaleFixed {
		options.Scanned = mail.nudge
	}
	var err error
	g.queue, err = link.New(options)
	if err != nil {
		return nil, &StartError{Kind: StartSystem, Reason: "the queue's memory cannot be made", Err: err}
	}
	g.launcher, err = newZygoteLauncher(c, d.Log, h, g.queue)
	if err != nil {
		_ = g.queue.Shutdown(context.Background())
		return nil, err
	}
	g.launcher.mail = mail
	g.launcher.output, g.launcher.dropped = newOutputLimits(c.Log), d.Counters.OutputDropped
	g.launcher.settings.Threads = threads
	if interruptGrace(c.Workers) > 0 {
		g.launcher.settings.InterruptSignal = int(interruptSignal)
	}
	g.launcher.settings.Multiprocess = limits.most > 1
	auto := newAutoscaler(c.Workers)
	g.supervisor = newSupervisor(supervisorConfig{
		generation: number, wanted: c.Workers.Processes.Min, configured: c.Workers.Processes.Min, mode: auto.mode,
		bounds: limits, auto: auto, threads: threads, indexes: indexes, startTimeout: c.Workers.StartTimeout,
		requestTimeout: c.Workers.RequestTimeout, interrupt: interruptGrace(c.Workers),
		recycling: newRecycling(c.Workers), interpreter: g.launcher.python, log: d.Log, counters: d.Counters,
	}, g.launcher, g.queue, mail)
	return g, nil
}

// newZygoteLauncher finds the interpreter and packs what it inherits.
func newZygoteLauncher(c Config, log *slog.Logger, h *host, q *link.Queue) (*zygoteLauncher, error) {
	interpreter, chdir, env, err := Surroundings(c.App)
	if err != nil {
		return nil, err
	}
	l := &zygoteLauncher{
		host: h, log: log, files: q, sessions: map[int]bool{}, python: interpreter, env: env,
		oomScore: c.Workers.OOMScoreAdj, batch: c.Workers.CPUScheduling != "other",
		settings: settings{
			App: c.App.WSGI, Chdir: chdir, Preload: c.App.Preload, StackSignal: int(stackSignal),
			Watch:  c.App.Reload,
			Warmup: warmupRequests(c), StacksAfter: stacksAfter(c.Workers.StartTimeout).Seconds(),
			Geometry: hex.EncodeToString(q.Geometry()),
		},
	}
	if err := l.pack(q); err != nil {
		l.close()
		return nil, &StartError{Kind: StartSystem, Reason: "the Python side cannot be prepared", Err: err}
	}
	return l, nil
}

func (l *zygoteLauncher) pack(q *link.Queue) error {
	sources, err := python.Package()
	if err != nil {
		return err
	}
	accelerator, err := python.Accelerator()
	if err != nil {
		return err
	}
	if l.inherited[0], err = memoryFile("penknife.zip", sources); err != nil {
		return err
	}
	if l.inherited[1], err = memoryFile("penknife_accel", accelerator); err != nil {
		return err
	}
	l.inherited[2], l.inherited[3] = q.Files()
	l.inherited[4] = l.host.bodies.file
	return nil
}

// close lets go of the package and the accelerator; memory and eventfd are the queue's, the bodies the host's.
func (l *zygoteLauncher) close() { closeAll(l.inherited[0], l.inherited[1]) }

// start runs the generation and blocks until all its workers are ready. When it fails, or ctx ends, every process is
// gone again.
func (g *generation) start(ctx context.Context) error {
	g.queue.Start()
	go g.supervisor.run() // ended by stop, or by a failed start
	var problem error
	select {
	case err := <-g.supervisor.started:
		if err == nil {
			return nil
		}
		problem = err
	case <-ctx.Done():
		problem = ctx.Err()
	}
	return errors.Join(problem, g.end(time.Now()))
}

// stop first lets the requests in flight end and then the workers leave. When ctx ends it kills what is left. It blocks
// until every process is gone. Requests that come meanwhile are served until those in flight are over, and get
// link.ErrClosed after that; if replaced is true, they get it at once.
func (g *generation) stop(ctx context.Context, replaced bool) error {
	if !replaced {
		_ = g.queue.Drain(ctx)
	}
	g.queue.Close()
	drained := g.queue.Drain(ctx)
	deadline := time.Now().Add(exitGrace)
	if limit, ok := ctx.Deadline(); ok && limit.Before(deadline) {
		deadline = limit
	}
	if least := time.Now().Add(shortGrace); deadline.Before(least) {
		deadline = least
	}
	// A context that ends early takes the workers' time away.
	stopWatch := context.AfterFunc(ctx, func() { g.supervisor.mail.put(stop{time.Now().Add(shortGrace)}) })
	defer stopWatch()
	return errors.Join(drained, g.end(deadline))
}

// end stops the processes by a deadline, then the queue, and lets go of everything.
func (g *generation) end(deadline time.Time) error {
	g.supervisor.mail.put(stop{deadline})
	<-g.supervisor.done
	ctx, cancel := context.WithTimeout(context.Background(), killWait)
	defer cancel()
	g.launcher.host.family.endSessions(g.launcher.sessions)
	err := g.queue.Shutdown(ctx)
	g.launcher.close()
	return err
}
