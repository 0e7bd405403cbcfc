package sockets

import (
	"time"

	"golang.org/x/sys/unix"
)

// Gone tells whether the peer of a connected stream socket has left. It does not block.
//
// Of a TCP peer that has closed its end, only the closing of its own direction is ever seen, as of one that still reads:
// who has said the end and has nothing unread is taken for gone, as other servers do. On unix sockets the kernel tells the
// two apart.
func Gone(fd int) bool {
	poll := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	if n, err := unix.Poll(poll[:], 0); err != nil || n == 0 {
		return false
	}
	switch seen := poll[0].Revents; {
	case seen&(unix.POLLERR|unix.POLLHUP) != 0:
		return true
	case seen&unix.POLLRDHUP == 0:
		return false
	}
	family, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil || family == unix.AF_UNIX {
		return false
	}
	unread, err := unix.IoctlGetInt(fd, unix.TIOCINQ)
	return err == nil && unread == 0
}

// Unsent is how many bytes of those that were written to a stream socket its peer's machine has not taken yet. A peer that
// reads slowly makes it smaller long before there is room to write again.
func Unsent(fd int) (int, error) { return unix.IoctlGetInt(fd, unix.TIOCOUTQ) }

// TakesEnough tells whether a peer that took so many bytes in the time is fast enough: something, and at least rate bytes per
// second.
func TakesEnough(taken int, in time.Duration, rate int64) bool {
	return taken > 0 && float64(taken) >= float64(rate)*in.Seconds()
}
