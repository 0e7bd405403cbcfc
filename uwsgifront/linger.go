package uwsgifront

import (
	"time"

	"golang.org/x/sys/unix"

	"penknife/streams"
)

// What is thrown away of a request that nobody wants, after its answer. A socket that is closed with unread bytes in
// it sends a reset, and that destroys the answer on its way; a client that sends all before it reads would never learn
// why it was refused.
const (
	drainBytes   = 64 << 20        // then the client is cut off
	drainTime    = 5 * time.Second // altogether
	drainSilence = time.Second     // without a byte
)

// hasUnread tells whether the peer sends more than was read: the rest of the body, or bytes behind it that are there
// already.
func (c *conn) hasUnread() bool { return !c.body.complete() || streams.HasInput(c.fd) }

// linger ends our direction, so that the peer knows the answer is complete, and reads until the peer ends its own or
// one of the bounds is reached.
func (c *conn) linger() {
	if err := unix.Shutdown(c.fd, unix.SHUT_WR); err != nil {
		return
	}
	block := c.srv.blocks.Get().(*[]byte)
	defer c.srv.blocks.Put(block)
	end := time.Now().Add(drainTime)
	for total := 0; total < drainBytes; {
		now := time.Now()
		if !now.Before(end) {
			return
		}
		deadline := now.Add(drainSilence)
		if deadline.After(end) {
			deadline = end
		}
		n, err := c.read(*block, deadline)
		if err != nil {
			return
		}
		total += n
	}
}
