package main

import (
	"os"
	"os/signal"
	"syscall"
)

// obeyed are the signals that mean something. SIGPIPE is among them so that a log whose reader has gone is a failed
// write and not our end.
var obeyed = []os.Signal{
	syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGTTIN,
	syscall.SIGTTOU, syscall.SIGPIPE,
}

// waitingSignals is how many of one kind may wait. More than one matters for SIGTTIN and SIGTTOU only.
const waitingSignals = 8

// subscribe gives all signals that are obeyed. Package signal drops what finds its channel full, so each kind has a
// channel of its own: however many of the others come, a SIGTERM is not among those that are lost.
func subscribe() <-chan os.Signal {
	merged := make(chan os.Signal)
	for _, kind := range obeyed {
		own := make(chan os.Signal, waitingSignals)
		signal.Notify(own, kind)
		// Ends with the process.
		go func() {
			for s := range own {
				merged <- s
			}
		}()
	}
	return merged
}
