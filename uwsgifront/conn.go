package uwsgifront

import (
	"errors"
	"io"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"penknife/gateway"
	"penknife/sockets"
	"penknife/streams"
)

const (
	// bufferSize holds the packets that the fast path can take, header and body included.
	bufferSize = 16 << 10
	// headSize holds the head of most answers.
	headSize = 1 << 10
	// maxKept is the largest buffer that a connection object takes along to its next connection.
	maxKept = 64 << 10
)

// conn is one connection and its one request. The objects are reused.
//
// One goroutine at a time works on it: the accept loop, then either the goroutine that calls answer or one of its own.
// Two may hold it, though: while the engine answers, the handler that the accept loop called may not have returned
// yet and still look at the request. The last of them gives it back (holds).
type conn struct {
	srv     *Server
	index   int  // in registry.all, guarded by registry.mu
	retired bool // a handler lost track of it: it is not used again
	holds   atomic.Int32

	mu   sync.Mutex // guards changes of fd and file against cut
	fd   int        // -1: closed
	file *os.File   // the same descriptor in the poller, once something had to wait
	raw  syscall.RawConn

	isUnix  bool
	counted bool // in the gauge of open connections
	held    bool // the kernel may hold the last bytes back until the end of the stream
	start   time.Time

	buf   []byte // what was received
	have  int    // bytes of buf
	head  []byte // of the answer
	msg   streams.Message
	vars  []byte // the block, when it had to be changed
	path  []byte // SCRIPT_NAME + PATH_INFO
	req   gateway.Request
	body  body
	later func(*gateway.Response, error) // answer, bound once

	status int   // sent so far
	sent   int64 // body bytes sent so far
}

func newConn(s *Server) *conn {
	c := &conn{srv: s, fd: -1, buf: make([]byte, bufferSize), head: make([]byte, 0, headSize)}
	c.later = c.answer
	return c
}

// begin takes over a fresh descriptor.
func (c *conn) begin(fd int, isUnix bool) {
	c.mu.Lock()
	c.fd = fd
	c.mu.Unlock()
	if c.srv.conns.cutting.Load() {
		c.cut()
	}
	c.isUnix, c.counted, c.held, c.start = isUnix, false, false, time.Now()
	c.have, c.status, c.sent = 0, 0, 0
	c.holds.Store(1)
	c.req.ID, c.req.Front, c.req.Start, c.req.Trusted = c.srv.nextID(), gateway.FrontUwsgi, c.start, true
	c.req.Client = c
}

// goOn continues off the fast path.
func (c *conn) goOn(f func()) {
	c.srv.slow.Add(1)
	// Ends with the connection: by the peer, a timeout, or Shutdown, which shuts the socket down at its deadline.
	go f()
}

// call asks the handler. A panic in it is a fault of penknife: it is logged here and fails this request only. The
// handler may still call answer later, so the connection object is then never used again.
func (c *conn) call() (resp *gateway.Response, err error) {
	defer func() {
		if p := recover(); p != nil {
			c.srv.log.Error("panic in a handler", "request", c.req.ID, "request_id", string(c.req.RequestID), "panic", p, "stack", string(debug.Stack()))
			c.retired = true
			resp, err = nil, gateway.Errorf(gateway.KindInternal, "panic in a handler")
		}
	}()
	return c.srv.handler.Serve(&c.req)
}

// report logs a failure and tells the observer how the request ended. It is called once, after the last byte.
func (c *conn) report(err error) {
	if err != nil {
		c.logFailure(err)
	}
	if c.srv.observer == nil {
		return
	}
	outcome := gateway.Outcome{Status: c.status, Sent: c.sent, Total: time.Since(c.start), Err: err}
	if c.status != 0 {
		outcome.Head = c.head
	}
	c.srv.observer.RequestDone(&c.req, outcome)
}

// finish closes the connection and lets go of it.
func (c *conn) finish() {
	c.close()
	c.drop()
}

// close closes the socket after everything was sent. If the kernel then sends a reset, it is because the peer's bytes
// were not all read.
func (c *conn) close() {
	c.mu.Lock()
	fd, file := c.fd, c.file
	c.fd, c.file, c.raw = -1, nil, nil
	if fd >= 0 && c.held {
		streams.EndWrite(fd) // not by closing: with unread input that would throw away what is held back
	}
	switch {
	case file != nil:
		file.Close()
	case fd >= 0:
		streams.Close(fd) // under the lock, or cut could hit the number's next owner
	}
	c.mu.Unlock()
	if fd < 0 {
		return
	}
	c.srv.open.Add(-1)
	if c.counted {
		c.srv.counter.ConnectionClosed()
	}
}

// cut shuts down both directions, from any goroutine. The one that works on the connection notices by an error.
func (c *conn) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd >= 0 {
		unix.Shutdown(c.fd, unix.SHUT_RDWR)
	}
}

// drop lets go of the object; the last one to do so gives it back.
func (c *conn) drop() {
	if c.holds.Add(-1) != 0 {
		return
	}
	if len(c.buf) > bufferSize {
		c.buf = make([]byte, bufferSize)
	}
	for _, kept := range [...]*[]byte{&c.head, &c.vars, &c.path} {
		if cap(*kept) > maxKept {
			*kept = nil
		}
	}
	c.req, c.body = gateway.Request{}, body{}
	c.srv.conns.release(c)
}

// join brings the descriptor into the Go poller.
func (c *conn) join() error {
	if c.raw != nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.file = os.NewFile(uintptr(c.fd), "uwsgi connection")
	if c.file == nil {
		return os.ErrClosed
	}
	var err error
	c.raw, err = c.file.SyscallConn()
	return err
}

// read waits for bytes until the deadline, a zero one being none. Errors: io.EOF, os.ErrDeadlineExceeded, or what the
// socket says.
func (c *conn) read(p []byte, deadline time.Time) (int, error) {
	n, errno := streams.Read(c.fd, p)
	if errno == unix.EAGAIN {
		if err := c.join(); err != nil {
			return 0, err
		}
		if err := c.file.SetReadDeadline(deadline); err != nil {
			return 0, err
		}
		err := c.raw.Read(func(fd uintptr) bool {
			n, errno = streams.Read(int(fd), p)
			return errno != unix.EAGAIN
		})
		if errors.Is(err, os.ErrDeadlineExceeded) {
			// This process may have been stopped for longer than that, with the bytes in the kernel all the time.
			if n, errno = streams.Read(c.fd, p); errno != unix.EAGAIN {
				err = nil
			}
		}
		if err != nil {
			return 0, err
		}
	}
	switch {
	case errno != 0:
		return 0, errno
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// write sends head and body completely. It waits at most limits.write_timeout for each progress. The error is an
// *gateway.Error of KindClientGone.
func (c *conn) write(head, body []byte, flags int) error {
	for len(head)+len(body) > 0 {
		n, errno := c.msg.Send(c.fd, head, body, flags)
		if errno == unix.EAGAIN {
			var err error
			if n, errno, err = c.sendWaiting(head, body, flags); err != nil {
				return c.clientGone(err)
			}
		}
		if errno != 0 {
			return c.clientGone(errno)
		}
		head, body = c.advance(head, body, n)
	}
	return nil
}

// sendWaiting waits until the socket takes bytes, and sends what it takes.
func (c *conn) sendWaiting(head, body []byte, flags int) (n int, errno unix.Errno, err error) {
	err = c.awaitWrite(func(fd int) bool {
		n, errno = c.msg.Send(fd, head, body, flags)
		return errno != unix.EAGAIN
	})
	return n, errno, err
}

// last gives the flags for the last write of an answer, which linger or close follow at once: over TCP they send it with the
// end of the stream, in one packet.
func (c *conn) last() (flags int) {
	if c.isUnix {
		return 0
	}
	c.held = true
	return unix.MSG_MORE
}

// push sends as much of a whole answer as fits without waiting, and gives the rest. The error is of KindClientGone.
func (c *conn) push(head, body []byte) (restHead, restBody []byte, err error) {
	n, errno := c.msg.Send(c.fd, head, body, c.last())
	switch errno {
	case 0:
		restHead, restBody = c.advance(head, body, n)
		return restHead, restBody, nil
	case unix.EAGAIN:
		return head, body, nil
	}
	return nil, nil, c.clientGone(errno)
}

// advance takes n sent bytes off the front, and counts those of the body.
func (c *conn) advance(head, body []byte, n int) ([]byte, []byte) {
	fromHead := min(n, len(head))
	c.sent += int64(n - fromHead)
	return head[fromHead:], body[n-fromHead:]
}

// awaitWrite calls try each time the socket takes bytes again, until it gives true or the peer has taken nothing, or less
// than limits.write_min_rate, for limits.write_timeout. That is looked at twice in that time, so it may be half of it more.
func (c *conn) awaitWrite(try func(fd int) bool) error {
	if err := c.join(); err != nil {
		return err
	}
	limit := c.srv.limits.WriteTime
	for unsent := -1; ; {
		var deadline time.Time
		began := time.Now()
		if limit > 0 {
			deadline = began.Add((limit + 1) / 2)
		}
		if err := c.file.SetWriteDeadline(deadline); err != nil {
			return err
		}
		err := c.raw.Write(func(fd uintptr) bool { return try(int(fd)) })
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		// The socket may have no room for a long time while a slow peer empties it.
		left, outErr := sockets.Unsent(c.fd)
		if outErr != nil || unsent >= 0 && !sockets.TakesEnough(unsent-left, time.Since(began), int64(c.srv.limits.WriteMinRate)) {
			return err
		}
		unsent = left
	}
}

// slowReader is the label by which answers that limits.write_timeout has ended are counted.
const slowReader = "slow_reader"

// clientGone says that the answer could not be delivered.
func (c *conn) clientGone(err error) *gateway.Error {
	reason := "the client left before it had the answer"
	if errors.Is(err, os.ErrDeadlineExceeded) {
		reason = "the client took the answer too slowly (limits.write_timeout, limits.write_min_rate)"
		c.srv.counter.ProtocolError(slowReader)
	}
	return &gateway.Error{Kind: gateway.KindClientGone, Reason: reason, Err: err}
}
