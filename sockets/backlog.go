package sockets

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Backlog tells how many connections wait to be accepted, and how many may. ok is false where the kernel does not tell:
// for unix sockets. It does not block.
func (l *Listener) Backlog() (waiting, limit int, ok bool) {
	raw, is := l.socket.(syscall.Conn)
	if !is || l.Address().IsUnix() {
		return 0, 0, false
	}
	conn, err := raw.SyscallConn()
	if err != nil {
		return 0, 0, false
	}
	_ = conn.Control(func(fd uintptr) {
		// Of a listening socket these two fields are its queue and its limit (tcp_get_info in the kernel).
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil {
			waiting, limit, ok = int(info.Unacked), int(info.Sacked), true
		}
	})
	return waiting, limit, ok
}
