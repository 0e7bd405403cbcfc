package httpfront

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"penknife/gateway"
)

// TestShutdown_DoesNotWaitForAClientThatStays: a refused connection is kept for a while, so that its answer arrives; a
// stop must not take that long.
func TestShutdown_DoesNotWaitForAClientThatStays(t *testing.T) {
	f := startFront(t, gateway.HandlerFunc(func(*gateway.Request) (*gateway.Response, error) {
		return whole(200, "", "x"), nil
	}), options{})
	c := f.dial(t)
	c.send("GET / HTTP/1.1\r\nHost : a\r\n\r\n")
	if head := c.head(); !strings.HasPrefix(head, "HTTP/1.1 400") {
		t.Fatal(head)
	}
	ctx, cancel := context.WithTimeout(t.Context(), lingerTime)
	defer cancel()
	began := time.Now()
	if err := f.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > lingerTime/2 {
		t.Errorf("stopped after %s", took)
	}
}

// stoppedConn is a connection during whose end the server is stopped.
type stoppedConn struct {
	net.Conn
	stop     func()
	deadline time.Time
}

func (s *stoppedConn) CloseWrite() error {
	s.stop()
	return nil
}

func (s *stoppedConn) SetReadDeadline(t time.Time) error {
	s.deadline = t
	return nil
}

func (s *stoppedConn) Read([]byte) (int, error) { return 0, io.EOF }

// TestLingerOn_StopInBetween: a stop that comes while the connection begins to linger shortens that too.
func TestLingerOn_StopInBetween(t *testing.T) {
	f := startFront(t, hello(), options{})
	nc := &stoppedConn{Conn: &loopConn{}}
	c := newConn(f.Server, nc)
	f.Server.conns.add(c)
	defer f.Server.conns.remove(c)
	nc.stop = func() {
		f.Server.advance(phaseStopping)
		f.Server.conns.wakeIdle()
	}
	c.lingerOn()
	if left := time.Until(nc.deadline); left > lingerStop {
		t.Errorf("it lingers for %s after the stop", left)
	}
}

// TestAnswerBeforeUnreadBytes: bytes behind the last request of a connection (old browsers send an empty line behind a
// body) are answered by no reset, which would take from the client what it has not read of its answer. They come in the
// segment of the body, of which the body's reader takes only its own.
func TestAnswerBeforeUnreadBytes(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for name, o := range map[string]options{"tcp": {}, "unix": {network: "unix"}, "tls": encrypted(t)} {
		for _, line := range []string{"1.1\r\nConnection: close", "1.0"} {
			t.Run(name+"/"+line[:3], func(t *testing.T) {
				entered := make(chan struct{}, 1)
				f := startFront(t, gateway.HandlerFunc(func(r *gateway.Request) (*gateway.Response, error) {
					entered <- struct{}{}
					if got, err := readAll(r); string(got) != "body" {
						t.Errorf("%q, %v", got, err)
					}
					return whole(200, "", long), nil
				}), o)
				c := f.dial(t)
				c.send("POST / HTTP/" + line + "\r\nHost: a\r\nContent-Length: 4\r\n\r\n")
				<-entered
				c.send("body\r\n")
				if got := c.rest(); !strings.HasSuffix(got, "\r\n\r\n"+long) {
					t.Errorf("%d bytes", len(got))
				}
			})
		}
	}
}

// TestAnswerBeforeLateBytes: bytes that come while the last request of a connection is served are answered by no reset
// either, be they an empty line or another request that nobody may answer any more. The server may be the one who ends
// the connection: a client that pipelines has done nothing wrong then (RFC 9112 section 9.6).
func TestAnswerBeforeLateBytes(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for name, o := range map[string]options{"tcp": {}, "unix": {network: "unix"}, "tls": encrypted(t)} {
		for end, line := range map[string]string{"close": "1.1\r\nConnection: close", "1.0": "1.0", "stop": "1.1"} {
			for late, bytes := range map[string]string{"an empty line": "\r\n", "a request": get + "\r\n"} {
				t.Run(name+"/"+end+"/"+late, func(t *testing.T) {
					entered, release := make(chan struct{}, 2), make(chan struct{})
					f := startFront(t, gateway.HandlerFunc(func(*gateway.Request) (*gateway.Response, error) {
						entered <- struct{}{}
						<-release
						return whole(200, "", long), nil
					}), o)
					c := f.dial(t)
					c.send("GET / HTTP/" + line + "\r\nHost: a\r\n\r\n")
					<-entered
					c.send(bytes)
					if end == "stop" {
						f.Server.Part()
					}
					close(release)
					got, err := io.ReadAll(c.Reader)
					if err != nil || !strings.HasSuffix(string(got), "\r\n\r\n"+long) || strings.Count(string(got), "HTTP/1.1 ") != 1 {
						t.Errorf("%d bytes, %v", len(got), err)
					}
				})
			}
		}
	}
}

// TestUpgradeIsNotHeldUpByAnOpenEnd: a client that keeps its direction open behind its last answer (a pool of
// connections that looks only when it needs one) is not waited for long.
func TestUpgradeIsNotHeldUpByAnOpenEnd(t *testing.T) {
	f := startFront(t, hello(), options{})
	c := f.dial(t)
	f.Server.Part()
	c.send(get + "\r\n")
	c.response()
	began := time.Now()
	waitFor(t, "the connection is gone", func() bool { return f.Server.open.Load() == 0 })
	if took := time.Since(began); took > lingerTime/2 {
		t.Errorf("gone after %s", took)
	}
}
