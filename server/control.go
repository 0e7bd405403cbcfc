package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"

	"penknife/control"
	"penknife/server/usage"
	"penknife/sockets"
	"penknife/workers"
)

// errControlDir is a directory for control sockets that others could have prepared.
var errControlDir = errors.New("belongs to somebody else, or others may write there")

func (s *Server) newControl() *control.Server {
	return control.New(control.Deps{
		Status: s.status, Report: s.report,
		Reload:     func(ctx context.Context) control.Reloaded { return s.reloads.ask().wait(ctx) },
		Scale:      s.scale,
		ReopenLogs: s.logs.Reopen,
		Stop: func(fast bool) {
			asked := actionDrain
			if fast {
				asked = actionFast
			}
			select {
			case s.orders <- asked:
			default: // several wait already
			}
		},
		Cache:   s.controlOfCache(),
		Upgrade: func(ctx context.Context) control.Upgraded { return s.upgrades.ask().wait(ctx) },
		Calls:   func(conn *net.UnixConn, peer control.Credentials) { s.calls.AcceptOutside(conn, peer.PID) },
		Log:     s.log,
	})
}

// openControl opens the control socket, or takes it over. One that the configuration names must open; the one in the
// usual place is a convenience, and a server without it is better than none.
func (s *Server) openControl(ctx context.Context) error {
	path := s.loaded.Config.ControlSocket(s.environ)
	if path == "" {
		return nil
	}
	named := s.loaded.Config.Control.Listen != ""
	place := "unix:" + path
	if !named && s.handedDown != "" {
		place = s.handedDown // the usual place may depend on the user, who may have changed
	}
	listener, err := s.takeControl(ctx, place, !named)
	if err != nil && named {
		return err
	}
	if err != nil {
		s.log.Warn("no control socket: penknife status, reload and stop will not work", "error", err)
		return nil
	}
	s.open.control = listener
	return nil
}

func (s *Server) takeControl(ctx context.Context, place string, makeDir bool) (*sockets.Listener, error) {
	addr, err := sockets.Parse(place)
	if err != nil {
		return nil, err
	}
	if listener, err := s.passed.Take(addr); listener != nil || err != nil {
		return listener, err
	}
	owner := sockets.Permissions{Mode: 0o600, UID: -1, GID: -1}
	if s.identity != nil && os.Geteuid() == 0 {
		owner.UID, owner.GID = s.identity.UID, s.identity.GID
	}
	return bindControl(ctx, addr, owner, makeDir)
}

// controlStage answers on the control socket.
func (s *Server) controlStage() stage {
	return stage{
		name:  "control",
		least: 100 * time.Millisecond,
		start: func(context.Context) error {
			if s.open.control != nil {
				s.control.Start(s.open.control)
			}
			return nil
		},
		stop: func(ctx context.Context) error {
			if s.open.control == nil {
				return nil
			}
			return errors.Join(s.control.Shutdown(ctx), s.open.control.Close())
		},
	}
}

// bindControl binds the socket, for nobody but its owner; makeDir makes its directory too.
func bindControl(ctx context.Context, addr sockets.Addr, owner sockets.Permissions, makeDir bool) (*sockets.Listener, error) {
	if makeDir {
		dir := filepath.Dir(addr.Address)
		if err := ownDirectory(dir, owner); err != nil {
			return nil, err
		}
	}
	return sockets.Listen(ctx, addr, owner)
}

// ownDirectory makes a directory for the owner of what will be in it, unless it is there. One that we make has to be the
// owner's alone: in /tmp, somebody else may have been first.
func ownDirectory(dir string, owner sockets.Permissions) error {
	err := os.Mkdir(dir, 0o700)
	if err == nil && owner.UID != -1 {
		err = os.Chown(dir, owner.UID, owner.GID)
	}
	if err == nil || !errors.Is(err, fs.ErrExist) {
		return err
	}
	if filepath.Dir(dir) != filepath.Clean(os.TempDir()) {
		return nil
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	present, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || int(present.Uid) != os.Geteuid() && int(present.Uid) != owner.UID || info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%s: %w", dir, errControlDir)
	}
	return nil
}

// status describes the server for the control socket.
func (s *Server) status() control.Status { return s.statusOf(s.engine.Snapshot(), time.Now()) }

func (s *Server) statusOf(snapshot workers.Snapshot, now time.Time) control.Status {
	seen := reading{s.usage.Processes(snapshot), s.usage.Loads(snapshot, now), now}
	status := control.Status{
		Version: s.version, PID: os.Getpid(), State: s.state(), Started: s.began, Uptime: now.Sub(s.began).Seconds(),
		Config: s.loaded.File, Application: s.inForce.Load().Config.App.WSGI, Listeners: s.open.lookAfter(s.log),
		Connections: s.connections.Load(), Goroutines: runtime.NumGoroutine(), Current: seen.generation(snapshot), Reloads: s.reloads.past(),
	}
	status.Daemons, status.Jobs = sidecarStatus(s.sidecars, now)
	status.Certificates, status.CertificatesUnusable = certificateStatus(s.encryption.Certificates())
	if snapshot.Joining != nil {
		joining := seen.generation(*snapshot.Joining)
		status.Joining = &joining
	}
	for _, replaced := range snapshot.Draining {
		status.Draining = append(status.Draining, seen.generation(replaced))
	}
	return status
}

func (s *Server) state() string {
	switch {
	case s.gate.stopping.Load():
		return "stopping"
	case s.gate.opened.Load():
		return "running"
	}
	return "starting"
}

// reading is what the system tells about the processes of a snapshot.
type reading struct {
	usage *usage.Reading
	loads map[int]float64 // by process
	now   time.Time
}

func (r *reading) generation(g workers.Snapshot) control.Generation {
	status := control.Generation{
		Number: g.Generation, Python: g.Python, ZygotePID: g.ZygotePID, CrashLoop: g.CrashLoop,
		InFlight: g.InFlight, Waiting: g.Waiting, Threads: g.Threads, Places: g.Places,
		Scaling: scalingStatus(g.Scaling), Workers: make([]control.Worker, 0, len(g.Workers)),
	}
	if g.CrashLoop {
		status.RetryAt = &g.RetryAt
	}
	for reason, n := range g.Retired {
		if status.Retired == nil {
			status.Retired = map[string]int{}
		}
		status.Retired[reason.String()] = n
	}
	for _, w := range g.Workers {
		status.Workers = append(status.Workers, control.Worker{
			Index: w.Index, PID: w.PID, State: w.State.String(), Reason: w.Reason.String(), Started: w.Started,
			Uptime: r.now.Sub(w.Started).Seconds(), Busy: w.Busy, Requests: w.Served,
			Load: r.loads[w.PID], Resident: r.usage.Of[w.PID].Resident, Own: r.usage.Of[w.PID].Anonymous,
			CPU: r.usage.Of[w.PID].CPU.Seconds(),
		})
	}
	slices.SortFunc(status.Workers, func(a, b control.Worker) int { return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.PID, b.PID)) })
	return status
}
