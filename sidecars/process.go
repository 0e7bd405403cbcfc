package sidecars

import (
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// outputLinger is for output in the pipe of a process that is gone, when a descendant of it keeps the pipe open.
const outputLinger = time.Second

// Place is where commands run.
type Place struct {
	Python string   // the application's interpreter, absolute; its directory comes first on $PATH
	Dir    string   // the application's directory, absolute
	Env    []string // the environment of the application
	// Surround is given the environment of a command before each start and gives the one that it gets. It is called from
	// several goroutines. nil: no change.
	Surround func(env []string) []string
}

// process is one command that runs, with everything that it starts in its process group.
type process struct {
	command *exec.Cmd
	exited  chan struct{} // closed when it is gone
	err     error         // after exited: how it ended, nil for status 0
}

// launch starts arguments in a process group of its own. Its output goes to the log, line by line.
func (s *starter) launch(arguments []string, place Place, log *slog.Logger) (*process, error) {
	command := exec.Command(arguments[0], arguments[1:]...) //nolint:gosec // the operator names it
	command.Dir = place.Dir
	command.Env = pythonFirst(place)
	if place.Surround != nil {
		command.Env = place.Surround(command.Env)
	}
	out, err := &lines{log: log.With("stream", "stdout")}, &lines{log: log.With("stream", "stderr")}
	command.Stdout, command.Stderr = out, err
	command.WaitDelay = outputLinger
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := s.start(command); err != nil {
		return nil, err
	}
	p := &process{command: command, exited: make(chan struct{})}
	// Ends with the process: stop and the callers' ends see to that.
	go func() {
		p.err = command.Wait()
		if errors.Is(p.err, exec.ErrWaitDelay) {
			p.err = nil // it ended well; somebody else still has its output
		}
		out.flush()
		err.flush()
		close(p.exited)
	}()
	return p, nil
}

// stop asks the whole group to end, waits for at most patience, or until hurry is closed, and then kills it.
func (p *process) stop(sig syscall.Signal, patience time.Duration, hurry <-chan struct{}) {
	p.signal(sig)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-timer.C:
	case <-hurry:
	}
	p.signal(syscall.SIGKILL) // also what the command has left behind in its group
	<-p.exited
}

// signal reaches the group. A group that is gone already is no error.
func (p *process) signal(sig syscall.Signal) { _ = syscall.Kill(-p.command.Process.Pid, sig) }

// outcome says how it ended, for the log.
func (p *process) outcome() string {
	var exit *exec.ExitError
	switch {
	case p.err == nil:
		return "exit status 0"
	case errors.As(p.err, &exit):
		return exit.Error()
	}
	return p.err.Error()
}

// shell is how a command of the configuration is run: as one would type it.
func shell(command string) []string { return []string{"/bin/sh", "-c", command} }

// callScript imports a module and calls a function of it. What it returns does not matter; what it raises does.
const callScript = `import importlib, sys
name, _, path = sys.argv.pop(1).partition(":")
target = importlib.import_module(name)
for part in path.split("."):
    target = getattr(target, part)
target()`

// pythonCall runs MODULE:FUNCTION in an interpreter of its own.
func pythonCall(python, target string) []string { return []string{python, "-c", callScript, target} }

// pythonFirst gives the environment with the interpreter's directory in front of $PATH, so that "python" and "celery" are
// those of the application's virtual environment.
func pythonFirst(place Place) []string {
	path := "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	env := make([]string, 0, len(place.Env)+1)
	for _, entry := range place.Env {
		if value, ok := strings.CutPrefix(entry, "PATH="); ok {
			path = value
			continue
		}
		env = append(env, entry)
	}
	return append(env, fmt.Sprintf("PATH=%s:%s", filepath.Dir(place.Python), path))
}
