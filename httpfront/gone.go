package httpfront

import (
	"net"
	"syscall"

	"penknife/sockets"
)

// Gone is gateway.Client.
func (c *conn) Gone() bool {
	inner := c.Conn
	if wrapped, ok := inner.(interface{ NetConn() net.Conn }); ok { // TLS
		inner = wrapped.NetConn()
	}
	socket, ok := inner.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	gone := false
	if err == nil {
		err = raw.Control(func(fd uintptr) { gone = sockets.Gone(int(fd)) })
	}
	return gone || err != nil // an error: it is closed
}
