package httpfront

import (
	"crypto/tls"
	"io"
	"net"
	"time"

	"penknife/certs"
)

// secured is a connection that speaks TLS. crypto/tls gives up for good when a write runs into a deadline, so deadlines
// are dealt with below it: wire writes as conn.write does, and crypto/tls learns only of clients that take nothing.
type secured struct {
	*tls.Conn
	wire *wire
}

// wire is the socket as crypto/tls sees it.
type wire struct {
	net.Conn
	input  io.Reader
	output io.Writer
	c      *conn
	// direct: the deadline is somebody else's, that of the handshake or of the last alert.
	direct bool
	broken bool // a write has failed: nothing can be said any more
	// What went over the wire, for resultOf.
	answered bool   // something was sent that is no alert
	alert    byte   // the last alert that went out unencrypted; 0: none
	seen     bool   // something was read
	plain    []byte // what was read first, if it is no TLS
}

// Bytes of TLS records (RFC 8446 section 5.1, RFC 5246 section 6.2.1).
const (
	recordAlert     = 21
	recordHandshake = 22
	alertRecordSize = 7 // header, level, description
)

// Read reads from the socket. It keeps the first bytes of a client that does not speak TLS, so that it can be answered
// in plain HTTP.
func (w *wire) Read(p []byte) (int, error) {
	n, err := w.input.Read(p)
	if n > 0 && !w.seen {
		w.seen = true
		if p[0] != recordHandshake {
			w.plain = append(w.plain, p[:n]...)
		}
	}
	return n, err
}

// Write sends all of p as long as the client makes progress (limits.write_timeout).
func (w *wire) Write(p []byte) (int, error) {
	if len(p) == alertRecordSize && p[0] == recordAlert {
		w.alert = p[alertRecordSize-1]
	} else {
		w.answered = true
	}
	done, err := w.send(p)
	w.broken = w.broken || err != nil
	return done, err
}

func (w *wire) send(p []byte) (done int, err error) {
	if w.direct {
		return w.output.Write(p)
	}
	for w.c.unsent = unknownUnsent; ; {
		w.c.now = time.Now()
		if err := w.c.armWrite(); err != nil {
			return done, err
		}
		n, err := w.output.Write(p[done:])
		done += n
		if !w.c.goesOn(int64(n), err) {
			return done, err
		}
	}
}

// part says that nothing more will be sent: to TLS, so that the client knows that nothing is missing.
func (s *secured) part() error {
	s.wire.direct = true // crypto/tls has its own limit for this one
	return s.CloseWrite()
}

// readLast reads, while the server stops, from an idle connection whose socket has nothing. Only crypto/tls may still
// hold bytes, which came together with the request before.
func (c *conn) readLast(p []byte) (int, error) {
	if c.secured == nil {
		return 0, errStopping
	}
	c.readStale = true
	if err := c.Conn.SetReadDeadline(longAgo); err != nil {
		return 0, err
	}
	if n, _ := c.input.Read(p); n > 0 {
		return n, nil
	}
	return 0, errStopping
}

// hasten shortens the time of a connection while the server stops, if the first bytes of a request may have arrived.
// With TLS that is unknown until a record is complete, so limits.idle_timeout would apply otherwise.
func (c *conn) hasten(until *time.Time) error {
	if c.secured == nil {
		return nil
	}
	*until = after(time.Now(), c.srv.limits.HeaderTime)
	return c.armRead(*until)
}

// shakeHands makes a connection that speaks TLS of the socket. It tells whether requests may follow.
func (c *conn) shakeHands() bool {
	config := c.srv.tls()
	c.began = time.Now()
	w := &wire{Conn: c.Conn, input: c.input, output: c.output, c: c, direct: true}
	session := tls.Server(w, config)
	c.shakes.Store(true)
	until := after(c.began, c.srv.limits.TLSHandshakeTime)
	if c.srv.reached(phaseStopping) {
		until = c.began.Add(lingerStop)
	}
	err := c.Conn.SetDeadline(until)
	if err == nil {
		err = session.Handshake()
	}
	c.shakes.Store(false)
	if err != nil {
		c.refuseHandshake(w, config, err)
		return false
	}
	if err := c.Conn.SetDeadline(time.Time{}); err != nil {
		return false
	}
	return c.enterSession(session, w)
}

// enterSession makes the session what the connection reads and writes.
func (c *conn) enterSession(session *tls.Conn, w *wire) bool {
	state := session.ConnectionState()
	w.direct = false
	c.input, c.output, c.secured = session, session, &secured{session, w}
	c.readArmed, c.writeArmed, c.now = time.Time{}, time.Time{}, time.Now()
	vars, err := appendSessionVars(nil, &state)
	if err != nil {
		c.noteHandshake(handshakeClientCertificate, err)
		return false
	}
	c.peer.secure(vars)
	switch {
	case state.NegotiatedProtocol == certs.ACMEProtocol: // it has seen what it wanted to see
		c.noteHandshake(handshakeACME, nil)
		return false
	case state.DidResume:
		c.noteHandshake(handshakeResumed, nil)
	default:
		c.noteHandshake(handshakeDone, nil)
	}
	return true
}
