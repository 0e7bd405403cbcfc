package httpfront

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"penknife/clients"
	"penknife/gateway"
)

// Bounds of what a connection keeps.
const (
	maxKeptBuffer = 64 << 10 // larger buffers go to the garbage collector instead of the pool
	minInput      = 4 << 10
	maxEmptyLines = 4 // before a request line; RFC 9112 section 2.2 asks for at least one
)

// errDisagree is what fasthttp gets when it wants bytes beyond a head that is complete.
var errDisagree = errors.New("httpfront: the head is complete")

// engineHead is what fasthttp reads for each request that we took. No byte of a client reaches its parser.
const engineHead = "GET / HTTP/1.1\r\nHost: -\r\n\r\n"

// scratch is the memory of a request. A connection has one from the first byte of a request to the next idle wait.
type scratch struct {
	in   []byte // what was read from the socket; conn.taken tells how much of it is used up
	vars []byte
	out  []byte
	head head
}

// conn is a connection as fasthttp sees it. Read gives one engineHead for each request and nothing else; Write drops what
// it is given, since answers are written by respond.go. Only the connection's goroutine uses it, except for the flags and the
// socket's own Close and SetReadDeadline, which Shutdown calls.
type conn struct {
	net.Conn           // the socket
	input    io.Reader // the socket, as output; or TLS over it
	output   io.Writer
	secured  *secured        // nil without TLS, and before it
	socket   syscall.RawConn // nil: what the client has not taken cannot be measured
	srv      *Server
	peer     peer
	seat     clients.Seat

	*scratch     // nil while idle
	taken    int // bytes of scratch.in that are used up
	handed   bool
	linger   bool // the client may still be sending: see lingerOn
	idle     atomic.Bool
	lingers  atomic.Bool // in lingerOn
	shakes   atomic.Bool // in shakeHands
	closed   sync.Once

	now                   time.Time // when the connection last began to wait or to write, without asking the clock too often
	readArmed, writeArmed time.Time // the socket's deadlines
	readStale             bool      // the read deadline has fired and must be set anew
	unsent                int       // see goesOn

	exchange
}

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{Conn: nc, input: nc, output: nc, srv: s, now: time.Now(), peer: newPeer(nc, s.trusted.Contains)}
	c.peer.ids = s.ids
	c.body.c = c
	if socket, ok := nc.(syscall.Conn); ok {
		c.socket, _ = socket.SyscallConn() // an error: it is closed already
	}
	return c
}

// Read waits for a request, judges its head, and gives fasthttp an engineHead for it. p is the room for what comes from
// the socket meanwhile. A request that is refused is answered here; then, as at the end of the connection, Read gives
// io.EOF, on which fasthttp closes without a word.
func (c *conn) Read(p []byte) (int, error) {
	if c.handed {
		return 0, errDisagree
	}
	c.release()
	if c.receive(p) != nil {
		return 0, io.EOF
	}
	c.handed = true
	return copy(p, engineHead), nil
}

// Write drops fasthttp's empty answer.
func (c *conn) Write(p []byte) (int, error) { return len(p), nil }

// receive gets the next head and judges it; p is memory that it may use. An error means that there is no further request.
func (c *conn) receive(p []byte) error {
	if len(c.pending()) == 0 {
		n, err := c.awaitRequest(p)
		if err != nil {
			return err
		}
		if end := findHeadEnd(p[:n]); end > 0 && p[0] != '\r' { // the usual case: it is judged where it lies
			c.in, c.taken = append(c.in[:0], p[end:n]...), 0
			return c.judge(p[:end])
		}
		c.in, c.taken = append(c.in[:0], p[:n]...), 0
	} else {
		c.began = time.Now()
	}
	end, err := c.completeHead()
	if err != nil {
		return err
	}
	head := c.pending()[:end]
	c.taken += end
	return c.judge(head)
}

// awaitRequest waits for the first bytes of a request.
func (c *conn) awaitRequest(p []byte) (int, error) {
	c.idle.Store(true)
	n, err := c.readSocket(p, after(c.now, c.srv.limits.IdleTime))
	c.idle.Store(false)
	if n == 0 {
		switch {
		case err == nil:
			err = io.ErrNoProgress
		case errors.Is(err, errTooSlow):
			c.srv.counter.ConnectionIdle()
		}
		return 0, err
	}
	c.scratch = c.srv.scratch.Get().(*scratch)
	c.began = time.Now()
	return n, nil
}

// completeHead reads until a head is in c.in, and gives its length.
func (c *conn) completeHead() (int, error) {
	until := after(c.began, c.srv.limits.HeaderTime)
	for lines := 0; ; {
		for len(c.pending()) >= 2 && c.in[c.taken] == '\r' && c.in[c.taken+1] == '\n' && lines < maxEmptyLines {
			c.taken += 2
			lines++
		}
		buf := c.pending()
		if end := findHeadEnd(buf); end > 0 {
			return end, nil
		}
		if bad := checkPartial(buf, &c.srv.limits); bad != nil && string(buf) != "\r" {
			return 0, c.refusePartial(judgeRefused(buf, c.firstWrong(buf, bad)))
		}
		n, err := c.fill(until)
		switch {
		case n > 0:
		case len(buf) == 0: // nothing but empty lines: not a request yet
			return 0, err
		case errors.Is(err, errTooSlow):
			return 0, c.refusePartial(refuseSlowHead)
		case errors.Is(err, io.EOF):
			return 0, c.refusePartial(refuseCutHead)
		default:
			return 0, err
		}
	}
}

// judge checks a head and prepares the request. The request has no reference to buf afterwards.
func (c *conn) judge(buf []byte) error {
	bad := parseHead(buf, &c.srv.limits, &c.head)
	if bad != nil && c.head.method == nil {
		c.head.nameLine(buf, int(c.srv.limits.RequestLine))
	}
	c.begin()
	if bad == nil {
		c.vars, bad = c.head.buildVars(c.vars[:0], &c.peer, &c.req)
	}
	if bad != nil {
		return c.refuse(judgeRefused(buf, bad))
	}
	return nil
}

// firstWrong finds the first fault in an incomplete head, of which bad is one fault. So the answer does not depend on
// how the head was split into packets.
func (c *conn) firstWrong(buf []byte, bad *refusal) *refusal {
	if bytes.IndexByte(buf, '\n') < 0 {
		return bad
	}
	return parseHead(buf, &c.srv.limits, &c.head)
}

// judgeRefused finds a better reason for bytes that were refused and are no HTTP at all, such as a TLS handshake.
func judgeRefused(buf []byte, bad *refusal) *refusal {
	if len(buf) > 0 && buf[0] == recordHandshake {
		return refuseTLS
	}
	if beginsWithProxyHeader(buf) {
		return refuseProxyHeader
	}
	return bad
}

// refusePartial turns down a head that is not complete.
func (c *conn) refusePartial(bad *refusal) error {
	c.head = head{fields: c.head.fields[:0]}
	c.head.nameLine(c.pending(), int(c.srv.limits.RequestLine))
	c.begin()
	return c.refuse(bad)
}

// pending is what was read from the socket and not used yet.
func (c *conn) pending() []byte {
	if c.scratch == nil {
		return nil
	}
	return c.in[c.taken:]
}

// fill reads more into c.in.
func (c *conn) fill(until time.Time) (int, error) {
	if c.taken > 0 && (c.taken == len(c.in) || len(c.in) == cap(c.in)) {
		c.in = c.in[:copy(c.in, c.in[c.taken:])]
		c.taken = 0
	}
	if len(c.in) == cap(c.in) {
		grown := make([]byte, len(c.in), max(2*cap(c.in), minInput))
		copy(grown, c.in)
		c.in = grown
	}
	n, err := c.readSocket(c.in[len(c.in):cap(c.in)], until)
	c.in = c.in[:len(c.in)+n]
	return n, err
}

// release gives the memory of the last request back, unless it holds the start of the next one.
func (c *conn) release() {
	if len(c.pending()) == 0 {
		c.recycle()
	}
}

func (c *conn) recycle() {
	if c.scratch == nil {
		return
	}
	s := c.scratch
	c.scratch, c.req = nil, gateway.Request{}
	if cap(s.in) > maxKeptBuffer || cap(s.vars) > maxKeptBuffer || cap(s.out) > maxKeptBuffer {
		return
	}
	c.srv.scratch.Put(s)
}

// Close ends the connection. It is called by fasthttp when its loop is over, and may be called again.
func (c *conn) Close() error {
	var err error
	c.closed.Do(func() {
		if c.cut || c.secured != nil && c.secured.wire.broken {
			c.reset() // and a good end of TLS would say that the answer is complete
		} else if c.linger || len(c.pending()) > 0 || c.hasInput() {
			c.lingerOn()
		}
		if c.secured != nil && !c.cut && !c.secured.wire.broken {
			_ = c.secured.part()
		}
		err = c.Conn.Close()
		c.recycle()
		c.srv.open.Add(-1)
		c.srv.seats.Leave(c.seat)
		c.srv.counter.ConnectionClosed()
		c.srv.conns.remove(c)
	})
	return err
}
