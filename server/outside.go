package server

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"

	"penknife/python"
)

// outside gives processes that are no workers what they need to call us: the package as a file, and the control socket.
type outside struct {
	places python.Places
	socket func() string
	log    *slog.Logger

	mu   sync.Mutex // guards held
	held python.Copy
}

func newOutside(s *Server) *outside {
	return &outside{places: python.UsualPlaces(s.environ), socket: s.controlPlace, log: s.log}
}

// controlPlace is the control socket as another process finds it; empty: there is none.
func (s *Server) controlPlace() string {
	if s.open.control == nil {
		return ""
	}
	addr := s.open.control.Address()
	if addr.Address == "" || addr.Address[0] == '@' {
		return addr.Address
	}
	path, err := filepath.Abs(addr.Address)
	if err != nil {
		return ""
	}
	return path
}

// surround adds to an environment what makes `import penknife` work. It looks each time whether the file is still there,
// for daemons begin anew after months. A process without it is better than none.
func (o *outside) surround(env []string) []string {
	copied, err := o.places.Write()
	if err != nil {
		o.log.Warn("daemons and jobs cannot import penknife", "error", err)
		return env
	}
	o.mu.Lock()
	before := o.held.Lock
	o.held = copied
	o.mu.Unlock()
	if before != nil {
		_ = before.Close()
	}
	return copied.Environ(env, o.socket())
}

// shutdown lets go of the package; the file stays for processes that live longer.
func (o *outside) shutdown(context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.held.Lock == nil {
		return nil
	}
	err := o.held.Lock.Close()
	o.held.Lock = nil
	return err
}
