package testkit

import (
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// AwaitInput blocks until n bytes wait in a socket, without reading them and without the socket's own way of waiting. Use it where
// it must be known that bytes have arrived before the code under test looks.
func AwaitInput(t testing.TB, socket syscall.RawConn, n int) {
	t.Helper()
	err := socket.Control(func(fd uintptr) {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		for waiting := 0; waiting < n; {
			ready, err := unix.Poll(poll, int(Grace.Milliseconds()))
			if err == unix.EINTR {
				continue
			}
			if err != nil || ready == 0 {
				t.Errorf("%d of %d bytes have come: %v", waiting, n, err)
				return
			}
			if waiting, err = unix.IoctlGetInt(int(fd), unix.TIOCINQ); err != nil {
				t.Error(err)
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}
