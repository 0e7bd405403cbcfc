package uwsgistats

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"penknife/control"
)

const (
	// firstWord is how long a client may take to turn out to speak HTTP. Those that do not, read and say nothing.
	firstWord = 30 * time.Millisecond
	// writeTime is how long a client may take to read the document.
	writeTime = 5 * time.Second
	// acceptPause is how long the server waits after it could not accept.
	acceptPause = 100 * time.Millisecond
	// maxClients bounds connections at once; more are closed.
	maxClients = 32
)

// Deps is what the server shows.
type Deps struct {
	Report   func() control.Report // must not block for long
	Backlogs func() []Backlog
	Tally    *Tally
	Log      *slog.Logger
}

// Server answers on one listener. Start and Shutdown may be called once each.
type Server struct {
	deps     Deps
	listener net.Listener
	wg       sync.WaitGroup

	quit chan struct{} // closed by Shutdown

	mu    sync.Mutex // guards conns
	conns map[net.Conn]bool
}

// New makes a server that does nothing yet.
func New(deps Deps) *Server {
	return &Server{deps: deps, conns: map[net.Conn]bool{}, quit: make(chan struct{})}
}

// Start serves on the listener, which it takes over, and returns at once.
func (s *Server) Start(listener net.Listener) {
	s.listener = listener
	s.wg.Go(s.acceptAll) // ended by Shutdown
}

// Shutdown closes the listener, lets answers that are under way finish until ctx ends, then cuts them, and waits.
func (s *Server) Shutdown(ctx context.Context) error {
	close(s.quit)
	err := s.listener.Close()
	cut := context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for conn := range s.conns {
			_ = conn.Close()
		}
	})
	defer cut()
	s.wg.Wait()
	return err
}

func (s *Server) acceptAll() {
	for {
		conn, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of descriptors, most likely
			s.deps.Log.Warn("stats: accept", "error", err)
			if !s.pause() {
				return
			}
			continue
		}
		if !s.add(conn) {
			_ = conn.Close()
			continue
		}
		s.wg.Go(func() { // ends with the answer, for which there is a time limit
			defer s.remove(conn)
			s.serve(conn)
		})
	}
}

// pause waits a moment before the next try. It gives false when the server is being shut down.
func (s *Server) pause() bool {
	timer := time.NewTimer(acceptPause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.quit:
		return false
	}
}

func (s *Server) add(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.conns) >= maxClients {
		return false
	}
	s.conns[conn] = true
	return true
}

func (s *Server) remove(conn net.Conn) {
	_ = conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
}

// serve writes the document, behind an HTTP head if the client speaks HTTP, as with uWSGI's stats-http.
func (s *Server) serve(conn net.Conn) {
	if conn.SetReadDeadline(time.Now().Add(firstWord)) != nil {
		return
	}
	var first [4 << 10]byte
	n, _ := conn.Read(first[:]) // silence is an answer
	report := s.deps.Report()
	content, err := json.MarshalIndent(newDocument(&report, s.deps.Tally, s.deps.Backlogs()), "", "\t")
	if err != nil {
		s.deps.Log.Error("stats: the document cannot be written", "error", err)
		return
	}
	if conn.SetWriteDeadline(time.Now().Add(writeTime)) != nil {
		return
	}
	if head := string(first[:n]); strings.HasPrefix(head, "GET ") || strings.HasPrefix(head, "HEAD ") {
		const answer = "HTTP/1.0 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\n" +
			"Cache-Control: no-store\r\n\r\n"
		if _, err := conn.Write([]byte(answer)); err != nil || head[0] == 'H' {
			return
		}
	}
	_, _ = conn.Write(content) // a client that left needs no answer
}
