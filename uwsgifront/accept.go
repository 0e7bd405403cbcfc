package uwsgifront

import (
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"penknife/clients"
	"penknife/gateway"
	"penknife/streams"
)

const (
	// minAcceptPause and maxAcceptPause bound how long a failing accept pauses.
	minAcceptPause = 5 * time.Millisecond
	maxAcceptPause = time.Second
	// maxLate is how many connections may wait for the accept loop's second look.
	maxLate = 16
	// maxLastAccepts bounds what is taken out of a backlog at the end, since new peers may still arrive over TCP.
	maxLastAccepts = 4096
	// lastLook is how long a TCP listener still accepts when its server stops: a peer that has connected sends at once, but on
	// a busy machine it may have to wait for a CPU between the two.
	lastLook = 200 * time.Millisecond
)

// acceptor is the accept loop of one listener.
//
// It works on a duplicate of the listening descriptor, because package os lets us use the poller with calls of our
// own and package net does not. Handlers are called from here: one that blocks when Request.Later is set stops every
// new connection of this listener.
type acceptor struct {
	srv    *Server
	ln     net.Listener
	file   *os.File // the duplicate
	raw    syscall.RawConn
	isUnix bool
	peer   unix.RawSockaddrAny // of the last accept; stays empty for unix sockets
	late   []*conn             // accepted, but there was nothing to read yet
	pause  time.Duration       // grows while accept fails
	errno  unix.Errno          // why ready stopped
	inside atomic.Bool         // the loop is not waiting
	taken  atomic.Uint64       // connections
}

func newAcceptor(s *Server, ln net.Listener) (*acceptor, error) {
	source, ok := ln.(interface{ File() (*os.File, error) })
	if !ok {
		return nil, fmt.Errorf("uwsgifront: a %T has no descriptor", ln)
	}
	file, err := source.File()
	if err != nil {
		return nil, err
	}
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return nil, err
	}
	a := &acceptor{srv: s, ln: ln, file: file, raw: raw, isUnix: ln.Addr().Network() == "unix"}
	if !a.isUnix {
		raw.Control(setTCPOptions)
	}
	return a, nil
}

// setTCPOptions sets on the listening socket what accepted ones inherit, so that no connection pays for the calls.
// Nothing depends on them but speed, so failures do not matter.
func setTCPOptions(fd uintptr) {
	unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	// A web server connects, waits until that has worked, and then sends. Let the kernel hold a connection back until
	// its first bytes are there, for about a second; without it the accept loop comes too early nine times of ten.
	unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 1)
}

// holdNobodyBack undoes TCP_DEFER_ACCEPT: from now on connections are in the backlog as soon as they are made. It tells
// whether there is such an option, which is on TCP only.
func (a *acceptor) holdNobodyBack() (held bool) {
	if a.isUnix {
		return false
	}
	err := a.raw.Control(func(fd uintptr) {
		held = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 0) == nil
	})
	return held && err == nil
}

// run accepts until stop. Errors that pass, such as running out of descriptors, make it pause with growing length, so
// that it neither ends nor spins.
func (a *acceptor) run() error {
	ready := func(fd uintptr) bool {
		a.errno = a.takeAll(int(fd))
		return a.errno != unix.EAGAIN
	}
	for {
		err := a.raw.Read(ready)
		switch {
		case a.srv.conns.stopping.Load():
			return a.takeLast()
		case err != nil:
			return err
		case !passes(a.errno):
			return os.NewSyscallError("accept4", a.errno)
		}
		if a.pause == 0 {
			a.srv.warn("accept fails", "listen", a.ln.Addr().String(), "error", a.errno)
		}
		a.pause = min(max(2*a.pause, minAcceptPause), maxAcceptPause)
		a.srv.conns.pause(a.pause)
	}
}

// passes tells which errors of accept go away by themselves.
func passes(errno unix.Errno) bool {
	switch errno {
	case unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM, unix.ECONNABORTED, unix.EPROTO, unix.EPERM:
		return true
	}
	return false
}

// takeAll accepts until there is nothing more (EAGAIN), an error, or the stop (0).
func (a *acceptor) takeAll(listening int) unix.Errno {
	a.inside.Store(true)
	defer a.inside.Store(false)
	for !a.srv.conns.stopping.Load() {
		fd, errno := streams.Accept(listening, a.peerPlace())
		switch errno {
		case 0:
			a.pause = 0
			a.taken.Add(1)
			a.take(fd)
		case unix.ECONNABORTED:
		default:
			a.lookAgain()
			return errno
		}
	}
	a.lookAgain()
	return 0
}

// takeLast closes the listener, which removes a socket file, and then serves the connections that are in the backlog by
// then. The kernel resets those that come between the last accept and the close of the descriptor, so nothing else is
// done between the two.
func (a *acceptor) takeLast() error {
	a.ln.Close()
	err := a.raw.Control(func(listening uintptr) {
		for range maxLastAccepts {
			fd, errno := streams.Accept(int(listening), a.peerPlace())
			if errno != 0 {
				break
			}
			a.take(fd)
		}
	})
	a.file.Close()
	a.lookAgain()
	return err
}

// take starts one connection.
func (a *acceptor) take(fd int) {
	s := a.srv
	if !a.isUnix && !a.admits() {
		streams.Close(fd)
		s.counter.ConnectionRefused(clients.RefusedAddress)
		s.warn("peer refused", "reason", clients.RefusedAddress, "client", streams.PeerAddr(&a.peer).String(), "listen", a.ln.Addr().String())
		return
	}
	c := s.conns.acquire(s)
	c.begin(fd, a.isUnix)
	if open := s.open.Add(1); s.limits.Connections > 0 && open > int64(s.limits.Connections) {
		a.refuse(c)
		return
	}
	s.counter.ConnectionOpened()
	c.counted = true
	if c.tryServe() {
		return
	}
	if a.late = append(a.late, c); len(a.late) >= maxLate {
		a.lookAgain()
	}
}

// lookAgain gives the connections that had nothing to say a second chance before each costs a goroutine: a peer
// connects and sends in two calls, and an accept loop that is awake comes between them.
func (a *acceptor) lookAgain() {
	for i, c := range a.late {
		a.late[i] = nil
		if !c.tryServe() {
			c.goOn(c.serve)
		}
	}
	a.late = a.late[:0]
}

// unknownMethod stands for the method of a request that was not read.
var unknownMethod = []byte("-")

// errTooManyConnections is the answer to a connection over limits.connections.
var errTooManyConnections = &gateway.Error{
	Kind: gateway.KindOverloaded, Reason: "too many connections", Public: true, RetryAfter: time.Second,
}

// refuse tells a connection over the limit to come back later.
func (a *acceptor) refuse(c *conn) {
	s := a.srv
	s.counter.ConnectionRefused(clients.RefusedConnections)
	s.warn("connection refused", "reason", "limits.connections", "listen", a.ln.Addr().String())
	if !s.conns.beginRefusal() {
		c.finish()
		return
	}
	c.goOn(func() {
		defer s.conns.endRefusal()
		defer c.finish()
		c.req.RequestID = s.ids.Append(nil, c.req.ID)
		c.req.Method = unknownMethod
		err := c.writePage(errTooManyConnections)
		if s.observer != nil {
			s.observer.RequestDone(&c.req, gateway.Outcome{
				Status: c.status, Sent: c.sent, Head: c.head, Total: time.Since(c.start), Err: errTooManyConnections,
			})
		}
		if err == nil {
			c.linger()
		}
	})
}

// peerPlace is where accept puts the peer's address; unix peers have none.
func (a *acceptor) peerPlace() *unix.RawSockaddrAny {
	if a.isUnix {
		return nil
	}
	return &a.peer
}

// admits applies allow_from and deny_from to the last peer; without the first, only this machine is let in.
func (a *acceptor) admits() bool {
	ip := streams.PeerAddr(&a.peer).Addr()
	access := a.srv.access.Load()
	return access.Admits(ip) && (access.Selective() || ip.Unmap().IsLoopback())
}
