package httpfront

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"penknife/configs"
	"penknife/gateway"
)

func TestShutdown(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	f := startFront(t, gateway.HandlerFunc(func(req *gateway.Request) (*gateway.Response, error) {
		if string(req.Path) == "/slow" {
			close(arrived)
			<-release
		}
		return whole(200, "", "done"), nil
	}), options{})
	fresh, used, busy := f.dial(t), f.dial(t), f.dial(t)
	used.send(get + "\r\n")
	used.response()
	busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
	<-arrived
	waitFor(t, "all connections are there", func() bool { return f.opened.Load() == 3 })

	stopped := make(chan error, 1)
	go func() { stopped <- f.Shutdown(context.Background()) }() // ends when the busy request has
	fresh.ended()
	used.ended()
	select {
	case err := <-stopped:
		t.Fatal("Shutdown did not wait:", err)
	default:
	}
	waitFor(t, "nobody is accepted", func() bool { // the accept loop closes its listener itself, when it is told to
		nc, err := net.Dial("tcp", f.ln.Addr().String())
		if err == nil {
			nc.Close()
		}
		return err != nil
	})
	close(release)
	if head := busy.head(); !strings.Contains(head, "200 OK") || !strings.Contains(head, "Connection: close\r\n") {
		t.Errorf("%q", head)
	}
	busy.expect("done")
	busy.ended()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if err := f.Serve(f.ln); !errors.Is(err, ErrStopped) {
		t.Error("Serve after Shutdown:", err)
	}
}

// TestShutdownServesWhatHasArrived: a request that lies in the socket of an idle connection is not lost.
func TestShutdownServesWhatHasArrived(t *testing.T) {
	f := startFront(t, echo, options{})
	c := f.dial(t)
	c.send(get + "\r\n")
	c.response()
	f.Server.advance(phaseStopping) // as Shutdown does first; the connection's goroutine has not looked yet
	c.send("POST /last HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxy")
	if _, body := c.response(); body != "POST /last [xy]" {
		t.Errorf("%q", body)
	}
	c.ended()
}

func TestShutdownAtItsDeadline(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	f := startFront(t, gateway.HandlerFunc(func(*gateway.Request) (*gateway.Response, error) {
		close(arrived)
		<-release
		return whole(200, "", "late"), nil
	}), options{})
	c := f.dial(t)
	c.send(get + "\r\n")
	<-arrived
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := f.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	c.ended()
	close(release)
	if o := f.next(t); gateway.KindOf(o.Err) != gateway.KindClientGone {
		t.Errorf("outcome %+v", o)
	}
}

func TestTooManyConnections(t *testing.T) {
	f := startFront(t, echo, options{limits: configs.Limits{Connections: 2}})
	first, second := f.dial(t), f.dial(t)
	for _, c := range []*client{first, second} {
		c.send(get + "\r\n")
		c.response()
	}
	third := f.dial(t)
	third.send(get + "\r\n")
	head := third.head()
	if !strings.HasPrefix(head, "HTTP/1.1 503 ") || !strings.Contains(head, "Retry-After: 1\r\n") || !strings.Contains(head, "Connection: close\r\n") {
		t.Errorf("%q", head)
	}
	third.expect("503 Service Unavailable\n\ntoo many connections\n")
	third.ended()
	refusals := 0
	for range 3 { // a client may have its answer before the observer hears of it, so they come in any order
		f.next(t)
	}
	for _, o := range f.all() {
		if o.Status == 503 && gateway.KindOf(o.Err) == gateway.KindOverloaded {
			refusals++
		}
	}
	if refusals != 1 {
		t.Errorf("the observer was told %+v", f.all())
	}
	first.Close()
	waitFor(t, "the place is free", func() bool { return f.Server.open.Load() == 1 })
	fourth := f.dial(t)
	fourth.send(get + "\r\n")
	if status, _ := fourth.response(); status != "200" {
		t.Errorf("status %s", status)
	}
	if n := f.refused.Load(); n != 1 {
		t.Errorf("%d refused", n)
	}
}

// flakyListener fails a few times before it accepts.
type flakyListener struct {
	net.Listener
	failures int
}

func (l *flakyListener) Accept() (net.Conn, error) {
	if l.failures > 0 {
		l.failures--
		return nil, errors.New("accept4: too many open files")
	}
	return l.Listener.Accept()
}

func TestAcceptErrorsPass(t *testing.T) {
	f := startFront(t, echo, options{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- f.Serve(&flakyListener{ln, 3}) }() // ends with Shutdown
	nc, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(patience))
	nc.Write([]byte("GET / HTTP/1.0\r\n\r\n"))
	if n, err := nc.Read(make([]byte, 10)); n == 0 {
		t.Error(err)
	}
	f.Shutdown(context.Background())
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestListenerThatIsClosedFromOutside(t *testing.T) {
	f := startFront(t, echo, options{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- f.Serve(ln) }() // ends with ln
	ln.Close()
	if err := <-served; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// TestPart: answers say that they are the last, and new connections are accepted.
func TestPart(t *testing.T) {
	f := startFront(t, echo, options{})
	old := f.dial(t)
	old.send(get + "\r\n")
	old.response()
	f.Part()
	for _, c := range []*client{old, f.dial(t)} {
		c.send(get + "\r\n")
		if head := c.head(); !strings.Contains(head, "Connection: close\r\n") {
			t.Errorf("%q", head)
		}
		c.expect("GET / []")
		c.ended()
	}
}

// TestRelease: nobody new is accepted, and who is connected is answered once more, however late it asks.
func TestRelease(t *testing.T) {
	f := startFront(t, echo, options{})
	used, fresh := f.dial(t), f.dial(t)
	used.send(get + "\r\n")
	used.response()
	waitFor(t, "both are there", func() bool { return f.opened.Load() == 2 })
	released := make(chan error, 1)
	go func() { released <- f.Release(context.Background(), true) }() // ends with the last connection
	waitFor(t, "nobody is accepted", func() bool {
		nc, err := net.Dial("tcp", f.ln.Addr().String())
		if err == nil {
			nc.Close()
		}
		return err != nil
	})
	for _, c := range []*client{used, fresh} {
		select {
		case err := <-released:
			t.Fatal("Release did not wait:", err)
		default:
		}
		c.send(get + "\r\n")
		if head := c.head(); !strings.Contains(head, "Connection: close\r\n") {
			t.Errorf("%q", head)
		}
		c.expect("GET / []")
		c.ended()
	}
	if err := <-released; err != nil {
		t.Error(err)
	}
}

// TestReleaseAtItsDeadline gives up, and Shutdown ends what is left.
func TestReleaseAtItsDeadline(t *testing.T) {
	f := startFront(t, echo, options{})
	idle := f.dial(t)
	idle.send(get + "\r\n")
	idle.response()
	over, cancel := context.WithCancel(context.Background())
	cancel()
	if err := f.Release(over, true); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := f.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	idle.ended()
}
