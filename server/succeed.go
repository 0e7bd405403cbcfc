package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"penknife/handover"
	"penknife/server/encryption"
	"penknife/sockets"
)

// errCalledOff is a predecessor that goes on serving after all.
var errCalledOff = errors.New("the predecessor has called the upgrade off")

// takeOver gathers the sockets that were passed: by systemd, or by the predecessor.
func (s *Server) takeOver(activated []*os.File) error {
	s.passed.AddActivated(activated)
	if s.predecessor == nil {
		return nil
	}
	s.predecessor.Begin(s.version, s.loaded.Config.Workers.StartTimeout+startSlack)
	for _, item := range s.predecessor.Items {
		if item.Kind == itemCache && s.storage.inherited == nil {
			s.storage.inherited = item.File
			continue
		}
		if item.Kind == itemScaling {
			s.resumeScaling(item.Info)
		}
		if item.Kind == encryption.ItemTickets {
			s.encryption.Resume(item.Info)
		}
		if item.Kind != itemListener && item.Kind != itemControl {
			_ = item.File.Close() // without a socket, or of a later version
			continue
		}
		var handle sockets.Handle
		if err := json.Unmarshal(item.Info, &handle); err != nil {
			return fmt.Errorf("%w: %w", handover.ErrProtocol, err)
		}
		if item.Kind == itemControl {
			s.handedDown = handle.Told
		}
		s.passed.AddHanded(item.File, handle)
	}
	return nil
}

// awaitEngine waits for the engine while the predecessor serves.
func (s *Server) awaitEngine() error {
	for {
		select {
		case err := <-s.engineStarted:
			if err == nil {
				s.gate.opened.Store(true)
				s.engineStarted <- nil // waitForStop takes note of it
			}
			return err
		case <-s.predecessor.Cancelled():
			return errCalledOff
		case sig := <-s.signals:
			if isEnd(sig) {
				return fmt.Errorf("%w: %s", errStopping, sig)
			}
		}
	}
}

// isEnd tells whether a signal asks for the end of this process.
func isEnd(sig os.Signal) bool {
	asked := actionOf(sig)
	return asked == actionDrain || asked == actionFast
}

// awaitTurn tells the predecessor that this server could serve, and returns when it should.
func (s *Server) awaitTurn(ctx context.Context) error {
	s.predecessor.Ready()
	for {
		select {
		case <-s.predecessor.Proceed():
			s.storage.inherit()
			return nil
		case <-s.predecessor.Cancelled():
			return errCalledOff
		case <-ctx.Done():
			return ctx.Err()
		case sig := <-s.signals:
			if isEnd(sig) {
				return fmt.Errorf("%w: %s", errStopping, sig)
			}
		}
	}
}

// succeed makes everything this server's own, after it has begun to accept.
func (s *Server) succeed(context.Context) error {
	s.predecessor.Serving()
	s.open.inherit(s.opener(), s.log)
	if path := s.loaded.Config.Process.PIDFile; path != "" {
		if err := s.writePIDFile(path); err != nil {
			s.log.Error("the pidfile names the predecessor", "error", err)
		}
	}
	s.log.Info("succeeded another process", "predecessor", s.predecessor.PID, "version", s.predecessor.Version)
	return nil
}
