package httpfront

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"penknife/certs"
)

// How handshakes end, as they are counted.
const (
	handshakeDone    = "done"
	handshakeResumed = "resumed" // by a session ticket
	handshakeACME    = "acme"    // of a certificate authority that looks at a challenge

	handshakeTimeout           = "timeout"    // limits.tls_handshake_timeout
	handshakeLeft              = "left"       // the client has closed
	handshakePlain             = "plain_http" // an HTTP request without TLS
	handshakeNotTLS            = "not_tls"
	handshakeRejected          = "rejected" // by the client: it does not trust the certificate, or the like
	handshakeClientCertificate = "client_certificate"
	handshakeNoCertificate     = "no_certificate" // there is none to show yet
	handshakeVersion           = "version"        // the client's are too old, or too new
	handshakeProtocol          = "alpn"           // the client wants another protocol than http/1.1
	handshakeCipher            = "parameters"     // nothing in common
	handshakeOther             = "other"
)

// TLSHandshakeResults lists how handshakes end, in the order in which they are documented: the first three are good.
func TLSHandshakeResults() []string {
	return []string{
		handshakeDone, handshakeResumed, handshakeACME, handshakeTimeout, handshakeLeft, handshakePlain, handshakeNotTLS,
		handshakeRejected, handshakeClientCertificate, handshakeNoCertificate, handshakeVersion, handshakeProtocol,
		handshakeCipher, handshakeOther,
	}
}

// alertResults tells by the alert that crypto/tls has sent what it did not like (RFC 8446 section 6).
var alertResults = map[byte]string{
	40:  handshakeCipher, // handshake_failure
	42:  handshakeClientCertificate,
	46:  handshakeClientCertificate, // certificate_unknown
	47:  handshakeCipher,            // illegal_parameter
	70:  handshakeVersion,
	120: handshakeProtocol,
}

// resultOf classifies a handshake that failed. crypto/tls has few errors with a type, so the rest is told by what went
// over the wire.
func resultOf(w *wire, config *tls.Config, err error) string {
	var record tls.RecordHeaderError
	var verification *tls.CertificateVerificationError
	var remote *net.OpError
	var broken syscall.Errno
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return handshakeTimeout
	case errors.Is(err, certs.ErrNoCertificate):
		return handshakeNoCertificate
	case errors.As(err, &verification):
		return handshakeClientCertificate
	case errors.As(err, &record) && looksLikeHTTP(w.plain):
		return handshakePlain
	case errors.As(err, &record):
		return handshakeNotTLS
	case errors.As(err, &remote) && remote.Op == "remote error": // crypto/tls: an alert of the client
		return handshakeRejected
	case errors.As(err, &remote) && remote.Op != "local error", errors.As(err, &broken), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return handshakeLeft
	}
	if w.answered && config.ClientAuth == tls.RequireAndVerifyClientCert {
		return handshakeClientCertificate // there a client has little to do but to show it
	}
	if known, ok := alertResults[w.alert]; ok {
		return known
	}
	return handshakeOther
}

// looksLikeHTTP tells whether bytes could begin a request line.
func looksLikeHTTP(b []byte) bool {
	const enough = 5
	if len(b) < enough || nameChars[b[0]] == notToken {
		return false
	}
	for _, c := range b[:enough] {
		if c != ' ' && c != '/' && nameChars[c] == notToken {
			return false
		}
	}
	return true
}

// refuseHandshake ends a connection that could not agree. A client that speaks HTTP gets an answer that it can read.
func (c *conn) refuseHandshake(w *wire, config *tls.Config, err error) {
	result := resultOf(w, config, err)
	if result == handshakePlain {
		c.srv.counter.TLSHandshake(result)
		c.scratch = c.srv.scratch.Get().(*scratch)
		c.in, c.taken = append(c.in[:0], w.plain...), 0
		_ = c.refusePartial(refusePlain) // which it gives back
		return
	}
	c.noteHandshake(result, err)
	// An alert must not be lost in a reset because of what the client sent meanwhile.
	c.linger = result != handshakeTimeout && result != handshakeLeft && result != handshakeRejected
}

// noteHandshake counts how a handshake ended, and logs some of those that failed.
func (c *conn) noteHandshake(result string, err error) {
	c.srv.counter.TLSHandshake(result)
	if err == nil {
		return
	}
	suppressed, say := c.srv.handshakeLog.admit(result, time.Now())
	level := slog.LevelInfo
	if !say {
		level = slog.LevelDebug
	}
	c.srv.log.Log(context.Background(), level, "tls handshake failed", "client", c.peer.text, "reason", result, "error", err,
		"suppressed_before", suppressed)
}

// handshakeLogEvery is how often a failed handshake of one kind is a line in the log: who is found by scanners has them
// all day.
const handshakeLogEvery = time.Minute

// handshakeLog admits lines about failed handshakes. The lock is a leaf.
type handshakeLog struct {
	mu    sync.Mutex
	kinds map[string]*handshakeLines // by result
}

type handshakeLines struct {
	last       time.Time
	suppressed int
}

// admit tells whether a line may be written, and how many of its kind were not.
func (l *handshakeLog) admit(result string, now time.Time) (suppressed int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.kinds == nil {
		l.kinds = map[string]*handshakeLines{}
	}
	kind := l.kinds[result]
	if kind == nil {
		kind = &handshakeLines{}
		l.kinds[result] = kind
	}
	if !kind.last.IsZero() && now.Sub(kind.last) < handshakeLogEvery {
		kind.suppressed++
		return 0, false
	}
	suppressed = kind.suppressed
	kind.last, kind.suppressed = now, 0
	return suppressed, true
}
