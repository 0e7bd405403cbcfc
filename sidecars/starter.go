package sidecars

import (
	"errors"
	"os/exec"
	"runtime"
)

// starter starts processes from one thread that lives as long as they may. The kernel sends the parent death signal
// when the thread that forked ends (prctl(2), PR_SET_PDEATHSIG), and Go ends threads as it likes. So the processes go
// when penknife is killed, and only then. What they have started themselves goes by the lifeline.
type starter struct {
	orders   chan order
	done     chan struct{}
	lifeline lifeline
}

type order struct {
	command *exec.Cmd
	started chan error
}

func newStarter() *starter {
	return &starter{orders: make(chan order), done: make(chan struct{})}
}

// run serves until close. Nothing that it has started may be alive by then.
func (s *starter) run() {
	defer close(s.done)
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	for o := range s.orders {
		o.started <- s.begin(o.command)
	}
}

// begin starts a command, with all that it will start tied to the life of this process.
func (s *starter) begin(command *exec.Cmd) error {
	end, err := s.lifeline.attach(command)
	if err != nil {
		return err
	}
	defer func() { _ = end.Close() }()
	if err := command.Start(); err != nil {
		return err
	}
	if err := hold(end, command.Process.Pid); err != nil {
		_ = command.Process.Kill()
		return errors.Join(err, command.Wait())
	}
	return nil
}

// start starts the command and gives what its Start gives.
func (s *starter) start(command *exec.Cmd) error {
	o := order{command, make(chan error, 1)}
	s.orders <- o
	return <-o.started
}

func (s *starter) close() {
	close(s.orders)
	<-s.done
	s.lifeline.close()
}
