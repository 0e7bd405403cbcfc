package sockets

import (
	"fmt"
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// TestGone: every way to leave is seen, and who only has nothing more to say on a unix socket, or has said more than was
// read, is there.
func TestGone(t *testing.T) {
	tcp, unix := func(c net.Conn) *net.TCPConn { return c.(*net.TCPConn) }, func(c net.Conn) *net.UnixConn { return c.(*net.UnixConn) }
	for _, row := range []struct {
		name, network string
		act           func(net.Conn) error
		want          bool
	}{
		{"silence", "tcp", func(net.Conn) error { return nil }, false},
		{"bytes", "tcp", func(c net.Conn) error { _, err := c.Write([]byte("x")); return err }, false},
		{"close", "tcp", net.Conn.Close, true},
		{"reset", "tcp", func(c net.Conn) error { _ = tcp(c).SetLinger(0); return c.Close() }, true},
		{"end", "tcp", func(c net.Conn) error { return tcp(c).CloseWrite() }, true},
		{"bytes, then end", "tcp", func(c net.Conn) error { _, _ = c.Write([]byte("x")); return tcp(c).CloseWrite() }, false},
		{"silence", "unix", func(net.Conn) error { return nil }, false},
		{"close", "unix", net.Conn.Close, true},
		{"end", "unix", func(c net.Conn) error { return unix(c).CloseWrite() }, false},
	} {
		t.Run(row.network+" "+row.name, func(t *testing.T) {
			address := ":0"
			if row.network == "unix" {
				address = "unix:" + filepath.Join(t.TempDir(), "s")
			}
			listener := listen(t, address, keep)
			client, err := net.Dial(row.network, listener.Address().Address)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			server, err := listener.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			if err := row.act(client); err != nil {
				t.Fatal(err)
			}
			gone := func() (gone bool) {
				raw, err := server.(syscall.Conn).SyscallConn()
				if err == nil {
					err = raw.Control(func(fd uintptr) { gone = Gone(int(fd)) })
				}
				if err != nil {
					t.Fatal(err)
				}
				return gone
			}
			testkit.Eventually(t, 5*time.Second, func() error {
				if gone() != row.want {
					return fmt.Errorf("gone: %v", !row.want)
				}
				return nil
			})
		})
	}
}

func TestTakesEnough(t *testing.T) {
	for _, row := range []struct {
		taken int
		in    time.Duration
		rate  int64
		want  bool
	}{
		{0, time.Second, 0, false}, {1, time.Hour, 0, true}, {-5, time.Second, 0, false}, // 0: any byte will do, but one it must be
		{255, time.Second, 256, false}, {256, time.Second, 256, true}, {128, 500 * time.Millisecond, 256, true}, {7679, 30 * time.Second, 256, false},
	} {
		if got := TakesEnough(row.taken, row.in, row.rate); got != row.want {
			t.Errorf("%d bytes in %v at %d: %v", row.taken, row.in, row.rate, got)
		}
	}
}
