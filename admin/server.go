package admin

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// The times that a client of the admin listener gets. Scrapes are small; a slow one is a broken one.
const (
	readTimeout  = 10 * time.Second
	writeTimeout = 30 * time.Second
	idleTimeout  = 2 * time.Minute
	headerLimit  = 16 << 10
)

// Deps is what the admin listener shows.
type Deps struct {
	// Metrics serves /metrics.
	Metrics http.Handler
	// Ready gives nil when requests can be answered, or why they cannot. It must not block.
	Ready func() error
	Log   *slog.Logger
}

// Server answers on one listener. Start and Shutdown may be called once each.
type Server struct {
	http http.Server
	log  *slog.Logger
	done chan struct{} // closed when the accept loop has ended
}

// New makes a server that does nothing yet.
func New(deps Deps) *Server {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", deps.Metrics)
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "alive") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := deps.Ready(); err != nil {
			answer(w, http.StatusServiceUnavailable, err.Error())
			return
		}
		answer(w, http.StatusOK, "ready")
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, "penknife: /metrics /livez /readyz")
	})
	return &Server{
		http: http.Server{
			Handler:        mux,
			ReadTimeout:    readTimeout,
			WriteTimeout:   writeTimeout,
			IdleTimeout:    idleTimeout,
			MaxHeaderBytes: headerLimit,
			ErrorLog:       slog.NewLogLogger(deps.Log.Handler(), slog.LevelDebug),
		},
		log:  deps.Log,
		done: make(chan struct{}),
	}
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n") // a client that left needs no answer
}

// Start serves on the listener, which it takes over, and returns at once.
func (s *Server) Start(listener net.Listener) {
	// The accept loop is stopped by Shutdown, which waits for done.
	go func() {
		defer close(s.done)
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("admin listener ended", "error", err)
		}
	}()
}

// Shutdown closes the listener, lets answers that are under way finish until ctx ends, then cuts them. It returns
// when the accept loop is over.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	<-s.done
	return err
}
