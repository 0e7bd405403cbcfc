package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"penknife/configs"
	"penknife/gateway"
	"penknife/internal/testkit"
	"penknife/sockets"
	"penknife/workers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeEngine is an application whose every step a test decides about.
type fakeEngine struct {
	startErr  chan error // what Start returns; nothing sent: it waits for its ctx
	serving   chan struct{}
	finish    chan struct{} // closed: requests are answered
	cut       chan struct{} // closed by Shutdown: requests fail
	inFlight  atomic.Int64
	shutdowns atomic.Int64
	workers   atomic.Int64
	// reloads gets the configuration of each Reload, which returns what reloadErr then has.
	reloads    chan *configs.Loaded
	reloadErr  chan error
	generation atomic.Uint64
	running    []workers.Running // set before the start
	draining   atomic.Bool       // the snapshot has another generation
	left       atomic.Int64      // how long Shutdown's ctx had, in nanoseconds; negative: it was over
	deaf       atomic.Bool       // nobody answers Alive
}

func newFakeEngine() *fakeEngine {
	e := &fakeEngine{
		startErr: make(chan error, 1), reloads: make(chan *configs.Loaded, 16), reloadErr: make(chan error, 16),
		serving: make(chan struct{}, 16),
		finish:  make(chan struct{}), cut: make(chan struct{}),
	}
	e.workers.Store(1)
	e.generation.Store(1)
	return e
}

func (e *fakeEngine) Start(ctx context.Context) error {
	select {
	case err := <-e.startErr:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (e *fakeEngine) Shutdown(ctx context.Context) error {
	e.shutdowns.Add(1)
	deadline, _ := ctx.Deadline()
	e.left.Store(int64(time.Until(deadline)))
	if ctx.Err() != nil {
		e.left.Store(-1)
	}
	close(e.cut)
	return nil
}

func (e *fakeEngine) Reload(ctx context.Context, loaded *configs.Loaded) error {
	e.reloads <- loaded
	select {
	case err := <-e.reloadErr:
		if err == nil {
			e.generation.Add(1)
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (e *fakeEngine) Snapshot() workers.Snapshot {
	snapshot := workers.Snapshot{
		Generation: e.generation.Load(), InFlight: e.InFlight(), Places: 10,
		Workers: []workers.WorkerStatus{{PID: 77, State: workers.Ready, Served: 5}},
	}
	if e.draining.Load() {
		snapshot.Waiting, snapshot.Threads, snapshot.InFlight = 7, 4, 2
		snapshot.Workers[0].PID, snapshot.Workers[0].Busy = os.Getpid(), 3
		snapshot.Draining = []workers.Snapshot{{Workers: []workers.WorkerStatus{{PID: os.Getpid(), State: workers.Draining}}}}
	}
	return snapshot
}

func (e *fakeEngine) Scale(_ context.Context, order workers.ScaleOrder) (workers.Scaling, error) {
	to := order.To
	if to == 0 {
		to = int(e.workers.Load()) + order.By
	}
	if to < 1 || to > 4 {
		return e.Scaling(), fmt.Errorf("%w: 1 to 4", workers.ErrScale)
	}
	e.workers.Store(int64(to))
	return e.Scaling(), nil
}

func (e *fakeEngine) Carry() workers.Carried { return workers.Carried{Wanted: int(e.workers.Load())} }

func (e *fakeEngine) Resume(c workers.Carried) { e.workers.Store(int64(c.Wanted)) }

func (e *fakeEngine) AwaitScaled(context.Context) error { return nil }

func (e *fakeEngine) Scaling() workers.Scaling {
	return workers.Scaling{Wanted: int(e.workers.Load()), Least: 1, Most: 4, Mode: workers.ScaleHand}
}

func (e *fakeEngine) Running() []workers.Running { return e.running }
func (e *fakeEngine) Alive(ctx context.Context) error {
	if e.deaf.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

func (e *fakeEngine) Ready() int    { return int(e.workers.Load()) }
func (e *fakeEngine) InFlight() int { return int(e.inFlight.Load()) }

func (e *fakeEngine) Serve(*gateway.Request) (*gateway.Response, error) {
	e.inFlight.Add(1)
	defer e.inFlight.Add(-1)
	e.serving <- struct{}{}
	select {
	case <-e.finish:
		return &gateway.Response{Status: 200}, nil
	case <-e.cut:
		return nil, gateway.Errorf(gateway.KindWorkerDied, "shut down")
	}
}

// fakeFront answers one line per connection: the status of a request with the path that it was sent.
type fakeFront struct {
	deps     frontDeps
	protocol gateway.Front
	closing  atomic.Bool
	parted   atomic.Bool
	stuck    atomic.Bool // the accept loop, as far as it tells
	access   atomic.Pointer[sockets.Access]

	mu       sync.Mutex
	listener net.Listener
	conns    map[net.Conn]bool
	all      sync.WaitGroup
}

func (f *fakeFront) Serve(listener net.Listener) error {
	f.mu.Lock()
	f.listener = listener
	f.mu.Unlock()
	for {
		conn, err := listener.Accept()
		if f.closing.Load() {
			return nil
		}
		if err != nil {
			return err
		}
		f.mu.Lock()
		f.conns[conn] = true
		f.mu.Unlock()
		f.all.Go(func() { f.answer(conn) })
	}
}

func (f *fakeFront) answer(conn net.Conn) {
	defer conn.Close()
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return
	}
	r := &gateway.Request{
		ID: f.deps.nextID(), Front: f.protocol, Start: time.Now(), Method: []byte("GET"),
		Target: []byte(strings.TrimSpace(line)), Path: []byte(strings.TrimSpace(line)), Proto: []byte("HTTP/1.1"),
	}
	resp, err := f.deps.handler.Serve(r)
	status := 200
	if resp != nil && resp.Status != 0 {
		status = resp.Status
	}
	if err != nil {
		page, _ := gateway.PageFor(err)
		status = page.Status
	}
	fmt.Fprintln(conn, status)
	f.deps.observer.RequestDone(r, gateway.Outcome{Status: status, Sent: 4, Err: err})
}

func (f *fakeFront) Accepting() (bool, uint64) { return f.stuck.Load(), 0 }

func (f *fakeFront) Admit(access sockets.Access) { f.access.Store(&access) }

func (f *fakeFront) Part() { f.parted.Store(true) }

func (f *fakeFront) Release(ctx context.Context, _ bool) error { return f.Shutdown(ctx) }

func (f *fakeFront) Shutdown(ctx context.Context) error {
	f.closing.Store(true)
	f.mu.Lock()
	if f.listener != nil {
		f.listener.Close()
	}
	f.mu.Unlock()
	done := make(chan struct{})
	go func() {
		f.all.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		f.mu.Lock()
		for conn := range f.conns {
			conn.Close()
		}
		f.mu.Unlock()
		return ctx.Err()
	}
}

// bench is one server under test.
type bench struct {
	t       *testing.T
	engine  *fakeEngine
	signals chan os.Signal
	stdout  *testkit.Buffer
	stderr  *testkit.Buffer
	socket  string
	admin   string
	result  chan error
	server  *Server
	fresh   func() (*configs.Loaded, error) // what a reload reads; set before it is asked for
}

// newBench makes a server with one uwsgi listener (a unix socket) and an admin listener. Change may be nil.
func newBench(t *testing.T, change func(*configs.Config)) *bench {
	t.Helper()
	dir := t.TempDir()
	b := &bench{
		t: t, engine: newFakeEngine(), signals: make(chan os.Signal, 4), result: make(chan error, 1),
		stdout: &testkit.Buffer{}, stderr: &testkit.Buffer{},
		socket: filepath.Join(dir, "uwsgi.sock"), admin: filepath.Join(dir, "admin.sock"),
	}
	cfg := configs.Default()
	cfg.App.WSGI = "test:app"
	cfg.Uwsgi = []configs.Uwsgi{{Listen: "unix:" + b.socket, Mode: 0o600}}
	cfg.Admin.Listen = "unix:" + b.admin
	cfg.Log.Access = "combined"
	cfg.Log.Level = "debug"
	if change != nil {
		change(&cfg)
	}
	server, err := newServer(Options{
		Loaded: &configs.Loaded{Config: cfg, Sources: configs.Sources{}}, Version: "test", Signals: b.signals,
		Stdout: b.stdout, Stderr: b.stderr, Reload: func() (*configs.Loaded, error) { return b.fresh() },
	}, b.parts())
	if err != nil {
		t.Fatal(err)
	}
	b.server = server
	return b
}

func (b *bench) parts() parts {
	newFront := func(protocol gateway.Front) func(frontDeps) *fakeFront {
		return func(d frontDeps) *fakeFront {
			return &fakeFront{deps: d, protocol: protocol, conns: map[net.Conn]bool{}}
		}
	}
	return parts{
		newEngine: func(*configs.Loaded, engineDeps) (Engine, error) { return b.engine, nil },
		newHTTP:   func(d frontDeps, _ configs.HTTP) (front, error) { return newFront(gateway.FrontHTTP)(d), nil },
		newUwsgi:  func(d frontDeps, _ configs.Uwsgi) (front, error) { return newFront(gateway.FrontUwsgi)(d), nil },
	}
}

// start runs the server and waits until it accepts.
func (b *bench) start() *bench {
	b.t.Helper()
	go func() { b.result <- b.server.run(context.Background()) }()
	eventually(b.t, "it accepts", func() bool {
		conn, err := net.Dial("unix", b.socket)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return b
}

// open lets the engine be ready and waits until the server knows.
func (b *bench) open() *bench {
	b.t.Helper()
	b.engine.startErr <- nil
	eventually(b.t, "the gate is open", func() bool { return b.server.gate.opened.Load() })
	return b
}

// ask starts a request; the status comes through the channel, "" if the connection was cut.
func (b *bench) ask(path string) <-chan string {
	b.t.Helper()
	conn, err := net.Dial("unix", b.socket)
	if err != nil {
		b.t.Fatal(err)
	}
	answer := make(chan string, 1)
	go func() {
		defer conn.Close()
		fmt.Fprintln(conn, path)
		line, _ := bufio.NewReader(conn).ReadString('\n')
		answer <- strings.TrimSpace(line)
	}()
	return answer
}

// wait gives what run returned, and checks that nothing was left behind.
func (b *bench) wait() error {
	b.t.Helper()
	select {
	case err := <-b.result:
		for _, path := range []string{b.socket, b.admin} {
			if _, statErr := os.Lstat(path); !errors.Is(statErr, os.ErrNotExist) {
				b.t.Errorf("%s is left behind", filepath.Base(path))
			}
		}
		return err
	case <-time.After(10 * time.Second):
		b.t.Fatalf("it does not end; its log:\n%s", b.stderr)
		return nil
	}
}

// eventually waits for a state.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	deadline := time.Now().Add(10 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 10 s: %s", what)
		}
		<-ticker.C
	}
}
