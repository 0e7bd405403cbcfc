package main

import (
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"
)

// TestSubscribe_LosesNoTerm: others that nobody has read yet do not keep it out.
func TestSubscribe_LosesNoTerm(t *testing.T) {
	signals := subscribe()
	defer signal.Reset(obeyed...)
	seen := make(chan os.Signal, 1)
	signal.Notify(seen, obeyed...)
	for range 3 * waitingSignals {
		for _, s := range obeyed {
			if s == syscall.SIGTERM {
				continue
			}
			if err := syscall.Kill(os.Getpid(), s.(syscall.Signal)); err != nil {
				t.Fatal(err)
			}
			<-seen // it was delivered to all channels
		}
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for late := time.After(10 * time.Second); ; {
		select {
		case s := <-signals:
			if s == syscall.SIGTERM {
				return
			}
		case <-late:
			t.Fatal("SIGTERM was lost")
		}
	}
}
