package control

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"
)

const (
	headerTimeout = 10 * time.Second
	headerLimit   = 16 << 10
	orderLimit    = 4 << 10
)

// Deps is what the socket can ask for.
type Deps struct {
	// Status and Report must not block.
	Status func() Status
	Report func() Report
	// Reload blocks until it is over, or until ctx ends; the reload then goes on.
	Reload func(ctx context.Context) Reloaded
	// Scale blocks until the workers are there, or until ctx ends; what was ordered then stays so.
	Scale func(ctx context.Context, order ScaleOrder) Scaled
	// ReopenLogs blocks until logs that are files go to new ones, or ctx ends.
	ReopenLogs func(ctx context.Context) error
	// Upgrade blocks until another process serves, or until ctx ends; the upgrade then goes on.
	Upgrade func(ctx context.Context) Upgraded
	// Stop begins the end of the server and returns at once; fast waits for no request.
	Stop func(fast bool)
	// Cache is the response cache, nil without one.
	Cache CacheControl
	// Calls takes charge of a connection on which a process outside of the workers calls; it must not block. nil: nobody
	// may.
	Calls func(conn *net.UnixConn, peer Credentials)
	Log   *slog.Logger
}

// Server is the control socket's.
type Server struct {
	*Serving
	deps Deps
	own  func() uint32                       // user that may speak, beside root; it may change once
	peer func(net.Conn) (Credentials, error) // PeerOf, but for tests
}

// New makes a server that does nothing yet.
func New(deps Deps) *Server {
	s := &Server{deps: deps, own: func() uint32 { return uint32(os.Geteuid()) }, peer: PeerOf}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, deps.Status()) })
	mux.HandleFunc("GET /report", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, deps.Report()) })
	routeOrders(mux, deps)
	routeCache(mux, deps.Cache)
	if deps.Calls != nil {
		mux.HandleFunc("GET "+CallsPath, s.takeCalls)
	}
	s.Serving = NewServing("control socket", &http.Server{
		Handler:           s.guard(mux),
		ReadHeaderTimeout: headerTimeout, // and none for the rest: a reload takes its time
		MaxHeaderBytes:    headerLimit,
		ConnContext:       s.remember,
	}, deps.Log)
	return s
}

// peerKey is where a connection's context has who is at its other end.
type peerKey struct{}

func (s *Server) remember(ctx context.Context, conn net.Conn) context.Context {
	peer, err := s.peer(conn)
	if err != nil {
		s.deps.Log.Warn("control: a peer without credentials", "error", err)
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, peer)
}

// guard refuses whoever is neither root nor the user that we run as.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, known := r.Context().Value(peerKey{}).(Credentials)
		if !known || peer.UID != s.own() && peer.UID != 0 {
			s.deps.Log.Warn("control: refused", "uid", peer.UID, "pid", peer.PID, "path", r.URL.Path)
			http.Error(w, "only root and the user that penknife runs as may use this socket", http.StatusForbidden)
			return
		}
		if r.Method != http.MethodGet {
			s.deps.Log.Info("control", "command", r.URL.RequestURI(), "uid", peer.UID, "pid", peer.PID)
		}
		next.ServeHTTP(w, r)
	})
}

func answer(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(document) // a client that left needs no answer
}
