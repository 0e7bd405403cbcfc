package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"penknife/handover"
	"penknife/server"
)

// version is set by the linker: -X main.version=1.2.3.
var version string

func main() {
	p := program{
		environ: os.Environ(),
		stdout:  os.Stdout,
		stderr:  os.Stderr,
		version: versionText(version),
		signals: subscribe(),
		serve:   server.Run,
		command: ownCommand(),
		become:  syscall.Exec,
	}
	var err error
	if p.predecessor, err = handover.Take(); err != nil {
		p.complain("penknife: " + err.Error())
		os.Exit(exitOther)
	}
	os.Exit(p.run(context.Background(), os.Args[1:]))
}

// ownCommand is how this process was started, so that an upgrade can do it again: by the name that was used, since the
// file behind it is another one then. Without such a name it is the file that runs.
func ownCommand() handover.Command {
	c := handover.Command{Args: os.Args, Env: os.Environ(), Files: [3]*os.File{os.Stdin, os.Stdout, os.Stderr}}
	c.Dir, _ = os.Getwd() // by the name that the starter used, if $PWD is right; empty: stay where this process is
	if path, err := exec.LookPath(os.Args[0]); err == nil {
		c.Path, _ = filepath.Abs(path)
	}
	if !isThisProgram(c.Path) {
		c.Path, _ = os.Executable() // empty: upgrades are refused
	}
	return c
}

func isThisProgram(path string) bool {
	named, err := os.Stat(path)
	if err != nil {
		return false
	}
	running, err := os.Stat("/proc/self/exe")
	return err == nil && os.SameFile(named, running)
}
