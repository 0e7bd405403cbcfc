package httpfront

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"penknife/clients"
	"penknife/configs"
	"penknife/gateway"
	"penknife/internal/testkit"
	"penknife/requestids"
	"penknife/uwsgiproto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 5 * time.Second

// fakeBody makes a gateway.Body of a reader and remembers how it was closed.
type fakeBody struct {
	io.Reader
	closed chan error
}

func newBody(r io.Reader) *fakeBody { return &fakeBody{r, make(chan error, 2)} }

func (b *fakeBody) CloseWithError(err error) { b.closed <- err }

// whole is a response that the engine holds completely.
func whole(status int, fields, body string) *gateway.Response {
	return &gateway.Response{Status: status, Reason: []byte("OK"), Fields: []byte(fields), Length: int64(len(body)),
		Whole: []byte(body), Body: newBody(strings.NewReader(""))}
}

// streamed is a response that is read.
func streamed(length int64, r io.Reader) *gateway.Response {
	return &gateway.Response{Status: 200, Reason: []byte("OK"), Length: length, Body: newBody(r)}
}

// readAll reads a request's body as an engine does.
func readAll(req *gateway.Request) ([]byte, error) {
	if req.Body == nil {
		return nil, nil
	}
	return io.ReadAll(req.Body)
}

// echo answers with what the request was, in lines that a test can compare.
var echo = gateway.HandlerFunc(func(req *gateway.Request) (*gateway.Response, error) {
	body, err := readAll(req)
	if err != nil {
		return nil, err
	}
	return whole(200, "", string(req.Method)+" "+string(req.Target)+" ["+string(body)+"]"), nil
})

// varsOf decodes a var block; a repeated key fails.
func varsOf(t *testing.T, block []byte) map[string]string {
	t.Helper()
	vars := map[string]string{}
	for rest := uwsgiproto.Vars(block); len(rest) > 0; {
		key, value, after, err := rest.Next()
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := vars[string(key)]; twice {
			t.Errorf("%s occurs twice", key)
		}
		vars[string(key)], rest = string(value), after
	}
	return vars
}

// recorder is an Observer and a Counter.
type recorder struct {
	mu                                 sync.Mutex
	outcomes                           []gateway.Outcome
	reasons, handshakes                []string
	done                               chan struct{}
	opened, closedConns, refused, idle atomic.Int64
}

func newRecorder() *recorder { return &recorder{done: make(chan struct{}, 1000)} }

func (r *recorder) RequestDone(_ *gateway.Request, o gateway.Outcome) {
	r.mu.Lock()
	r.outcomes = append(r.outcomes, o)
	r.mu.Unlock()
	r.done <- struct{}{}
}
func (r *recorder) ConnectionOpened() { r.opened.Add(1) }
func (r *recorder) ConnectionClosed() { r.closedConns.Add(1) }
func (r *recorder) ConnectionRefused(reason string) {
	r.refused.Add(1)
	r.ProtocolError(reason)
}
func (r *recorder) ConnectionIdle() { r.idle.Add(1) }
func (r *recorder) TLSHandshake(result string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.handshakes = append(r.handshakes, result)
}
func (r *recorder) ProtocolError(reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reasons = append(r.reasons, reason)
}

// next waits for one more outcome.
func (r *recorder) next(t *testing.T) gateway.Outcome {
	t.Helper()
	select {
	case <-r.done:
	case <-time.After(patience):
		t.Fatal("no outcome")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.outcomes[len(r.outcomes)-1]
}

// all gives the outcomes so far.
func (r *recorder) all() []gateway.Outcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.outcomes)
}

func (r *recorder) sortedReasons() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	sort.Strings(r.reasons)
	return strings.Join(r.reasons, " ")
}

// front is a server under test.
type front struct {
	*Server
	*recorder
	ln     net.Listener
	served chan error
	trusts *tls.Config // of clients; nil: they speak plain HTTP
}

type options struct {
	cfg       configs.HTTP
	limits    configs.Limits
	network   string // "tcp" unless set
	address   string
	log       *slog.Logger
	ids       *requestids.Source
	tls       *tls.Config // of the server; nil: plain HTTP
	authority *testkit.Authority
	seats     *clients.Connections
}

// startFront serves handler until the test ends.
func startFront(t testing.TB, handler gateway.Handler, o options) *front {
	t.Helper()
	if o.network == "" {
		o.network, o.address = "tcp", "127.0.0.1:0"
	}
	if o.network == "unix" && o.address == "" {
		o.address = filepath.Join(t.TempDir(), "s")
	}
	ln, err := net.Listen(o.network, o.address)
	if err != nil {
		t.Fatal(err)
	}
	f := &front{recorder: newRecorder(), ln: ln, served: make(chan error, 1)}
	var ids atomic.Uint64
	deps := Deps{Handler: handler, Observer: f.recorder, Counter: f.recorder,
		NextID: func() uint64 { return ids.Add(1) }, Log: o.log, IDs: o.ids, Seats: o.seats}
	if o.tls != nil {
		deps.TLS = func() *tls.Config { return o.tls }
		f.trusts = &tls.Config{RootCAs: o.authority.Pool, ServerName: "localhost"}
	}
	f.Server, err = New(o.cfg, o.limits, deps)
	if err != nil {
		t.Fatal(err)
	}
	go func() { f.served <- f.Serve(ln) }() // ends with the Shutdown below
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := f.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if err := <-f.served; err != nil && !errors.Is(err, ErrStopped) {
			t.Error("Serve:", err)
		}
	})
	return f
}

// client is a raw connection to a front.
type client struct {
	net.Conn
	*bufio.Reader
	t testing.TB
}

func (f *front) dial(t testing.TB) *client {
	t.Helper()
	nc, err := net.Dial(f.ln.Addr().Network(), f.ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	nc.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { nc.Close() })
	if f.trusts != nil {
		nc = tls.Client(nc, f.trusts)
	}
	return &client{nc, bufio.NewReader(nc), t}
}

func (c *client) Read(p []byte) (int, error) { return c.Reader.Read(p) }

func (c *client) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.Conn, text); err != nil {
		c.t.Fatal("send:", err)
	}
}

// expect reads exactly want.
func (c *client) expect(want string) {
	c.t.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(c.Reader, got)
	if err != nil || string(got) != want {
		c.t.Fatalf("got %q, %v; want %q", got[:n], err, want)
	}
}

// head reads one response head.
func (c *client) head() string {
	c.t.Helper()
	var text strings.Builder
	for {
		line, err := c.Reader.ReadString('\n')
		text.WriteString(line)
		if err != nil {
			c.t.Fatalf("head %q: %v", text.String(), err)
		}
		if line == "\r\n" {
			return text.String()
		}
	}
}

// rest reads until the connection ends.
func (c *client) rest() string {
	c.t.Helper()
	got, err := io.ReadAll(c.Reader)
	if err != nil {
		c.t.Fatalf("after %q: %v", got, err)
	}
	return string(got)
}

// ended tells that the server has closed, by FIN or reset.
func (c *client) ended() {
	c.t.Helper()
	if got, err := io.ReadAll(c.Reader); len(got) > 0 {
		c.t.Fatalf("more than expected: %q, %v", got, err)
	} else if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
		c.t.Fatal("the connection stays open")
	}
}

// response reads one response with Content-Length and gives its status and body.
func (c *client) response() (status, body string) {
	c.t.Helper()
	head := c.head()
	status = strings.TrimPrefix(head[:12], "HTTP/1.1 ")
	_, after, found := strings.Cut(head, "Content-Length: ")
	if !found {
		return status, ""
	}
	length := 0
	for _, d := range after[:strings.Index(after, "\r\n")] {
		length = length*10 + int(d-'0')
	}
	content := make([]byte, length)
	if _, err := io.ReadFull(c.Reader, content); err != nil {
		c.t.Fatal(err)
	}
	return status, string(content)
}

// waitFor waits until a condition holds.
func waitFor(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(patience); !holds(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("never happened: ", what)
		}
	}
}
