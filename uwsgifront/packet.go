package uwsgifront

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"penknife/gateway"
	"penknife/streams"
	"penknife/uwsgiproto"
)

// errNobody is a connection that ended before it said anything: a port check, or a client that changed its mind.
var errNobody = errors.New("uwsgifront: the connection brought no byte")

// tryServe is the fast path. It reads once; if the packet and the whole body are there, it asks the handler. It gives
// false, with the connection as it was, when there is nothing to read yet.
func (c *conn) tryServe() bool {
	n, errno := streams.Read(c.fd, c.buf)
	switch {
	case errno == unix.EAGAIN:
		return false
	case errno != 0 || n == 0:
		c.finish()
		return true
	}
	c.have = n
	size, ordinary := c.wholePacket()
	if !ordinary {
		c.goOn(c.serve)
		return true
	}
	if r := c.parse(c.buf[uwsgiproto.HeaderSize:size], c.buf[size:c.have]); r != nil {
		c.goOn(func() { c.refuse(r) })
		return true
	}
	if !c.body.complete() {
		c.goOn(c.exchange)
		return true
	}
	c.serveNow()
	return true
}

// wholePacket tells whether the buffer begins with a complete request packet, and where its block ends.
func (c *conn) wholePacket() (size int, ordinary bool) {
	header, err := uwsgiproto.ParseHeader(c.buf[:c.have])
	if err != nil || c.checkHeader(header) != nil || header.Modifier1 == uwsgiproto.ModifierPing {
		return 0, false
	}
	size = uwsgiproto.HeaderSize + header.Size
	return size, size <= c.have
}

// serveNow asks the handler and permits it to answer later.
func (c *conn) serveNow() {
	c.holds.Store(2)
	c.req.Later = c.later
	resp, err := c.call()
	if errors.Is(err, gateway.ErrPending) {
		c.drop()
		return
	}
	c.holds.Store(1)
	c.answer(resp, err)
}

// serve reads the packet, waiting for it, and serves the request. It runs in a goroutine of its own.
func (c *conn) serve() {
	header, err := c.readPacket()
	var r *refusal
	switch {
	case errors.As(err, &r):
		c.refuse(r)
		return
	case err != nil:
		c.srv.log.Debug("connection ended", "request", c.req.ID, "error", err)
		c.finish()
		return
	}
	size := uwsgiproto.HeaderSize + header.Size
	if header.Modifier1 == uwsgiproto.ModifierPing {
		c.pong()
		return
	}
	if r := c.parse(c.buf[uwsgiproto.HeaderSize:size], c.buf[size:c.have]); r != nil {
		c.refuse(r)
		return
	}
	c.exchange()
}

// readPacket reads header and block. The error is a *refusal when the peer should be told something.
func (c *conn) readPacket() (uwsgiproto.Header, error) {
	if err := c.readUpTo(uwsgiproto.HeaderSize); err != nil {
		return uwsgiproto.Header{}, err
	}
	header, err := uwsgiproto.ParseHeader(c.buf[:c.have])
	if err != nil {
		return header, err
	}
	if r := c.checkHeader(header); r != nil {
		return header, r
	}
	return header, c.readUpTo(uwsgiproto.HeaderSize + header.Size)
}

// checkHeader judges the first four bytes.
func (c *conn) checkHeader(header uwsgiproto.Header) *refusal {
	switch header.Modifier1 {
	case uwsgiproto.ModifierWSGI, uwsgiproto.ModifierWSGIPath, uwsgiproto.ModifierPing:
		if header.Size > int(c.srv.limits.HeaderBlock) {
			return refuseLargeBlock
		}
		return nil
	}
	switch uwsgiproto.Sniff(c.buf[:c.have]) {
	case uwsgiproto.ProtocolHTTP:
		return refuseHTTP
	case uwsgiproto.ProtocolTLS:
		return refuseTLS
	}
	return refuseModifier
}

// readUpTo reads until the buffer holds size bytes. Whatever else has arrived by then stays in it too.
// The buffer grows with what arrives, never by what the header announces.
func (c *conn) readUpTo(size int) error {
	deadline := c.start.Add(c.srv.limits.HeaderTime)
	for c.have < size {
		if c.have == len(c.buf) {
			larger := make([]byte, min(2*len(c.buf), size))
			copy(larger, c.buf)
			c.buf = larger
		}
		n, err := c.read(c.buf[c.have:], deadline)
		c.have += n
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded):
			return refuseSlowHead
		case errors.Is(err, io.EOF) && c.have > 0:
			return refuseCutHead
		case errors.Is(err, io.EOF):
			return errNobody
		default:
			return err
		}
	}
	return nil
}

// pong answers a ping in the protocol's own form.
func (c *conn) pong() {
	defer c.finish()
	answer, err := uwsgiproto.AppendPong(c.head[:0], "")
	if err == nil {
		err = c.write(answer, nil, 0)
	}
	if err != nil {
		c.srv.log.Debug("ping not answered", "request", c.req.ID, "error", err)
		return
	}
	if c.hasUnread() {
		c.linger()
	}
}
