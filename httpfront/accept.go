package httpfront

import (
	"errors"
	"io"
	"net"
	"runtime/debug"
	"time"

	"penknife/streams"
)

// How long a failing accept pauses, and how long a refused connection may take to read its answer.
const (
	minAcceptPause = 5 * time.Millisecond
	maxAcceptPause = time.Second
	refusalTime    = time.Second
)

// acceptAll accepts until the listener is closed. Errors that pass, such as running out of descriptors, make it pause
// with growing length, so that it neither ends nor spins.
func (s *Server) acceptAll(ln net.Listener) error {
	pause := time.Duration(0)
	for {
		nc, err := ln.Accept()
		switch {
		case err == nil:
			pause = 0
			s.taken.Add(1)
			s.inside.Add(1)
			s.admit(nc)
			s.inside.Add(-1)
		case s.conns.isReleased():
			s.acceptRest(ln)
			return nil
		case errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF):
			return err
		default:
			if pause == 0 {
				s.log.Error("accept fails", "listen", ln.Addr().String(), "error", err)
			}
			pause = min(max(2*pause, minAcceptPause), maxAcceptPause)
			s.conns.pause(pause)
		}
	}
}

// maxLastAccepts bounds what acceptRest takes: as many come while it looks in a flood.
const maxLastAccepts = 4096

// acceptRest takes the connections that wait in the listener already: closing it would break them.
func (s *Server) acceptRest(ln net.Listener) {
	if waiting, ok := ln.(*streams.Listener); ok {
		_ = waiting.Rest(maxLastAccepts, s.admit) // an error is a listener that is closed
	}
}

// admit starts serving a connection, or refuses it.
func (s *Server) admit(nc net.Conn) {
	if reason := s.door.judge(nc); reason != "" {
		s.turnAway(nc, reason)
		nc.Close()
		return
	}
	if n := s.open.Add(1); s.limits.Connections > 0 && n > int64(s.limits.Connections) {
		s.open.Add(-1)
		s.refuseConnection(nc, &overConnections)
		return
	}
	c := newConn(s, nc)
	if !s.door.proxied && !c.sit() {
		s.open.Add(-1)
		s.refuseConnection(nc, &overSeats)
		return
	}
	s.conns.add(c)
	s.counter.ConnectionOpened()
	// Ends with its connection: by the client, a timeout, or Shutdown, which closes the socket at its deadline.
	go s.serve(c)
}

// serve lets fasthttp run the connection. ServeConn closes it; the deferred Close is for a panic in fasthttp.
func (s *Server) serve(c *conn) {
	defer c.Close()
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("panic on a connection", "client", c.peer.text, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	if s.door.proxied && !c.introduce() || s.tls != nil && !c.shakeHands() {
		return
	}
	if err := s.engine.ServeConn(c); err != nil {
		s.log.Debug("connection ended", "client", c.peer.text, "error", err)
	}
}

// refuseConnection tells a connection over a limit to come back later.
func (s *Server) refuseConnection(nc net.Conn, over *excess) {
	s.noteExcess(nc, over, nc.RemoteAddr().String())
	if !s.conns.beginRefusal() {
		nc.Close()
		return
	}
	// Ends after refusalTime at the latest.
	go func() {
		defer s.conns.endRefusal()
		defer nc.Close()
		client := ""
		if addr := addressOf(nc); addr.IsValid() {
			client = addr.Unmap().WithZone("").String()
		}
		s.tellExcess(nc, over, client)
	}()
}
