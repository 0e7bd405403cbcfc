package gateway

import (
	"io"
	"time"
)

// Front names the protocol that a request came in by.
type Front uint8

// The front ends.
const (
	FrontHTTP Front = iota + 1
	FrontUwsgi
)

var frontNames = [...]string{FrontHTTP: "http", FrontUwsgi: "uwsgi"}

// String gives the name used in logs and as a metric label.
func (f Front) String() string {
	if int(f) < len(frontNames) && frontNames[f] != "" {
		return frontNames[f]
	}
	return "unknown"
}

// Client is who has sent a request.
type Client interface {
	// Gone tells whether nobody waits for the answer any more. It does not block. It may be called from any goroutine; when
	// the request has been answered meanwhile, what it says means nothing.
	Gone() bool
}

// Request is one request in canonical form. The front end owns it and every slice in it; they stay valid until the
// response's body is closed (or, when Serve answers an error, until Serve returns or Later is called). An engine
// that needs bytes for longer copies them.
type Request struct {
	// ID is unique within the process's life. It is never zero and appears in every log line about the request.
	ID uint64
	// RequestID is the identifier that the logs of every server and the application know the request by; empty when
	// requests have none. It is taken from a trusted peer or made, and in Vars under its own name.
	RequestID []byte
	// Trusted says that the peer's word about its client counts: a unix socket, a trusted proxy, a uwsgi peer.
	Trusted bool
	// Front is the protocol that the request came in by.
	Front Front
	// Start is when the first byte of the request was seen.
	Start time.Time

	// Vars is the request's CGI variables as one encoded uwsgi var block: repeated (key length LE16, key, value
	// length LE16, value), in the order received, without the packet header. It has no 64 KiB limit. When a key
	// occurs twice, the later one wins; HTTP_* values are joined, since nginx before 1.23 repeats them.
	Vars []byte

	// Method, Target, Path, Query, Host, Scheme, Proto and RemoteAddr are views into Vars, for engines and logs
	// that should not search the block. Target is REQUEST_URI as sent; Path is SCRIPT_NAME + PATH_INFO, decoded
	// once. Any of them but Method may be empty when the peer did not say.
	Method, Target, Path, Query, Host, Scheme, Proto, RemoteAddr []byte

	// Body reads the request body: nil means that there is none. Read blocks for the client, and fails with an
	// *Error (KindBodyTooLarge, KindBodyTimeout, KindBadRequest, KindClientGone) that the engine passes on as
	// it is. The engine need not read it to the end: the front end drains or closes.
	Body io.Reader
	// ContentLength is the body's length in bytes: 0 without a body, -1 when only its end will tell (chunked).
	// With -1, Vars has no CONTENT_LENGTH; the engine appends one once it knows.
	ContentLength int64

	// Client lets an engine ask, while a request waits, whether it is still worth to be served. nil: nobody can tell.
	Client Client

	// Trace is what the engines noted about the request. It is complete when the response's body is closed, or when
	// an error was returned.
	Trace Trace

	// Span is what package tracing keeps with the request, nil when nothing is traced.
	Span any

	// Later, when not nil, permits an engine to answer later: it returns ErrPending from Serve, and then calls
	// Later exactly once, from any goroutine, possibly before Serve has returned. Later must not block for the
	// engine: the front end writes what fits and continues elsewhere.
	Later func(*Response, error)
}
