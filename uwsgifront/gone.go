package uwsgifront

import "penknife/sockets"

// Gone is gateway.Client.
func (c *conn) Gone() bool {
	c.mu.Lock()
	defer c.mu.Unlock() // or the number could be another connection's
	return c.fd < 0 || sockets.Gone(c.fd)
}
