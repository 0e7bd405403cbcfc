package workers

import (
	"fmt"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// ExitCause is how a process ended, as far as anybody can know.
type ExitCause uint8

// The causes.
const (
	ExitClean   ExitCause = iota + 1 // status 0
	ExitStatus                       // another status
	ExitSignal                       // a signal that a program raises by its own fault, such as SIGSEGV
	ExitKilled                       // SIGKILL or SIGTERM from somebody else
	ExitOOM                          // SIGKILL from the kernel, for memory
	ExitByUs                         // SIGKILL from the supervisor
	ExitUnknown                      // somebody else waited for the process
)

var exitNames = [...]string{
	ExitClean: "clean", ExitStatus: "status", ExitSignal: "signal", ExitKilled: "killed", ExitOOM: "oom",
	ExitByUs: "replaced", ExitUnknown: "unknown",
}

// String is the name used as a metric label.
func (c ExitCause) String() string {
	if int(c) < len(exitNames) && exitNames[c] != "" {
		return exitNames[c]
	}
	return "unknown"
}

// ExitCauses lists the names of all causes.
func ExitCauses() []string { return slices.Clone(exitNames[1:]) }

// exit is the end of one process.
type exit struct {
	cause ExitCause
	text  string // for people: "exited with status 3", "killed by SIGSEGV (core dumped)"
}

// waitedExit makes an exit of what waitid told: code is CLD_EXITED, CLD_KILLED or CLD_DUMPED.
func waitedExit(code, status int32) exit {
	const exited, dumped = 1, 3 // CLD_EXITED, CLD_DUMPED
	if code == exited {
		if status == 0 {
			return exit{ExitClean, "exited with status 0"}
		}
		return exit{ExitStatus, fmt.Sprintf("exited with status %d", status)}
	}
	number := syscall.Signal(status)
	name := unix.SignalName(number)
	if name == "" {
		name = fmt.Sprintf("signal %d", status)
	}
	e := exit{ExitSignal, "killed by " + name}
	if number == unix.SIGKILL || number == unix.SIGTERM {
		e.cause = ExitKilled
	}
	if code == dumped {
		e.text += " (core dumped)"
	}
	return e
}
