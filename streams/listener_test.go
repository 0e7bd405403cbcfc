package streams

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestListener_Addresses: both ends are named as package net names them, whatever the listener is bound to.
func TestListener_Addresses(t *testing.T) {
	for _, row := range []struct{ listen, dial, local, remote string }{
		{"127.0.0.1:0", "127.0.0.1", "127.0.0.1", "127.0.0.1"},
		{":0", "127.0.0.1", "127.0.0.1", "127.0.0.1"},
		{":0", "127.0.0.9", "127.0.0.9", "127.0.0.1"},
		{"0.0.0.0:0", "127.0.0.1", "127.0.0.1", "127.0.0.1"},
		{"[::1]:0", "::1", "::1", "::1"},
		{":0", "::1", "::1", "::1"},
	} {
		t.Run(row.listen+" "+row.dial, func(t *testing.T) {
			ln := listen(t, "tcp", row.listen)
			_, port, _ := net.SplitHostPort(ln.Addr().String())
			client, err := net.Dial("tcp", net.JoinHostPort(row.dial, port))
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			near := accept(t, ln)
			if got, want := near.LocalAddr().String(), client.RemoteAddr().String(); got != want || got != net.JoinHostPort(row.local, port) {
				t.Errorf("local %s, the client connected to %s", got, want)
			}
			if got, want := near.RemoteAddr().String(), client.LocalAddr().String(); got != want {
				t.Errorf("remote %s, the client is %s", got, want)
			}
			if got := near.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().String(); got != row.remote {
				t.Errorf("remote %s", got)
			}
		})
	}
}

// TestListener_Unix: clients have no name, and the socket file goes with the listener.
func TestListener_Unix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	ln := listen(t, "unix", path)
	client, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	near := accept(t, ln)
	if near.LocalAddr().String() != path || near.RemoteAddr().Network() != "unix" || near.RemoteAddr().String() != "" {
		t.Errorf("%v, %v", near.LocalAddr(), near.RemoteAddr())
	}
	if err := ln.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket file: %v", err)
	}
}

// TestListener_Options: connections have what package net would have set on each.
func TestListener_Options(t *testing.T) {
	near, _ := pair(t)
	checkOptions(t, near)
}

// TestListener_OptionsOfTheEarly: also those that were there before the Listener.
func TestListener_OptionsOfTheEarly(t *testing.T) {
	under, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		client, err := net.Dial("tcp", under.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
	}
	ln, err := Listen(under)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	checkOptions(t, accept(t, ln))
	if err := ln.Rest(1, func(nc net.Conn) { checkOptions(t, nc.(*Stream)); nc.Close() }); err != nil {
		t.Error(err)
	}
}

func checkOptions(t *testing.T, near *Stream) {
	t.Helper()
	conn, _ := near.SyscallConn()
	for _, row := range []struct{ level, option, want int }{
		{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 15},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15},
		{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 9},
	} {
		conn.Control(func(fd uintptr) {
			if got, err := unix.GetsockoptInt(int(fd), row.level, row.option); got != row.want || err != nil {
				t.Errorf("option %d of level %d: %d, %v", row.option, row.level, got, err)
			}
			flags, _ := unix.FcntlInt(fd, unix.F_GETFD, 0)
			if flags&unix.FD_CLOEXEC == 0 {
				t.Error("it survives an exec")
			}
		})
	}
}

// TestListener_EndsAccept: by its deadline, after which the connections that wait can still be had, and by Close.
func TestListener_EndsAccept(t *testing.T) {
	ln := listen(t, "tcp", "127.0.0.1:0")
	ended := make(chan error, 1)
	go func() { // ends by the deadline
		_, err := ln.Accept()
		ended <- err
	}()
	ln.SetDeadline(time.Unix(1, 0))
	if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
	for range 3 {
		client, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
	}
	var taken []net.Conn
	keep := func(nc net.Conn) { taken = append(taken, nc) }
	if err := errors.Join(ln.Rest(2, keep), ln.Rest(9, keep)); err != nil || len(taken) != 3 {
		t.Errorf("%d connections, %v", len(taken), err)
	}
	for _, nc := range taken {
		nc.Close()
	}
	ln.SetDeadline(time.Time{})
	go func() { // ends by Close
		_, err := ln.Accept()
		ended <- err
	}()
	ln.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if err := ln.Rest(1, keep); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// TestListener_NeedsADescriptor: anything else is served by its own methods.
func TestListener_NeedsADescriptor(t *testing.T) {
	if _, err := Listen(fake{}); err == nil {
		t.Error("no error")
	}
}

type fake struct{ net.Listener }
