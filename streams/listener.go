package streams

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// What a TCP connection does when its client is silent: after keepIdle it is asked every keepIdle whether it is there, and
// closed when it has not answered keepCount times. These are the values of package net.
const (
	keepIdle  = 15 // seconds
	keepCount = 9
)

// Listener accepts Streams from a listening socket. It is a net.Listener that also has SetDeadline. It works on a duplicate
// of the descriptor, because package os lets us use the poller with calls of our own and package net does not.
type Listener struct {
	under net.Listener
	file  *os.File // the duplicate
	raw   syscall.RawConn
	unix  bool
	local net.Addr // of every connection; nil: each has to be asked
	ready func(fd uintptr) bool

	// settled: those who had connected before the options were set, and so did not inherit them, are through.
	settled bool

	fd    int // what ready has accepted
	errno unix.Errno
	peer  unix.RawSockaddrAny
}

// Listen makes a Listener that accepts from the socket of under, a TCP or unix listener. Close closes under too. It
// fails if under has no File method, or no descriptor is left for a duplicate. Options that connections inherit are set
// on the socket itself, for everybody who has it: TCP_NODELAY and keep-alive probes, as package net sets them.
func Listen(under net.Listener) (*Listener, error) {
	source, ok := under.(interface{ File() (*os.File, error) })
	if !ok {
		return nil, fmt.Errorf("streams: a %T has no descriptor", under)
	}
	file, err := source.File()
	if err != nil {
		return nil, err
	}
	l := &Listener{under: under, file: file}
	if l.raw, err = file.SyscallConn(); err != nil {
		file.Close()
		return nil, err
	}
	l.ready = l.tryAccept
	switch addr := under.Addr().(type) {
	case *net.TCPAddr:
		if err := l.raw.Control(setOptions); err != nil {
			file.Close()
			return nil, err
		}
		if !addr.IP.IsUnspecified() && len(addr.IP) > 0 {
			l.local = addr
		}
	default:
		l.unix, l.local = true, addr
	}
	return l, nil
}

// setOptions sets what accepted sockets inherit, so that no connection pays for the calls. Without them a connection works
// as well, only later or longer, so failures do not matter.
func setOptions(fd uintptr) {
	unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, keepIdle)
	unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, keepIdle)
	unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keepCount)
}

// Accept waits for a connection, a *Stream, until the deadline. Only one goroutine at a time may call it. Errors:
// net.ErrClosed, os.ErrDeadlineExceeded, or what accept4(2) says, of which most pass.
func (l *Listener) Accept() (net.Conn, error) {
	if err := l.raw.Read(l.ready); err != nil {
		return nil, closed(err)
	}
	if l.errno != 0 {
		return nil, os.NewSyscallError("accept4", l.errno)
	}
	return l.stream(), nil
}

// stream makes a Stream of what was accepted.
func (l *Listener) stream() *Stream {
	if !l.settled && !l.unix {
		setOptions(uintptr(l.fd))
	}
	return newStream(l.fd, l.localOf, l.remote())
}

// Rest calls take with each connection that waits in the backlog already, at most max of them. It does not wait, and it
// ignores the deadline.
func (l *Listener) Rest(max int, take func(net.Conn)) error {
	return closed(l.raw.Control(func(fd uintptr) {
		for range max {
			if !l.tryAccept(fd) || l.errno != 0 {
				return
			}
			take(l.stream())
		}
	}))
}

// tryAccept gives false when no connection waits in the backlog.
func (l *Listener) tryAccept(listening uintptr) bool {
	for {
		l.fd, l.errno = Accept(int(listening), l.place())
		switch l.errno {
		case unix.ECONNABORTED: // the client has left before its turn came
		case unix.EAGAIN:
			l.settled = true
			return false
		default:
			return true
		}
	}
}

// place is where the kernel writes the peer's address; those of unix sockets say nothing.
func (l *Listener) place() *unix.RawSockaddrAny {
	if l.unix {
		return nil
	}
	return &l.peer
}

func (l *Listener) remote() net.Addr {
	if l.unix {
		return unnamed
	}
	return net.TCPAddrFromAddrPort(unmapped(&l.peer))
}

// unnamed is the address of every client on a unix socket.
var unnamed = &net.UnixAddr{Net: "unix"}

// localOf asks where the client connected to, if the listener's own address does not tell.
func (l *Listener) localOf(s *Stream) net.Addr {
	if l.local != nil {
		return l.local
	}
	addr := l.under.Addr()
	_ = (*raw)(s).Control(func(fd uintptr) { // an error: it is closed, and nobody connects to it
		if name, err := unix.Getsockname(int(fd)); err == nil {
			addr = tcpAddr(name)
		}
	})
	return addr
}

// Addr is the listening address.
func (l *Listener) Addr() net.Addr { return l.under.Addr() }

// SetDeadline ends Accept at t; a zero one is no deadline.
func (l *Listener) SetDeadline(t time.Time) error { return l.file.SetReadDeadline(t) }

// Close closes the Listener that this one was made of, and ends Accept. Connections stay.
func (l *Listener) Close() error {
	err := l.under.Close()
	if closeErr := l.file.Close(); !errors.Is(closeErr, os.ErrClosed) {
		err = errors.Join(err, closeErr)
	}
	return err
}
