package testkit

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

// Ports for servers under test: below those that Linux gives to connections and to listeners on port 0 (ip_local_port_range), so
// that nobody gets one between the look and the use.
const (
	firstPort = 10_000
	endPort   = 32_768
)

// portsTried counts the ports that FreePort has looked at in this process, so that it never gives one twice: a test that needs several asks
// before it uses any.
var portsTried atomic.Uint32

// FreePort gives a TCP port of 127.0.0.1 on which nobody listens, and which no other call in this process gets. Processes begin at
// different places.
func FreePort(t testing.TB) int {
	t.Helper()
	const places, apart = endPort - firstPort, 7919 // a prime
	for range places {
		port := firstPort + (os.Getpid()*apart+int(portsTried.Add(1)))%places
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			_ = listener.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
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
