package httpfront

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"penknife/sockets"
	"penknife/streams"
)

// deadlineSlack is how much later than asked a deadline of the socket may be. Arming one costs a runtime timer, so it
// is left alone while it is close enough; one that fires too early is noticed and set anew.
const deadlineSlack = time.Second

// How long a closing connection listens to a client that is still sending, and for how many bytes.
const (
	lingerTime  = 5 * time.Second
	lingerStop  = 500 * time.Millisecond // of it, when the server stops
	lingerBytes = 64 << 20
)

var (
	// errTooSlow: the time that the limits allow is over.
	errTooSlow = errors.New("httpfront: the client is too slow")
	// errStopping: an idle connection ends because the server does.
	errStopping = errors.New("httpfront: the server is stopping")
)

// after is t+d, or never if d is no limit.
func after(t time.Time, d time.Duration) time.Time {
	if d <= 0 {
		return time.Time{}
	}
	return t.Add(d)
}

// readSocket reads what is there, waiting for it until the given time (the zero time: for ever); at most deadlineSlack
// longer. It fails with errTooSlow or, on an idle connection, errStopping.
func (c *conn) readSocket(p []byte, until time.Time) (int, error) {
	for {
		if err := c.armRead(until); err != nil {
			return 0, err
		}
		if c.idle.Load() && c.srv.reached(phaseStopping) { // asked when the deadline is set: a stop that comes later wakes us
			if !c.hasInput() {
				return c.readLast(p)
			}
			if err := c.hasten(&until); err != nil {
				return 0, err
			}
		}
		n, err := c.input.Read(p)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		c.readStale = true
		if !until.IsZero() && !time.Now().Before(until) {
			if c.secured != nil || !c.hasInput() {
				return 0, errTooSlow
			}
			until = time.Time{} // this process was stopped for that long, with the bytes in the kernel: they end the next read
		}
	}
}

// armRead makes sure that a read ends by until, or up to deadlineSlack later. An earlier deadline may stay armed;
// readSocket notices when one fires too early.
func (c *conn) armRead(until time.Time) error {
	armed := c.readArmed
	late := !until.IsZero() && (armed.IsZero() || armed.After(until.Add(deadlineSlack)))
	if !late && !c.readStale {
		return nil
	}
	c.readArmed, c.readStale = until, false
	return c.Conn.SetReadDeadline(until)
}

// armWrite gives the next write at least write_timeout from c.now, and a little more, to make progress; of a socket whose
// progress can be measured (goesOn) half of that, twice.
func (c *conn) armWrite() error {
	limit := c.srv.limits.WriteTime
	if limit <= 0 {
		return nil
	}
	if c.socket != nil {
		limit = (limit + 1) / 2
	}
	if !c.writeArmed.Before(c.now.Add(limit)) {
		return nil
	}
	c.writeArmed = c.now.Add(limit + min(limit/4, deadlineSlack))
	return c.Conn.SetWriteDeadline(c.writeArmed)
}

// goesOn tells whether to continue a write that began at c.now and ended with err after n bytes: it ran into its
// deadline, but the client took enough (limits.write_min_rate). While a slow client empties a full socket the socket
// may have no room for a long time, so what counts is how much is left in it; the first look only measures that.
func (c *conn) goesOn(n int64, err error) bool {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	before := c.unsent
	c.unsent = unknownUnsent
	if c.socket != nil {
		c.unsent = unsentOf(c.socket)
	}
	if before == unknownUnsent || c.unsent == unknownUnsent {
		return n > 0 || c.unsent != unknownUnsent
	}
	return sockets.TakesEnough(int(n)+before-c.unsent, time.Since(c.now), int64(c.srv.limits.WriteMinRate))
}

// unsentOf measures what is left in the socket.
func unsentOf(socket syscall.RawConn) int {
	left := unknownUnsent
	err := socket.Control(func(fd uintptr) {
		if n, err := sockets.Unsent(int(fd)); err == nil {
			left = n
		}
	})
	if err != nil {
		return unknownUnsent
	}
	return left
}

// unknownUnsent: the socket's content was not measured since the last progress.
const unknownUnsent = -1

// write sends all of b.
func (c *conn) write(b []byte) error {
	for c.unsent = unknownUnsent; ; c.now = time.Now() {
		if err := c.armWrite(); err != nil {
			return err
		}
		n, err := c.output.Write(b)
		if !c.goesOn(int64(n), err) {
			return err
		}
		b = b[n:]
	}
}

// write2 sends a and then b, together if the socket can.
func (c *conn) write2(a, b []byte) error {
	stream, ok := c.output.(*streams.Stream)
	if !ok {
		return errors.Join(c.write(a), c.write(b))
	}
	for c.unsent = unknownUnsent; ; c.now = time.Now() {
		if err := c.armWrite(); err != nil {
			return err
		}
		n, err := stream.Write2(a, b)
		if !c.goesOn(int64(n), err) {
			return err
		}
		first := min(n, len(a))
		a, b = a[first:], b[n-first:]
	}
}

// hasInput tells whether the socket holds bytes that were not read, without waiting.
func (c *conn) hasInput() (has bool) {
	if c.socket == nil {
		return false
	}
	err := c.socket.Control(func(fd uintptr) { has = streams.HasInput(int(fd)) })
	return has && err == nil
}

// lingerOn says that nothing more will be sent and then reads and drops what still comes, for at most d, so that the
// answer is not lost: the kernel resets a connection that is closed with unread input, and a reset discards what the
// client has not read yet (RFC 9112 section 9.6).
func lingerOn(nc net.Conn, d time.Duration) {
	if beginLinger(nc, d) {
		io.CopyN(io.Discard, nc, lingerBytes)
	}
}

func beginLinger(nc net.Conn, d time.Duration) bool {
	half, ok := nc.(interface{ CloseWrite() error })
	return ok && half.CloseWrite() == nil && nc.SetReadDeadline(time.Now().Add(d)) == nil
}

// lingerOn is lingerOn for this connection; a server that stops does not wait as long.
func (c *conn) lingerOn() {
	c.lingers.Store(true)
	if c.secured != nil && c.secured.part() != nil || !beginLinger(c.Conn, lingerTime) {
		return
	}
	if c.srv.reached(phaseParting) { // asked when the deadline is set: a stop that comes later shortens it itself
		c.Conn.SetReadDeadline(time.Now().Add(lingerStop))
	}
	io.CopyN(io.Discard, c.Conn, lingerBytes)
}

// reset makes Close send a TCP reset: the only way to tell a client that a body which ends with the connection is cut.
func (c *conn) reset() {
	if tcp, ok := c.Conn.(interface{ SetLinger(int) error }); ok {
		tcp.SetLinger(0)
	}
}
