package streams

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Accept takes one connection from a listening socket that does not block; the descriptor neither blocks nor survives an
// exec. It is the caller's to close. peer gets the address; it may be nil. Errno 0 is success, EAGAIN means that none waits.
func Accept(listening int, peer *unix.RawSockaddrAny) (int, unix.Errno) {
	size := uint32(unix.SizeofSockaddrAny)
	sizePlace := &size
	if peer == nil {
		sizePlace = nil
	}
	for {
		fd, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(listening), uintptr(unsafe.Pointer(peer)),
			uintptr(unsafe.Pointer(sizePlace)), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
		if errno != unix.EINTR {
			return int(fd), errno
		}
	}
}

// Read reads what is there; 0 with errno 0 is the end, EAGAIN means that there is nothing yet. p is not empty, and the
// descriptor does not block.
func Read(fd int, p []byte) (int, unix.Errno) {
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
		switch errno {
		case 0:
			return int(n), 0
		case unix.EINTR:
			continue
		}
		return 0, errno
	}
}

// HasInput tells whether there are bytes that were not read; it does not wait. The end is none.
func HasInput(fd int) bool {
	var one [1]byte
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&one[0])), 1,
		unix.MSG_PEEK|unix.MSG_DONTWAIT, 0, 0)
	return errno == 0 && n > 0
}

// Close closes a descriptor that is in no poller.
func Close(fd int) { unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0) }

// EndWrite tells the peer that nothing more comes, together with what was sent with MSG_MORE. An error is a peer that has left.
func EndWrite(fd int) { unix.RawSyscall(unix.SYS_SHUTDOWN, uintptr(fd), unix.SHUT_WR, 0) }

// write sends as much of p, which is not empty, as fits. It raises no SIGPIPE. flags may add MSG_MORE.
func write(fd int, p []byte, flags int) (int, unix.Errno) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)),
			uintptr(unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT|flags), 0, 0)
		switch errno {
		case 0:
			return int(n), 0
		case unix.EINTR:
			continue
		}
		return 0, errno
	}
}

// Message is what sendmsg wants: one write of two pieces of memory. The zero value is ready. It is for one goroutine, may
// be used again, and must not move while Send runs.
type Message struct {
	header unix.Msghdr
	pieces [2]unix.Iovec
}

// Send writes head and body, of which not both are empty, as much as fits, without waiting. It raises no SIGPIPE. flags may
// add MSG_MORE. It keeps no reference to the pieces: they may be shared memory that is unmapped one day.
func (m *Message) Send(fd int, head, body []byte, flags int) (int, unix.Errno) {
	count := 0
	for _, piece := range [2][]byte{head, body} {
		if len(piece) > 0 {
			m.pieces[count].Base = &piece[0]
			m.pieces[count].SetLen(len(piece))
			count++
		}
	}
	m.header.Iov = &m.pieces[0]
	m.header.SetIovlen(count)
	defer m.clear()
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&m.header)),
			uintptr(unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT|flags))
		switch errno {
		case 0:
			return int(n), 0
		case unix.EINTR:
			continue
		}
		return 0, errno
	}
}

func (m *Message) clear() { m.pieces[0].Base, m.pieces[1].Base = nil, nil }

// PeerAddr reads the address that Accept gave; that of a unix socket is not valid.
func PeerAddr(peer *unix.RawSockaddrAny) netip.AddrPort {
	switch peer.Addr.Family {
	case unix.AF_INET:
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(peer))
		return netip.AddrPortFrom(netip.AddrFrom4(in.Addr), networkOrder(&in.Port))
	case unix.AF_INET6:
		in := (*unix.RawSockaddrInet6)(unsafe.Pointer(peer))
		return netip.AddrPortFrom(netip.AddrFrom16(in.Addr), networkOrder(&in.Port))
	}
	return netip.AddrPort{}
}

// networkOrder reads a port, which is big-endian whatever the machine.
func networkOrder(port *uint16) uint16 {
	return binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(port))[:])
}
