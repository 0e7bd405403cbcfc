package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"penknife/server"
)

// version is set by the linker: -X main.version=1.2.3.
var version string

func main() {
	signals := make(chan os.Signal, 8)
	// SIGPIPE is among them so that a log whose reader has gone is a failed write and not our end.
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGUSR1,
		syscall.SIGUSR2, syscall.SIGTTIN, syscall.SIGTTOU, syscall.SIGPIPE)
	p := program{
		environ: os.Environ(),
		stdout:  os.Stdout,
		stderr:  os.Stderr,
		version: versionText(version),
		signals: signals,
		serve:   server.Run,
	}
	os.Exit(p.run(context.Background(), os.Args[1:]))
}
