package admin

import (
	"net"
	"path/filepath"
	"testing"
)

// stranger is a connection whose other end is not on this machine.
type stranger struct{ net.Conn }

func (stranger) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1} }

// listenLocal listens on a unix socket, or on the loopback.
func listenLocal(t *testing.T, kind string) net.Listener {
	t.Helper()
	network, address := "tcp", "127.0.0.1:0"
	if kind == "unix" {
		network, address = "unix", filepath.Join(t.TempDir(), "s")
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	if kind == "nobody" {
		return foreign{listener}
	}
	return listener
}

// foreign accepts strangers.
type foreign struct{ net.Listener }

func (f foreign) Accept() (net.Conn, error) {
	conn, err := f.Listener.Accept()
	return stranger{conn}, err
}

// connect gives both ends of a new connection.
func connect(t *testing.T, listener net.Listener) (client, server net.Conn) {
	t.Helper()
	client, err := net.Dial(listener.Addr().Network(), listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if server, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	return client, server
}
