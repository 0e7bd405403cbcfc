package uwsgifront

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
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
	"penknife/uwsgiproto"
)

// patience is how long a test waits for what must happen.
const patience = 5 * time.Second

// mode is how the fake handler gives its answer.
type mode int

const (
	modeSync  mode = iota + 1 // Serve returns it
	modeLater                 // another goroutine calls Later after Serve has returned
	modeEarly                 // Serve calls Later before it returns
)

var modes = map[string]mode{"sync": modeSync, "later": modeLater, "early": modeEarly}

// inMode makes a handler of a function that says what to answer.
func inMode(m mode, f gateway.HandlerFunc) gateway.Handler {
	return gateway.HandlerFunc(func(r *gateway.Request) (*gateway.Response, error) {
		if r.Later == nil || m == modeSync {
			return f(r)
		}
		later := r.Later
		if m == modeEarly {
			later(f(r))
			return nil, gateway.ErrPending
		}
		returned := make(chan struct{})
		go func() { // ends at once
			<-returned
			later(f(r))
		}()
		defer close(returned)
		return nil, gateway.ErrPending
	})
}

// fakeBody is a response body that remembers how it was closed.
type fakeBody struct {
	io.Reader
	closed atomic.Int32
	err    error
}

func (b *fakeBody) Read(p []byte) (int, error) {
	if b.Reader == nil {
		return 0, io.EOF
	}
	return b.Reader.Read(p)
}

func (b *fakeBody) CloseWithError(err error) {
	b.err = err
	b.closed.Add(1)
}

// whole makes a response whose body is there.
func whole(status int, fields, content string) *gateway.Response {
	return &gateway.Response{
		Status: status, Fields: []byte(fields), Length: int64(len(content)), Whole: []byte(content), Body: &fakeBody{},
	}
}

// recorder is Observer and Counter.
type recorder struct {
	mu       sync.Mutex
	outcomes []gateway.Outcome
	reasons  []string
	opened   int
	closed   int
	refused  int
}

func (r *recorder) RequestDone(_ *gateway.Request, o gateway.Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outcomes = append(r.outcomes, o)
}

func (r *recorder) add(n *int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	*n++
}

func (r *recorder) ConnectionOpened()        { r.add(&r.opened) }
func (r *recorder) ConnectionClosed()        { r.add(&r.closed) }
func (r *recorder) ConnectionRefused(string) { r.add(&r.refused) }

func (r *recorder) ProtocolError(reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reasons = append(r.reasons, reason)
}

// outcome waits for the one outcome.
func (r *recorder) outcome(t *testing.T) gateway.Outcome {
	t.Helper()
	var got gateway.Outcome
	testkit.Eventually(t, patience, func() error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.outcomes) != 1 {
			return fmt.Errorf("%d outcomes", len(r.outcomes))
		}
		got = r.outcomes[0]
		return nil
	})
	return got
}

func (r *recorder) has(reason string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range r.reasons {
		if one == reason {
			return true
		}
	}
	return false
}

// front is a Server under test with one listener.
type front struct {
	*Server
	*recorder
	addr     sockets.Addr
	logs     *testkit.Buffer
	done     chan error // what Serve returned
	shutOnce sync.Once
}

// testLimits are the defaults with short times.
func testLimits() configs.Limits {
	limits := configs.Default().Limits
	limits.HeaderTime, limits.BodyTime, limits.WriteTime = patience, patience, patience
	return limits
}

// networks are the addresses that a test listens on.
func networks(t testing.TB) map[string]string {
	return map[string]string{"unix": "unix:" + filepath.Join(t.TempDir(), "s"), "tcp": ":0"}
}

// shortLook is the lastLook of tests, which stop hundreds of servers.
const shortLook = 5 * time.Millisecond

func start(t testing.TB, listen string, limits configs.Limits, handler gateway.Handler) *front {
	t.Helper()
	return startWith(t, listen, configs.Uwsgi{}, limits, handler)
}

func startWith(t testing.TB, listen string, cfg configs.Uwsgi, limits configs.Limits, handler gateway.Handler) *front {
	t.Helper()
	f := &front{recorder: &recorder{}, logs: &testkit.Buffer{}, done: make(chan error, 1)}
	var id atomic.Uint64
	var err error
	f.Server, err = New(cfg, limits, Deps{
		Handler: handler, Observer: f.recorder, Counter: f.recorder, NextID: func() uint64 { return id.Add(1) },
		Log: slog.New(slog.NewTextHandler(f.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	f.conns.lastLook = shortLook
	addr, err := sockets.Parse(listen)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := sockets.Listen(context.Background(), addr, sockets.Permissions{Mode: 0o666, UID: -1, GID: -1})
	if err != nil {
		t.Fatal(err)
	}
	f.addr = ln.Address()
	go func() { f.done <- f.Serve(ln) }() // ended by shutdown
	t.Cleanup(func() { f.shutdown(t) })
	return f
}

// shutdown stops the server and checks that it came to rest.
func (f *front) shutdown(t testing.TB) {
	t.Helper()
	f.shutOnce.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := f.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-f.done; err != nil {
			t.Errorf("serve: %v", err)
		}
		if open := f.open.Load(); open != 0 || f.opened != f.closed {
			t.Errorf("%d connections are open, %d were opened, %d closed", open, f.opened, f.closed)
		}
	})
}

// client is one raw connection.
type client struct {
	net.Conn
	t testing.TB
	r *bufio.Reader
}

func (f *front) dial(t testing.TB) *client {
	t.Helper()
	conn, err := net.Dial(f.addr.Network, f.addr.Address)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(2 * patience))
	t.Cleanup(func() { conn.Close() })
	return &client{Conn: conn, t: t, r: bufio.NewReader(conn)}
}

func (c *client) send(bytes string) *client {
	c.t.Helper()
	if _, err := io.WriteString(c, bytes); err != nil {
		c.t.Fatal(err)
	}
	return c
}

// all reads to the end, which must be a clean one.
func (c *client) all() string {
	c.t.Helper()
	text, err := io.ReadAll(c.r)
	if err != nil {
		c.t.Fatalf("after %q: %v", text, err)
	}
	return string(text)
}

// answer reads one HTTP answer to a request with the given method.
func (c *client) answer(method string) (*http.Response, string) {
	c.t.Helper()
	text := c.all()
	resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(text)), &http.Request{Method: method})
	if err != nil {
		c.t.Fatalf("%q: %v", text, err)
	}
	_, content, _ := strings.Cut(text, "\r\n\r\n")
	return resp, content
}

// block encodes KEY=value texts.
func block(vars ...string) string {
	var b []byte
	for _, v := range vars {
		key, value, _ := strings.Cut(v, "=")
		var err error
		if b, err = uwsgiproto.AppendVar(b, key, value); err != nil {
			panic(err)
		}
	}
	return string(b)
}

// frame puts a header before a block.
func frame(modifier1 byte, block string) string {
	b, err := uwsgiproto.AppendHeader(nil, uwsgiproto.Header{Modifier1: modifier1, Size: len(block)})
	if err != nil {
		panic(err)
	}
	return string(b) + block
}

// packet is a request packet.
func packet(vars ...string) string { return frame(0, block(vars...)) }

// get is the simplest request.
func get(more ...string) string {
	return packet(append([]string{"REQUEST_METHOD=GET", "PATH_INFO=/", "CONTENT_LENGTH="}, more...)...)
}

func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}
