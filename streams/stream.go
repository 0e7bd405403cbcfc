package streams

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Stream is a connected stream socket. It is a net.Conn. One goroutine at a time may
// use it; Close, SetDeadline, SetReadDeadline and SetWriteDeadline may be called by others meanwhile.
type Stream struct {
	local  func(*Stream) net.Addr
	remote net.Addr

	mu              sync.Mutex // guards what follows up to the empty line; the poller guards the descriptor once it has it
	fd              int        // -1: closed
	file            *os.File   // the socket in the poller; nil: nobody had to wait yet
	readBy, writeBy time.Time  // deadlines for the poller
	flags           int        // of writes; who writes may read it without mu

	waiter *waiter // of the goroutine that uses it; nil as long as file is
	msg    Message
}

// waiter is what waiting needs.
type waiter struct {
	raw         syscall.RawConn
	read, write func(fd uintptr) bool // made once: closures would be allocated for each call

	p, q  []byte // of the call under way
	n     int
	errno unix.Errno
}

// newStream takes charge of a descriptor that does not block.
func newStream(fd int, local func(*Stream) net.Addr, remote net.Addr) *Stream {
	return &Stream{fd: fd, local: local, remote: remote}
}

// Read reads what is there, and waits until the read deadline if there is nothing yet. Errors: io.EOF,
// os.ErrDeadlineExceeded, net.ErrClosed, or what the socket says, a syscall.Errno. p is not empty.
func (s *Stream) Read(p []byte) (int, error) {
	if s.waiter == nil {
		n, errno, err := s.readNow(p)
		if err != nil || errno != unix.EAGAIN {
			return readResult(n, errno, err)
		}
		if err := s.join(); err != nil {
			return 0, err
		}
	}
	w := s.waiter
	w.p, w.n, w.errno = p, 0, 0
	err := w.raw.Read(w.read)
	w.p = nil
	return readResult(w.n, w.errno, closed(err))
}

// readNow reads without waiting, before the socket is in the poller.
func (s *Stream) readNow(p []byte) (n int, errno unix.Errno, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(s.readBy); err != nil {
		return 0, 0, err
	}
	n, errno = Read(s.fd, p)
	return n, errno, nil
}

// usable tells why a call may not even begin: after its deadline nothing is done, as in package net. mu is held.
func (s *Stream) usable(by time.Time) error {
	switch {
	case s.fd < 0:
		return net.ErrClosed
	case !by.IsZero() && !time.Now().Before(by):
		return os.ErrDeadlineExceeded
	}
	return nil
}

func readResult(n int, errno unix.Errno, err error) (int, error) {
	switch {
	case err != nil:
		return 0, err
	case errno != 0:
		return 0, errno
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// tryRead is called when there may be input; false lets it wait for some.
func (w *waiter) tryRead(fd uintptr) bool {
	w.n, w.errno = Read(int(fd), w.p)
	return w.errno != unix.EAGAIN
}

// Write sends all of p, waiting for room until the write deadline, and gives the number of bytes that were sent.
// Errors: os.ErrDeadlineExceeded, net.ErrClosed, or what the socket says, a syscall.Errno; EPIPE raises no signal.
func (s *Stream) Write(p []byte) (int, error) { return s.Write2(p, nil) }

// Write2 is Write for all of p and then all of q, with one call of the kernel if the socket takes both. The number
// counts the bytes of both.
func (s *Stream) Write2(p, q []byte) (int, error) {
	if len(p)+len(q) == 0 {
		return 0, nil
	}
	done := 0
	if s.waiter == nil {
		errno, err := s.writeNow(p, q, &done)
		if err != nil || errno != unix.EAGAIN {
			return writeResult(done, errno, err)
		}
		if err := s.join(); err != nil {
			return done, err
		}
		p, q = rest(p, q, done)
	}
	w := s.waiter
	w.p, w.q, w.n, w.errno = p, q, done, 0
	err := w.raw.Write(w.write)
	w.p, w.q = nil, nil
	return writeResult(w.n, w.errno, closed(err))
}

// Last says that what is written from now on is the last: Close follows at once, and sends it with the end of the stream, in
// one packet. It does something over TCP only.
func (s *Stream) Last() {
	if _, ok := s.remote.(*net.TCPAddr); ok {
		s.setFlags(unix.MSG_MORE)
	}
}

func (s *Stream) setFlags(flags int) {
	s.mu.Lock()
	s.flags = flags
	s.mu.Unlock()
}

// writeNow writes without waiting, before the socket is in the poller. done counts what is sent.
func (s *Stream) writeNow(p, q []byte, done *int) (errno unix.Errno, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(p)+len(q) > 0 {
		if err := s.usable(s.writeBy); err != nil {
			return 0, err
		}
		n, errno := s.send(s.fd, p, q)
		if errno != 0 {
			return errno, nil
		}
		*done += n
		p, q = rest(p, q, n)
	}
	return 0, nil
}

// send is one call of the kernel: the plain one if there is a single piece.
func (s *Stream) send(fd int, p, q []byte) (int, unix.Errno) {
	switch {
	case len(q) == 0:
		return write(fd, p, s.flags)
	case len(p) == 0:
		return write(fd, q, s.flags)
	}
	return s.msg.Send(fd, p, q, s.flags)
}

// rest is what is left of two pieces after n bytes.
func rest(p, q []byte, n int) ([]byte, []byte) {
	first := min(n, len(p))
	return p[first:], q[n-first:]
}

func writeResult(done int, errno unix.Errno, err error) (int, error) {
	if err == nil && errno != 0 {
		err = errno
	}
	return done, err
}

// tryWrite is called when there may be room; false lets it wait for some.
func (s *Stream) tryWrite(fd uintptr) bool {
	w := s.waiter
	for len(w.p)+len(w.q) > 0 {
		n, errno := s.send(int(fd), w.p, w.q)
		switch errno {
		case 0:
			w.n += n
			w.p, w.q = rest(w.p, w.q, n)
		case unix.EAGAIN:
			return false
		default:
			w.errno = errno
			return true
		}
	}
	return true
}

// join brings the descriptor into Go's poller.
func (s *Stream) join() error {
	if s.waiter != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd < 0 {
		return net.ErrClosed
	}
	file := os.NewFile(uintptr(s.fd), "connection")
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	s.file = file
	w := &waiter{raw: raw}
	w.read, w.write = w.tryRead, s.tryWrite
	s.waiter = w
	if !s.readBy.IsZero() {
		err = file.SetReadDeadline(s.readBy)
	}
	if !s.writeBy.IsZero() {
		err = errors.Join(err, file.SetWriteDeadline(s.writeBy))
	}
	return err
}

// closed translates what package os says of a descriptor that was closed.
func closed(err error) error {
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return errors.Join(net.ErrClosed, err)
}

// SetReadDeadline ends reads at t; a zero one is no deadline. It is only armed while the socket has to be waited for, so it
// costs nothing otherwise.
func (s *Stream) SetReadDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readBy = t
	switch {
	case s.fd < 0:
		return net.ErrClosed
	case s.file != nil:
		return s.file.SetReadDeadline(t)
	}
	return nil
}

// SetWriteDeadline is SetReadDeadline for writes.
func (s *Stream) SetWriteDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writeBy = t
	switch {
	case s.fd < 0:
		return net.ErrClosed
	case s.file != nil:
		return s.file.SetWriteDeadline(t)
	}
	return nil
}

// SetDeadline sets the read and the write deadline; a zero one is no deadline.
func (s *Stream) SetDeadline(t time.Time) error {
	return errors.Join(s.SetReadDeadline(t), s.SetWriteDeadline(t))
}

// Close closes the socket and ends calls that wait. Later calls give net.ErrClosed.
func (s *Stream) Close() error {
	s.mu.Lock()
	fd, file := s.fd, s.file
	s.fd = -1
	if fd >= 0 && s.flags != 0 {
		EndWrite(fd) // not by closing: with unread input that would throw away what is held back
	}
	if fd >= 0 && file == nil {
		Close(fd)
	}
	s.mu.Unlock()
	switch {
	case fd < 0:
		return net.ErrClosed
	case file != nil:
		return file.Close()
	}
	return nil
}

// CloseWrite tells the peer that nothing more will be sent (it reads the end of the stream). What was written before is
// still delivered, and reading goes on.
func (s *Stream) CloseWrite() error {
	return s.call("shutdown", func(fd uintptr) error { return unix.Shutdown(int(fd), unix.SHUT_WR) })
}

// SetLinger says what Close does with bytes that were not sent yet, as net.TCPConn.SetLinger does. 0: it discards them
// and resets the connection; negative: the kernel goes on sending them in the background.
func (s *Stream) SetLinger(seconds int) error {
	if seconds == 0 {
		s.setFlags(0)
	}
	linger := unix.Linger{Onoff: 1, Linger: int32(seconds)}
	if seconds < 0 {
		linger = unix.Linger{}
	}
	return s.call("setsockopt", func(fd uintptr) error {
		return unix.SetsockoptLinger(int(fd), unix.SOL_SOCKET, unix.SO_LINGER, &linger)
	})
}

func (s *Stream) call(name string, f func(fd uintptr) error) error {
	var problem error
	if err := (*raw)(s).Control(func(fd uintptr) { problem = f(fd) }); err != nil {
		return err
	}
	return os.NewSyscallError(name, problem)
}

// LocalAddr is the address that the client connected to.
func (s *Stream) LocalAddr() net.Addr { return s.local(s) }

// RemoteAddr is the client's address: a *net.TCPAddr or a *net.UnixAddr without a name.
func (s *Stream) RemoteAddr() net.Addr { return s.remote }

// SyscallConn gives access to the descriptor. Its Control may be called by any goroutine; the function that it is given
// must not wait or use the Stream.
func (s *Stream) SyscallConn() (syscall.RawConn, error) { return (*raw)(s), nil }

// raw is a Stream with the methods of syscall.RawConn.
type raw Stream

func (r *raw) Control(f func(fd uintptr)) error {
	r.mu.Lock()
	if r.file != nil {
		polled := r.waiter.raw
		r.mu.Unlock()
		return closed(polled.Control(f))
	}
	defer r.mu.Unlock()
	if r.fd < 0 {
		return net.ErrClosed
	}
	f(uintptr(r.fd))
	return nil
}

// Read calls f until it gives true, each time that there may be input, until the read deadline.
func (r *raw) Read(f func(fd uintptr) bool) error {
	if err := (*Stream)(r).join(); err != nil {
		return err
	}
	return closed(r.waiter.raw.Read(f))
}

// Write calls f until it gives true, each time that there may be room, until the write deadline.
func (r *raw) Write(f func(fd uintptr) bool) error {
	if err := (*Stream)(r).join(); err != nil {
		return err
	}
	return closed(r.waiter.raw.Write(f))
}
