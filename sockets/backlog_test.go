package sockets

import (
	"net"
	"path/filepath"
	"testing"
	"time"
)

// TestBacklog: connections that nobody accepts are counted, where the kernel counts.
func TestBacklog(t *testing.T) {
	l, err := Listen(t.Context(), Addr{Network: "tcp", Address: "127.0.0.1:0"}, Permissions{UID: -1, GID: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // a test
	for range 3 {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close() //nolint:errcheck // a test
	}
	deadline := time.Now().Add(5 * time.Second) // the last step of a handshake is the kernel's
	for {
		waiting, limit, ok := l.Backlog()
		if ok && waiting == 3 && limit > 3 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d wait (%v), want 3", waiting, limit, ok)
		}
	}
	u, err := Listen(t.Context(), Addr{Network: "unix", Address: filepath.Join(t.TempDir(), "s")}, Permissions{Mode: 0o600, UID: -1, GID: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close() //nolint:errcheck // a test
	if _, _, ok := u.Backlog(); ok {
		t.Error("the kernel does not tell of unix sockets")
	}
}
