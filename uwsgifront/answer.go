package uwsgifront

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"penknife/gateway"
)

// blockSize is what is read of a streamed response at once.
const blockSize = 32 << 10

// answer is Request.Later: it ends the request without ever blocking its caller. An answer that is there as a whole is
// written with one call; anything else, and what the socket does not take at once, goes on in a goroutine.
func (c *conn) answer(resp *gateway.Response, err error) {
	if err != nil {
		c.answerError(err)
		return
	}
	c.buildHead(resp)
	content, whole := c.content(resp)
	if !whole {
		c.goOn(func() { c.deliver(resp) })
		return
	}
	head, rest, err := c.push(c.head, content)
	if len(head)+len(rest) > 0 || err == nil && !c.isSafe(resp) && c.hasUnread() {
		c.goOn(func() { c.settle(resp, c.write(head, rest, c.last())) })
		return
	}
	c.conclude(resp, err, false)
}

// isSafe tells of an answer that was sent completely that nothing can become of it, even if the socket is closed with unread
// input: a unix socket keeps what it has for the peer, and who knows the length does not mind how the connection ends. It saves
// the look for unread input, 1 of 15 µs.
func (c *conn) isSafe(resp *gateway.Response) bool { return c.isUnix && resp.Length >= 0 }

// answerError answers when the handler has no response. It does not block either.
func (c *conn) answerError(err error) {
	page, ok := c.buildPage(err)
	if !ok {
		c.end(err)
		return
	}
	head, rest, pushErr := c.push(c.head, page)
	if len(head)+len(rest) > 0 || pushErr == nil && c.hasUnread() {
		c.goOn(func() { c.settlePage(err, c.write(head, rest, c.last())) })
		return
	}
	c.end(err)
}

// answerErrorWaiting is answerError for a goroutine of the connection's own.
func (c *conn) answerErrorWaiting(err error) {
	if page, ok := c.buildPage(err); ok {
		c.settlePage(err, c.write(c.head, page, c.last()))
		return
	}
	c.end(err)
}

// settlePage ends the request after an error page; err is why there was one, writeErr whether it went out.
func (c *conn) settlePage(err, writeErr error) {
	if writeErr == nil && c.hasUnread() {
		c.report(err)
		c.linger()
		c.finish()
		return
	}
	c.end(err)
}

// end closes, then tells the observer, so that the client does not wait for it.
func (c *conn) end(err error) {
	c.close()
	c.report(err)
	c.drop()
}

// content gives the bytes that follow the head. It gives false when they have to be fetched.
func (c *conn) content(resp *gateway.Response) (content []byte, whole bool) {
	switch {
	case c.isBodiless(resp.Status) || resp.Length == 0:
		return nil, true
	case resp.File == nil && resp.Whole != nil:
		return resp.Whole, true
	}
	return nil, false
}

// exchange serves a request whose body is not all there. It runs in a goroutine of its own.
func (c *conn) exchange() {
	resp, err := c.call()
	if err != nil {
		c.answerErrorWaiting(err)
		return
	}
	c.buildHead(resp)
	if content, whole := c.content(resp); whole {
		c.settle(resp, c.write(c.head, content, c.last()))
		return
	}
	c.deliver(resp)
}

// deliver sends an answer whose content has to be fetched. It blocks for the application and for the client.
func (c *conn) deliver(resp *gateway.Response) {
	if resp.File != nil && resp.Length >= 0 {
		c.settle(resp, c.sendFile(resp))
		return
	}
	c.settle(resp, c.sendStream(resp))
}

// sendStream passes on each piece as it comes; the head goes with the first.
func (c *conn) sendStream(resp *gateway.Response) error {
	next, done, release := c.srv.pieces(resp.Body)
	defer release()
	head := c.head
	for {
		piece, err := next()
		if len(piece) > 0 || errors.Is(err, io.EOF) {
			if writeErr := c.write(head, piece, 0); writeErr != nil {
				return writeErr
			}
			done(len(piece))
			head = nil
		}
		switch {
		case errors.Is(err, io.EOF) && c.sent < resp.Length:
			return gateway.Errorf(gateway.KindAppCut, "the answer is %d bytes shorter than announced", resp.Length-c.sent)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			if head != nil {
				c.status = 0 // nothing was sent, so the client can still be told
			}
			return err
		}
	}
}

// pieces reads a response body piece by piece: in place if the body is gateway.Windowed, else copied into a block of
// the pool. The bytes that next gives are valid until done.
func (s *Server) pieces(body gateway.Body) (next func() ([]byte, error), done func(int), release func()) {
	if window, ok := body.(gateway.Windowed); ok {
		return window.Next, window.Advance, func() {}
	}
	block := s.blocks.Get().(*[]byte)
	next = func() ([]byte, error) {
		n, err := body.Read(*block)
		return (*block)[:n], err
	}
	return next, func(int) {}, func() { s.blocks.Put(block) }
}

// settle ends the request in a goroutine of the connection's own, which may wait for a peer that sends more than it should.
func (c *conn) settle(resp *gateway.Response, err error) {
	c.conclude(resp, err, err == nil && c.hasUnread())
}

// conclude ends the request: err is nil when the answer went out completely, KindClientGone when the client did not
// take it, and otherwise why its content is cut.
func (c *conn) conclude(resp *gateway.Response, err error, unread bool) {
	endless := resp.Length < 0
	resp.Body.CloseWithError(err)
	switch {
	case unread:
		c.report(nil)
		c.linger()
		c.finish()
		return
	case err == nil:
	case gateway.KindOf(err) == gateway.KindClientGone:
		c.srv.log.Debug("client left", "request", c.req.ID, "error", err)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			c.reset() // the kernel would keep what it has for this peer, megabytes, for minutes
		}
	case c.status == 0:
		c.answerErrorWaiting(err)
		return
	case endless:
		c.reset()
	}
	c.end(err)
}

// reset tells the peer that an answer without a length is incomplete. The end of the connection is otherwise the end of
// such an answer; only a reset says that it was cut. A unix socket cannot be reset from here, so there a cut answer
// without a length looks complete to the web server.
func (c *conn) reset() {
	if c.isUnix {
		return
	}
	c.held = false
	linger := unix.Linger{Onoff: 1, Linger: 0}
	if err := unix.SetsockoptLinger(c.fd, unix.SOL_SOCKET, unix.SO_LINGER, &linger); err != nil {
		c.srv.log.Debug("no reset", "request", c.req.ID, "error", err)
	}
}
