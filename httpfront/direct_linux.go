package httpfront

import (
	"io"
	"net"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// direct reads and writes a socket without telling Go's scheduler of each call. A call that it is told of may take
// long: its monitor then gives the processor to another thread, which has to be woken. Sockets of package net never
// block, so these calls cannot take long. Waiting is left to the runtime's poller. Used by one goroutine.
type direct struct {
	raw         syscall.RawConn
	read, write func(fd uintptr) bool // made once: closures would be allocated for each call

	p     []byte // of the call under way
	n     int
	errno unix.Errno
}

// newDirect gives nil for a connection without a socket.
func newDirect(nc net.Conn) *direct {
	socket, ok := nc.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil
	}
	d := &direct{raw: raw}
	d.read, d.write = d.tryRead, d.tryWrite
	return d
}

// Read is that of the connection. p is not empty.
func (d *direct) Read(p []byte) (int, error) {
	d.p, d.n, d.errno = p, 0, 0
	err := d.raw.Read(d.read)
	d.p = nil
	switch {
	case err != nil:
		return 0, err
	case d.errno != 0:
		return 0, d.errno
	case d.n == 0:
		return 0, io.EOF
	}
	return d.n, nil
}

// tryRead is called when there may be input; false lets it wait for some.
func (d *direct) tryRead(fd uintptr) bool {
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&d.p[0])), uintptr(len(d.p)))
		switch errno {
		case 0:
			d.n = int(n)
			return true
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return false
		}
		d.errno = errno
		return true
	}
}

// Write is that of the connection: it sends all of p, or says how much of it.
func (d *direct) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	d.p, d.n, d.errno = p, 0, 0
	err := d.raw.Write(d.write)
	d.p = nil
	if err == nil && d.errno != 0 {
		err = d.errno
	}
	return d.n, err
}

func (d *direct) tryWrite(fd uintptr) bool {
	for d.n < len(d.p) {
		rest := d.p[d.n:]
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, fd, uintptr(unsafe.Pointer(&rest[0])), uintptr(len(rest)), unix.MSG_NOSIGNAL, 0, 0)
		switch errno {
		case 0:
			d.n += int(n)
		case unix.EINTR:
		case unix.EAGAIN:
			return false
		default:
			d.errno = errno
			return true
		}
	}
	return true
}
