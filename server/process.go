package server

import (
	"context"
	"errors"
	"os"
	"syscall"

	"penknife/osproc"
	"penknife/server/tuning"
)

// processStage sets what holds for everything that comes after it: umask and limits. They need root, if anything does.
func (s *Server) processStage() stage {
	return stage{name: "process", stop: nothing, quiet: true, start: func(context.Context) error {
		cfg := s.loaded.Config.Process
		if bits, set := cfg.UmaskBits(); set {
			syscall.Umask(bits)
		}
		limits, err := cfg.Limits()
		if err == nil {
			err = osproc.SetRlimits(limits)
		}
		if err != nil {
			return s.loaded.Problem("process.rlimits", err)
		}
		if err := s.limitConnections(); err != nil {
			return err
		}
		return s.findIdentity()
	}}
}

// limitConnections takes limits.connections as far as there are descriptors: who comes then gets an answer, and the control
// socket and the logs keep theirs.
func (s *Server) limitConnections() error {
	files, err := osproc.OpenFiles()
	if err != nil {
		return err
	}
	wanted := s.loaded.Config.Limits.Connections
	s.maxConnections = tuning.Connections(wanted, files)
	if s.maxConnections < wanted {
		s.log.Warn("fewer connections than limits.connections says: there are not as many descriptors; raise LimitNOFILE or ulimit -n",
			"connections", s.maxConnections, "configured", wanted, "descriptors", files)
	}
	return nil
}

// findIdentity looks up whom this process becomes, before sockets are opened: they get the new owner.
func (s *Server) findIdentity() error {
	cfg := s.loaded.Config.Process
	if cfg.User == "" {
		return nil
	}
	id, err := osproc.LookupIdentity(cfg.User, cfg.Group)
	if err == nil && os.Geteuid() != 0 && os.Geteuid() != id.UID {
		err = osproc.ErrNotRoot
	}
	if err != nil {
		return s.loaded.Problem("process.user", err)
	}
	s.identity = &id
	return nil
}

// pidfileStage writes the pidfile when the sockets are this server's; a successor does it when it serves.
func (s *Server) pidfileStage() stage {
	path := s.loaded.Config.Process.PIDFile
	return stage{
		name: "pidfile",
		start: func(context.Context) error {
			if s.predecessor != nil {
				return nil
			}
			return s.writePIDFile(path)
		},
		stop: func(context.Context) error {
			if s.hasLeft() {
				return nil // it is the successor's, and may be written at this moment
			}
			return osproc.RemovePIDFile(path)
		},
	}
}

func (s *Server) writePIDFile(path string) error {
	if err := osproc.WritePIDFile(path); err != nil {
		return err
	}
	if s.identity == nil || os.Geteuid() != 0 {
		return nil
	}
	return osproc.OwnPIDFile(path, *s.identity)
}

// identityStage gives root's rights up, for good. Whatever needs them comes before it.
func (s *Server) identityStage() stage {
	return stage{name: "identity", stop: nothing, quiet: true, start: func(context.Context) error {
		if err := s.becomeUser(); err != nil {
			return s.loaded.Problem("process.user", err)
		}
		if !s.loaded.Config.Process.NoNewPrivs {
			return nil
		}
		return osproc.ForbidNewPrivileges()
	}}
}

// becomeUser changes the user, and what the environment says about it: the application would look for its files in root's
// home directory.
func (s *Server) becomeUser() error {
	if s.identity == nil {
		if os.Geteuid() == 0 && os.Getpid() != 1 {
			s.log.Warn("running as root, and so does the application; process.user names somebody else")
		}
		return nil
	}
	if err := s.identity.Assume(); err != nil {
		return err
	}
	s.log.Info("running as", "user", s.loaded.Config.Process.User, "uid", s.identity.UID, "gid", s.identity.GID)
	if s.identity.Name == "" {
		return nil
	}
	return errors.Join(os.Setenv("USER", s.identity.Name), os.Setenv("LOGNAME", s.identity.Name),
		os.Setenv("HOME", s.identity.Home))
}
