package testkit

import (
	"fmt"
	"net"
	"strconv"
	"testing"
	"time"
)

// FreePort gives a TCP port of the loopback that nobody listens on.
func FreePort(t testing.TB) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port
}

// FreeAddress is FreePort as "127.0.0.1:PORT".
func FreeAddress(t testing.TB) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(FreePort(t)))
}

// networkOf tells how to dial an address: a path or "@name" is a unix socket.
func networkOf(address string) string {
	if address != "" && (address[0] == '/' || address[0] == '@') {
		return "unix"
	}
	return "tcp"
}

// accepts gives nil when somebody accepts connections at address.
func accepts(address string) error {
	conn, err := net.DialTimeout(networkOf(address), address, time.Second)
	if err != nil {
		return fmt.Errorf("nobody listens: %w", err)
	}
	return conn.Close()
}
