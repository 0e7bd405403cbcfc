package gateway

import (
	"errors"
	"time"
)

// Handler answers requests. It is the only seam between front ends and engines.
//
// Serve may block for the application, up to the request's time limits. It returns a response whose Body the
// caller closes, or an error from which KindOf tells what the client should get. A handler that returns ErrPending
// answers through Request.Later instead. Serve is called from many goroutines at once.
type Handler interface {
	Serve(*Request) (*Response, error)
}

// HandlerFunc lets a function be a Handler.
type HandlerFunc func(*Request) (*Response, error)

// Serve calls f.
func (f HandlerFunc) Serve(r *Request) (*Response, error) { return f(r) }

// ErrPending is what Serve returns when it has taken the request and will call Request.Later.
var ErrPending = errors.New("gateway: the answer comes through Request.Later")

// Outcome is how a request ended, as the front end saw it.
type Outcome struct {
	Status int           // what the client was sent; 0 when nothing could be sent
	Sent   int64         // body bytes handed to the client's connection
	Total  time.Duration // from Request.Start to the last byte
	// Head is the head that was sent, from the status line to the empty line; content may follow it. It is nil when
	// none was sent, and valid until RequestDone returns.
	Head []byte
	Err  error // nil, or why the answer was an error page or was cut
}

// Observer is told once about every request that reached a front end, after its last byte. It must not block, and
// must not keep the request.
type Observer interface {
	RequestDone(*Request, Outcome)
}
