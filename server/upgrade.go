package server

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"penknife/control"
	"penknife/handover"
)

var (
	// errBusy is an upgrade that is asked for while another one runs.
	errBusy = errors.New("another upgrade is under way")
	// errUpgrading is a change that would end with this process.
	errUpgrading = errors.New("an upgrade is under way, or has succeeded")
	// errNoCommand is an upgrade of a server that does not know how it was started.
	errNoCommand = errors.New("how this process was started is not known")
	// errPIDOne is an upgrade of a process whose end takes the container with it.
	errPIDOne = errors.New("penknife is process 1 here, and the container ends with it: replace the container, or run " +
		"penknife below an init (docker run --init), or use penknife reload")
	// errNotReady is an upgrade before the application has answered once.
	errNotReady = errors.New("the application is still starting")
)

// Kinds of what is handed over.
const (
	itemListener = "listener"
	itemControl  = "control" // a listener too
	itemScaling  = "scaling" // how many workers there are: no file is needed for it, so it is an empty one
)

// lastCall is how long connections without a request are kept after SIGTERM.
const lastCall = time.Second

// partingTime is how much of the grace period is kept for closing what is idle even then.
const partingTime = 2 * time.Second

// upgrader starts successors, one at a time. docs/decisions has the choices.
type upgrader struct {
	server  *Server
	command handover.Command

	ctx    context.Context // of the attempts
	cancel context.CancelFunc
	runs   sync.WaitGroup // attempts that run

	mu      sync.Mutex // guards the rest
	running bool
	next    int // the process that serves now; 0: none
	closed  bool
}

// attempt is one upgrade, for all who wait for it.
type attempt struct {
	over   chan struct{} // closed when result is there
	result control.Upgraded
}

func newUpgrader(s *Server, command handover.Command) *upgrader {
	u := &upgrader{server: s, command: command}
	u.ctx, u.cancel = context.WithCancel(context.Background())
	return u
}

// ask begins an upgrade, or gives one that has failed already. It does not block.
func (u *upgrader) ask() *attempt {
	one := &attempt{over: make(chan struct{})}
	if err := u.begin(); err != nil {
		u.server.log.Error("no upgrade", "reason", err)
		one.result = control.Upgraded{At: time.Now(), Failure: failureOf(err)}
		close(one.over)
		return one
	}
	// Ended by its own limits, and by shutdown, which waits.
	go func() {
		defer u.runs.Done()
		defer close(one.over)
		one.result = u.run()
	}()
	return one
}

// begin tells why there can be no upgrade now, or counts one that runs.
func (u *upgrader) begin() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.command.Path == "":
		return errNoCommand
	case os.Getpid() == 1:
		return errPIDOne
	case u.closed || u.server.gate.stopping.Load():
		return errStopping
	case u.running:
		return errBusy
	case !u.server.gate.opened.Load():
		return errNotReady
	}
	u.running = true
	u.runs.Add(1) // here, so that shutdown waits for it
	return nil
}

// wait gives the result of an attempt. If ctx ends before, the upgrade goes on.
func (a *attempt) wait(ctx context.Context) control.Upgraded {
	select {
	case <-a.over:
		return a.result
	case <-ctx.Done():
		return control.Upgraded{Failure: &control.Failure{Fault: control.FaultOther, Reason: ctx.Err().Error()}}
	}
}

func (u *upgrader) run() control.Upgraded {
	s, begin := u.server, time.Now()
	s.log.Info("upgrade begins", "program", u.command.Path)
	next, err := u.replace()
	result := control.Upgraded{At: time.Now(), Took: time.Since(begin).Seconds(), Failure: failureOf(err)}
	took := time.Since(begin).Round(time.Millisecond)
	if err != nil {
		u.mu.Lock()
		u.running = false
		u.mu.Unlock()
		s.notify.ready(s.statusLine())
		s.log.Error("upgrade failed; everything stays as it was", "took", took, "reason", result.Failure.Reason,
			"traceback", result.Failure.Traceback)
		return result
	}
	result.PID, result.Version = next.PID(), next.Version
	s.log.Info("upgraded: another process serves", "pid", result.PID, "version", result.Version, "took", took)
	u.mu.Lock()
	u.next = result.PID
	u.mu.Unlock()
	close(s.left)
	return result
}

// busy tells whether an upgrade runs, or has succeeded.
func (u *upgrader) busy() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.running
}

// passReload lets the successor do a reload that was asked for here while it started: it may have read older code.
func (u *upgrader) passReload() {
	u.mu.Lock()
	pid := u.next
	u.mu.Unlock()
	u.server.log.Info("the reload is passed on", "pid", pid)
	if err := unix.Kill(pid, unix.SIGHUP); err != nil {
		u.server.log.Error("the reload is lost", "pid", pid, "error", err)
	}
}

// replace starts the successor and returns when it serves, or when everything is as before.
func (u *upgrader) replace() (*handover.Successor, error) {
	s := u.server
	if err := s.beginChange(u.ctx); err != nil {
		return nil, err
	}
	s.notify.reloading("upgrading", s.inForce.Load().Config.Workers.StartTimeout)
	memory, err := s.storage.memory()
	if err != nil {
		s.log.Warn("the successor's cache starts empty", "reason", err)
	}
	if memory != nil {
		defer func() { _ = memory.Close() }()
	}
	next, err := u.start(memory)
	if err == nil {
		if err = next.AwaitReady(u.ctx); err == nil {
			s.storage.handDown(memory)
			err = next.Proceed(u.ctx)
		}
		if err != nil {
			next.Cancel()
		}
	}
	if err != nil {
		s.endChange()
		return nil, err
	}
	// In this order: the successor reports to the service manager when we let go, and must be believed then.
	s.notify.note(s.notify.MainPID(next.PID()))
	next.Release()
	return next, nil // and the change does not end: nothing here will change any more
}

// start offers everything to a new process, with what the caches will be handed down in, if that is not nil.
func (u *upgrader) start(memory *os.File) (*handover.Successor, error) {
	var items []handover.Item
	defer func() {
		for _, item := range items {
			_ = item.File.Close()
		}
	}()
	for _, listener := range u.server.open.all() {
		file, err := listener.File()
		if err != nil {
			return nil, err
		}
		kind := itemListener
		if listener == u.server.open.control {
			kind = itemControl
		}
		items = append(items, handover.Item{Kind: kind, Info: listener.Handle(), File: file})
	}
	scaling, err := u.server.scalingItem()
	if err != nil {
		return nil, err
	}
	items = append(items, scaling)
	tickets, err := u.server.encryption.TicketItem()
	if err != nil {
		return nil, err
	}
	items = append(items, tickets)
	if memory != nil {
		fd, err := unix.FcntlInt(memory.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return nil, err
		}
		items = append(items, handover.Item{Kind: itemCache, File: os.NewFile(uintptr(fd), memory.Name())})
	}
	return handover.Start(u.command, u.server.version, items)
}

// shutdown gives up the attempt that runs, and waits for it.
func (u *upgrader) shutdown(context.Context) error {
	u.mu.Lock()
	u.closed = true
	u.mu.Unlock()
	u.cancel()
	u.runs.Wait()
	if u.server.hasLeft() { // it has succeeded in the last moment
		u.server.leave()
	}
	return nil
}

// beginChange waits until no reload and no upgrade runs; endChange must follow. errMoved: an upgrade has succeeded.
func (s *Server) beginChange(ctx context.Context) error {
	if s.hasLeft() {
		return errMoved
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case s.changing <- struct{}{}:
		return nil
	case <-s.left:
		return errMoved
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Server) endChange() { <-s.changing }

// hasLeft tells whether a successor serves.
func (s *Server) hasLeft() bool {
	select {
	case <-s.left:
		return true
	default:
		return false
	}
}

// leave lets go of everything that the successor has: the socket files stay, and whoever asks on the control socket or the
// admin listener reaches the successor. It may be called again.
func (s *Server) leave() {
	s.gate.stopping.Store(true)
	s.open.disown()
	var failures []error
	if s.open.control != nil {
		failures = append(failures, s.control.Release(s.open.control))
	}
	s.calls.Part() // the cache that counts is the successor's
	if s.open.admin != nil {
		failures = append(failures, s.admin.Release(s.open.admin))
	}
	if err := errors.Join(failures...); err != nil {
		s.log.Warn("listeners of the predecessor", "error", err)
	}
}

// stopFronts ends the front ends. Idle connections may send one more request, and are told then that it was the last
// one: closed at once, they would break under clients that are just about to. With a successor they have the grace period,
// else a moment.
func (s *Server) stopFronts(ctx context.Context) error {
	if s.fast {
		return s.fronts.stop(ctx)
	}
	deadline, _ := ctx.Deadline()
	left := time.Until(deadline)
	wait := left - min(partingTime, left/4)
	if !s.hasLeft() {
		wait = min(lastCall, left/4)
	}
	patience, cancel := context.WithTimeout(ctx, wait)
	s.fronts.release(patience, s.hasLeft())
	cancel()
	return s.fronts.stop(ctx)
}

// Refuse tells the predecessor of a process, if it has one, why the process will not serve.
func Refuse(predecessor *handover.Predecessor, err error) {
	if predecessor == nil || err == nil {
		return
	}
	failure := failureOf(err)
	predecessor.Fail(handover.Failure{Fault: failure.Fault, Reason: failure.Reason, Traceback: failure.Traceback})
}
