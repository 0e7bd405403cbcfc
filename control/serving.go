package control

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
)

// Serving is a server of net/http on one listener that operators come to: this package's control socket and package
// admin's listener. Start and Shutdown may be called once each.
type Serving struct {
	name string
	http *http.Server
	log  *slog.Logger
	done chan struct{} // closed when the accept loop has ended

	released atomic.Bool
}

// NewServing makes a server that does nothing yet. It takes server over; name is its listener's, for the log.
func NewServing(name string, server *http.Server, log *slog.Logger) *Serving {
	server.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	return &Serving{name: name, http: server, log: log, done: make(chan struct{})}
}

// Start serves on the listener, which it takes over, and returns at once.
func (s *Serving) Start(listener net.Listener) {
	// The accept loop is stopped by Shutdown, which waits for done.
	go func() {
		defer close(s.done)
		err := s.http.Serve(listener)
		if !errors.Is(err, http.ErrServerClosed) && !s.released.Load() {
			s.log.Error("listener ended", "name", s.name, "error", err)
		}
	}()
}

// Release closes the listener, for a successor that accepts on the same socket, and lets go of clients that wait with
// their connection, so that they find the successor. What is under way goes on until Shutdown, which must follow.
func (s *Serving) Release(listener net.Listener) error {
	s.released.Store(true)
	s.http.SetKeepAlivesEnabled(false)
	return listener.Close()
}

// Shutdown closes the listener, lets answers that are under way finish until ctx ends, then cuts them. It returns
// when the accept loop is over.
func (s *Serving) Shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	<-s.done
	return err
}
