package httpfront

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/valyala/fasthttp"

	"penknife/clients"
	"penknife/configs"
	"penknife/gateway"
	"penknife/httpdate"
	"penknife/osproc"
	"penknife/requestids"
	"penknife/sockets"
	"penknife/streams"
)

// Sizes of fasthttp's buffers for one connection. A head that does not fit is handed over in a shorter form, and the
// only thing that fasthttp writes is an empty answer that conn.Write drops.
const (
	engineReadBuffer  = 4096
	engineWriteBuffer = 512
)

// ErrStopped is what Serve returns when it is called after Shutdown.
var ErrStopped = errors.New("httpfront: the server has been shut down")

// Counter is told what happens on connections. Its methods are called from many goroutines and must not block.
type Counter interface {
	ConnectionOpened()
	ConnectionClosed()
	// ConnectionRefused: not served, for one of the reasons of package clients.
	ConnectionRefused(reason string)
	// ConnectionIdle: closed after limits.idle_timeout without a request.
	ConnectionIdle()
	// TLSHandshake: one ended; the result is one of TLSHandshakeResults.
	TLSHandshake(result string)
	// ProtocolError: a request was refused, or its body or its answer failed for a limit. The reason is one of a fixed set of labels.
	ProtocolError(reason string)
}

// Deps is what a Server needs from the rest of the process. Handler and NextID must be set.
type Deps struct {
	Handler  gateway.Handler
	Observer gateway.Observer // told once about every request, refused ones included; may be nil
	Counter  Counter          // may be nil
	NextID   func() uint64    // gives request IDs, never zero
	Log      *slog.Logger     // may be nil
	// IDs makes the identifiers of requests; nil: they have none.
	IDs *requestids.Source
	// TLS gives the configuration for one more connection, without waiting; nil: plain HTTP is spoken. Deadlines and the
	// protocol are the Server's: NextProtos must have http/1.1.
	TLS func() *tls.Config
	// Open counts open connections. Servers that share limits.connections share one; nil makes the Server its own.
	Open *atomic.Int64
	// Seats counts the connections of each client's address; nil: there is no limit.
	Seats *clients.Connections
}

// Server is one HTTP front end. It may serve several listeners.
type Server struct {
	handler  gateway.Handler
	observer gateway.Observer
	counter  Counter
	nextID   func() uint64
	log      *slog.Logger
	ids      *requestids.Source
	open     *atomic.Int64
	seats    *clients.Connections
	limits   configs.Limits
	trusted  sockets.Set
	door     door
	tls      func() *tls.Config // nil: plain HTTP
	yielder  *osproc.Yielder

	engine  *fasthttp.Server
	date    httpdate.Line
	scratch sync.Pool // of *scratch
	blocks  sync.Pool // of *[]byte with blockSize bytes

	turns turns
	conns *registry
	phase atomic.Int32 // one of the phases

	handshakeLog handshakeLog

	inside atomic.Int32  // accept loops that are not waiting
	taken  atomic.Uint64 // connections
	// sendfileCalls counts the kernel copies: tests see by it that the fast way was taken.
	sendfileCalls atomic.Int64
}

// phase is how far the end has come. It only grows.
type phase = int32

const (
	phaseServing  phase = iota + 1
	phaseParting        // answers end their connections
	phaseReleased       // and nobody is accepted any more
	phaseStopping       // and who waits for a request is closed
)

// reached tells whether the end has come that far.
func (s *Server) reached(p phase) bool { return s.phase.Load() >= p }

// advance takes the end that far, unless it is further.
func (s *Server) advance(p phase) {
	for now := s.phase.Load(); now < p; now = s.phase.Load() {
		if s.phase.CompareAndSwap(now, p) {
			return
		}
	}
}

// New makes a Server for one http section, of which it uses what is about peers; listening is the caller's. It fails only
// when a list of addresses does not parse. A limit or timeout of zero means none, except those of the head, which get the
// configuration's defaults.
func New(cfg configs.HTTP, limits configs.Limits, deps Deps) (*Server, error) {
	trusted, err := sockets.ParseSet(cfg.TrustedProxies)
	if err != nil {
		return nil, err
	}
	door, err := newDoor(cfg)
	if err != nil {
		return nil, err
	}
	s := &Server{
		door:    door,
		handler: deps.Handler, observer: deps.Observer, counter: deps.Counter, nextID: deps.NextID, yielder: osproc.NewYielder(),
		log: deps.Log, ids: deps.IDs, open: deps.Open, seats: deps.Seats, limits: limits.WithHeadDefaults(), trusted: trusted, tls: deps.TLS, turns: newTurns(),
		conns: newRegistry(),
	}
	s.advance(phaseServing)
	if s.counter == nil {
		s.counter = noCounter{}
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.open == nil {
		s.open = new(atomic.Int64)
	}
	s.scratch.New = func() any { return new(scratch) }
	s.blocks.New = func() any { b := make([]byte, blockSize); return &b }
	s.engine = &fasthttp.Server{
		Handler:                      s.handle,
		ErrorHandler:                 s.handleEngineError,
		ReadBufferSize:               engineReadBuffer,
		WriteBufferSize:              engineWriteBuffer,
		Concurrency:                  math.MaxInt32,
		DisablePreParseMultipartForm: true,
		NoDefaultServerHeader:        true,
		NoDefaultDate:                true,
		NoDefaultContentType:         true,
		SecureErrorLogMessage:        true,
		Logger:                       engineLog{s.log},
	}
	return s, nil
}

// Serve accepts connections from ln until Shutdown, and then returns nil. It closes ln. Any other return is an error
// of ln that will not go away, or that there is no descriptor left to accept with (streams.Listen); connections already
// accepted are served on. It blocks, and may be called for several listeners at once.
func (s *Server) Serve(ln net.Listener) error {
	defer ln.Close()
	if _, isSocket := ln.(syscall.Conn); isSocket {
		direct, err := streams.Listen(ln)
		switch {
		case err != nil && s.conns.isReleased():
			return ErrStopped
		case err != nil:
			return err
		}
		defer direct.Close()
		ln = direct
	}
	if !s.conns.addListener(ln) {
		return ErrStopped
	}
	defer s.conns.removeListener(ln)
	return s.acceptAll(ln)
}

// Part makes every further answer the last of its connection (Connection: close), so that clients go elsewhere. New
// connections are accepted as before. It returns at once.
func (s *Server) Part() { s.advance(phaseParting) }

// Release stops accepting, for another process that may accept on the same socket. Connections that are open are served
// on: one that waits for a request may still send it, and the answer says Connection: close. So no client finds its
// connection closed under a request. Release waits until no connection is left; when ctx ends first it gives the
// context's error, and Shutdown is needed to end what is there.
func (s *Server) Release(ctx context.Context, _ bool) error {
	s.advance(phaseReleased)
	s.conns.release()
	select {
	case <-s.conns.empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Shutdown stops accepting, closes connections that have no request under way, lets the others finish with
// Connection: close, and waits for them. When ctx ends first it closes what is left and returns the context's error
// without waiting for handlers that are still inside the application. Later calls wait as the first one does.
func (s *Server) Shutdown(ctx context.Context) error {
	s.advance(phaseStopping)
	s.conns.stop()
	s.conns.wakeIdle()
	select {
	case <-s.conns.empty:
		return nil
	case <-ctx.Done():
		s.conns.closeAll()
		return ctx.Err()
	}
}

// Accepting tells whether an accept loop is at work, rather than waiting for connections, and how many were taken. One
// that is at work and takes none is stuck.
func (s *Server) Accepting() (inside bool, taken uint64) { return s.inside.Load() > 0, s.taken.Load() }

// engineLog passes on what fasthttp logs; it has nothing to say that we have not logged with the request.
type engineLog struct{ log *slog.Logger }

func (l engineLog) Printf(format string, args ...any) { l.log.Debug("fasthttp", "format", format) }

type noCounter struct{}

func (noCounter) ConnectionOpened()    {}
func (noCounter) ConnectionClosed()    {}
func (noCounter) ConnectionIdle()      {}
func (noCounter) TLSHandshake(string)  {}
func (noCounter) ProtocolError(string) {}

func (noCounter) ConnectionRefused(string) {}
