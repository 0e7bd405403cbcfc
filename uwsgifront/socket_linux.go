package uwsgifront

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls below never block: every descriptor here is non-blocking from its birth. That is why they may go to the
// kernel directly, without telling the Go scheduler that this thread could be away for long.

// acceptConn takes one connection, non-blocking and close-on-exec. peer may be nil. Errno 0 is success.
func acceptConn(listening int, peer *unix.RawSockaddrAny) (int, unix.Errno) {
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

// readSocket reads what is there; 0 with errno 0 is the end. p is not empty.
func readSocket(fd int, p []byte) (int, unix.Errno) {
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

func closeSocket(fd int) { unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0) }

// message is what sendmsg wants: one write of two pieces of memory. It is reused and must not move while in use.
type message struct {
	header unix.Msghdr
	pieces [2]unix.Iovec
}

// send writes head and body, as much as fits. It raises no SIGPIPE. flags may add MSG_MORE.
func (m *message) send(fd int, head, body []byte, flags int) (int, unix.Errno) {
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

// clear forgets the pieces: they may be shared memory that is unmapped one day.
func (m *message) clear() {
	m.pieces[0].Base, m.pieces[1].Base = nil, nil
}

// peerAddr reads the address that accept gave.
func peerAddr(peer *unix.RawSockaddrAny) netip.AddrPort {
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
