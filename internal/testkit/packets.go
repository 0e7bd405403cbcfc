package testkit

import (
	"net"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// PacketsIn is how many TCP segments a connection has received so far, the handshake's among them.
func PacketsIn(t testing.TB, conn net.Conn) int {
	t.Helper()
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var info *unix.TCPInfo
	controlErr := raw.Control(func(fd uintptr) {
		info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	})
	if controlErr != nil || err != nil {
		t.Fatal(controlErr, err)
	}
	return int(info.Segs_in)
}
