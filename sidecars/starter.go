package sidecars

import (
	"os/exec"
	"runtime"
)

// starter starts processes from one thread that lives as long as they may. The kernel sends the parent death signal
// when the thread that forked ends (prctl(2), PR_SET_PDEATHSIG), and Go ends threads as it likes. So the processes go
// when penknife is killed, and only then.
type starter struct {
	orders chan order
	done   chan struct{}
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
		o.started <- o.command.Start()
	}
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
}
