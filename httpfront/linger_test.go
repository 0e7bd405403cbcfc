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
