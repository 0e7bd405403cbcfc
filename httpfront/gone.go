package httpfront

import "penknife/sockets"

// Gone is gateway.Client.
func (c *conn) Gone() bool {
	if c.socket == nil {
		return false
	}
	gone := false
	err := c.socket.Control(func(fd uintptr) { gone = sockets.Gone(int(fd)) })
	return gone || err != nil // an error: it is closed
}
