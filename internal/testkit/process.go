package testkit

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stopTimeout is how long a server may take to stop when a test ends.
const stopTimeout = 15 * time.Second

// Process is a child process in a process group of its own. Its methods may be called from several goroutines.
type Process struct {
	command *exec.Cmd
	output  fmt.Stringer
	done    chan struct{}
	err     error // how it ended; read after done
	quiet   bool  // somebody else looks for alarms in its output
}

// Start runs a command in dir, its output captured, and ends its process group when the test ends. A penknife whose
// output then has an alarm fails the test. The environment
// is the test's own plus env ("NAME=value").
func Start(t testing.TB, dir string, env []string, command string, arguments ...string) *Process {
	t.Helper()
	output := &Buffer{}
	p := &Process{output: output, command: exec.Command(command, arguments...)}
	p.command.Stdout, p.command.Stderr = output, output
	return p.start(t, dir, env)
}

// StartLogged is Start for a process that leaves others behind, such as a successor of penknife: they all write to one
// file, and Output has what each of them wrote.
func StartLogged(t testing.TB, dir string, env []string, command string, arguments ...string) *Process {
	t.Helper()
	file, err := os.CreateTemp(Dir(t), "output")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	p := &Process{output: &outputFile{file}, command: exec.Command(command, arguments...)}
	p.command.Stdout, p.command.Stderr = file, file
	return p.start(t, dir, env)
}

func (p *Process) start(t testing.TB, dir string, env []string) *Process {
	t.Helper()
	p.done = make(chan struct{})
	p.command.Dir = dir
	p.command.Env = append(os.Environ(), env...)
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	// A grandchild that keeps the output open must not keep Wait from returning.
	p.command.WaitDelay = 2 * time.Second
	if err := p.command.Start(); err != nil {
		t.Fatalf("%s: %v", p.command.Path, err)
	}
	// Ends when the process does; the cleanup below sees to that.
	go func() {
		p.err = p.command.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.kill(t)
		if filepath.Base(p.command.Path) == "penknife" && !p.quiet {
			for _, line := range AlarmsIn(p.Output()) {
				t.Errorf("the log has an alarm: %s", line)
			}
		}
	})
	return p
}

// kill ends the whole group, whatever state it is in, and waits.
func (p *Process) kill(t testing.TB) {
	_ = syscall.Kill(-p.PID(), syscall.SIGKILL)
	select {
	case <-p.done:
	case <-time.After(stopTimeout):
		t.Errorf("%s (pid %d) did not die", p.command.Path, p.PID())
	}
}

// PID is the process id, valid also after the end.
func (p *Process) PID() int { return p.command.Process.Pid }

// Output is what it has written to stdout and stderr so far.
func (p *Process) Output() string { return p.output.String() }

// Signal sends a signal to the process alone, not to its group.
func (p *Process) Signal(t testing.TB, signal syscall.Signal) {
	t.Helper()
	if err := p.command.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatalf("signal %v: %v", signal, err)
	}
}

// Wait gives the exit code, -1 when a signal ended it, and fails the test after the timeout.
func (p *Process) Wait(t testing.TB, timeout time.Duration) int {
	t.Helper()
	select {
	case <-p.done:
		return p.command.ProcessState.ExitCode()
	case <-time.After(timeout):
		t.Fatalf("%s still runs after %v\n%s", p.command.Path, timeout, p.Output())
		return 0
	}
}

// Exited tells whether it has ended.
func (p *Process) Exited() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// AwaitAccept waits until the process accepts connections at address.
func (p *Process) AwaitAccept(t testing.TB, address string) {
	t.Helper()
	err := Await(20*time.Second, func() error {
		if p.Exited() {
			return nil
		}
		return accepts(address)
	})
	if err != nil || p.Exited() {
		t.Fatalf("%s is not there: %v\n%s", address, err, p.Output())
	}
}

// AwaitOutput waits until the output has text, and gives the line that has it first.
func (p *Process) AwaitOutput(t testing.TB, text string) string {
	t.Helper()
	var line string
	err := Await(10*time.Second, func() error {
		for candidate := range strings.SplitSeq(p.Output(), "\n") {
			if strings.Contains(candidate, text) {
				line = candidate
				return nil
			}
		}
		return fmt.Errorf("%q is not in the output", text)
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, p.Output())
	}
	return line
}

// outputFile is a file that others write.
type outputFile struct{ *os.File }

func (f *outputFile) String() string {
	text, err := os.ReadFile(f.Name())
	if err != nil {
		return err.Error()
	}
	return string(text)
}
