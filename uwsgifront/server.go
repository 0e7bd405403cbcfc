package uwsgifront

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"penknife/clients"
	"penknife/configs"
	"penknife/gateway"
	"penknife/httpdate"
	"penknife/requestids"
	"penknife/sockets"
)

// cutTime is how long Shutdown waits, after it has cut the connections, for the goroutines that served them. Those
// that wait for a client end at once; those inside a handler end when the handler does.
const cutTime = time.Second

// ErrStopped is what Serve returns when it is called after Shutdown.
var ErrStopped = errors.New("uwsgifront: the server has been shut down")

// Counter is told what happens on connections. Its methods are called from many goroutines and must not block.
type Counter interface {
	ConnectionOpened()
	ConnectionClosed()
	// ConnectionRefused: not served, for one of the reasons of package clients.
	ConnectionRefused(reason string)
	// ProtocolError: a request was refused, or its body or its answer failed for a limit. The reason is one of a fixed set of labels.
	ProtocolError(reason string)
}

// Deps is what a Server needs from the rest of the process. Handler and NextID must be set.
type Deps struct {
	Handler  gateway.Handler  // must not block when Request.Later is set: it is called from the accept loop
	Observer gateway.Observer // told once about every request, refused ones included; may be nil
	Counter  Counter          // may be nil
	NextID   func() uint64    // gives request IDs, never zero
	Log      *slog.Logger     // may be nil
	// IDs makes the identifiers of requests; nil: they have none.
	IDs *requestids.Source
	// Open counts open connections. Servers that share limits.connections share one; nil makes the Server its own.
	Open *atomic.Int64
}

// Server is one uwsgi front end. It may serve several listeners.
type Server struct {
	handler  gateway.Handler
	observer gateway.Observer
	counter  Counter
	nextID   func() uint64
	log      *slog.Logger
	ids      *requestids.Source
	open     *atomic.Int64
	limits   configs.Limits
	access   atomic.Pointer[sockets.Access]

	conns    *registry
	date     httpdate.Line
	throttle clients.Throttle
	blocks   sync.Pool    // of *[]byte with blockSize bytes
	slow     atomic.Int64 // connections that left the fast path
}

// New makes a Server for one uwsgi section. Of cfg it uses AllowFrom and DenyFrom; listening is the caller's. It
// fails only when they do not parse. A limit or timeout of zero means none, except those of the head, which get the
// configuration's defaults.
func New(cfg configs.Uwsgi, limits configs.Limits, deps Deps) (*Server, error) {
	access, err := sockets.ParseAccess(cfg.AllowFrom, cfg.DenyFrom)
	if err != nil {
		return nil, err
	}
	s := &Server{
		handler: deps.Handler, observer: deps.Observer, counter: deps.Counter, nextID: deps.NextID,
		log: deps.Log, ids: deps.IDs, open: deps.Open, limits: limits.WithHeadDefaults(), conns: newRegistry(),
	}
	s.Admit(access)
	if s.limits.HeaderTime <= 0 {
		s.limits.HeaderTime = configs.Default().Limits.HeaderTime
	}
	if s.counter == nil {
		s.counter = noCounter{}
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.open == nil {
		s.open = new(atomic.Int64)
	}
	s.blocks.New = func() any { b := make([]byte, blockSize); return &b }
	return s, nil
}

// Serve accepts connections from ln until Shutdown, and then returns nil. It closes ln, which must have a File method
// as the listeners of packages net and sockets do. Any other return is an error of ln that will not go away;
// connections already accepted are served on. It blocks, and may be called for several listeners at once.
func (s *Server) Serve(ln net.Listener) error {
	defer ln.Close()
	a, err := newAcceptor(s, ln)
	if err != nil {
		return err
	}
	defer a.file.Close()
	if !s.conns.addAcceptor(a) {
		return ErrStopped
	}
	defer s.conns.removeAcceptor(a)
	return a.run()
}

// Shutdown stops accepting (connections that are in the backlog by then are still served, and over TCP those of the next
// 200 ms: see openUp), lets requests under way finish, and waits for them. When ctx ends first it cuts what is left and returns the
// context's error; it then waits for no handler that is still inside the application, but whatever that answers later
// is thrown away safely. Later calls wait as the first one does.
func (s *Server) Shutdown(ctx context.Context) error {
	s.conns.openUp(ctx)
	s.conns.stop()
	select {
	case <-s.conns.empty:
		return nil
	case <-ctx.Done():
	}
	s.conns.cutAll()
	timer := time.NewTimer(cutTime)
	defer timer.Stop()
	select {
	case <-s.conns.empty:
	case <-timer.C:
	}
	return ctx.Err()
}

// Admit says anew who may connect over TCP, by allow_from and deny_from.
func (s *Server) Admit(access sockets.Access) { s.access.Store(&access) }

// Part does nothing: every answer ends its connection as it is.
func (s *Server) Part() {}

// Release stops accepting and waits until no connection is left; when ctx ends first it gives the context's error, and Shutdown
// is needed to end what is there. If the sockets are shared, another process accepts on them; else it accepts for a moment more,
// as Shutdown does.
func (s *Server) Release(ctx context.Context, shared bool) error {
	if !shared {
		s.conns.openUp(ctx)
	}
	s.conns.stop()
	select {
	case <-s.conns.empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Accepting tells whether an accept loop is at work, rather than waiting for connections, and how many it has taken. One
// that is at work and takes none is stuck in a handler.
func (s *Server) Accepting() (inside bool, taken uint64) { return s.conns.accepting() }

type noCounter struct{}

func (noCounter) ConnectionOpened()    {}
func (noCounter) ConnectionClosed()    {}
func (noCounter) ProtocolError(string) {}

func (noCounter) ConnectionRefused(string) {}
