package server

import (
	"syscall"
	"testing"
)

// TestPool: replaced generations count, but the memory of two processes never gets the same label.
func TestPool(t *testing.T) {
	b := newBench(t, nil).start().open()
	b.engine.draining.Store(true)
	p := b.server.pool()
	if !p.Ready || p.Draining != 1 || p.Threads != 4 || p.Busy != 3 || p.Waiting != 7 || p.InFlight != 2 || len(p.Workers) != 2 {
		t.Errorf("%+v", p)
	}
	if p.Workers[0].RSS == 0 || p.Workers[1].RSS != 0 {
		t.Errorf("memory of %+v", p.Workers)
	}
	b.signals <- syscall.SIGTERM
	if err := b.wait(); err != nil {
		t.Error(err)
	}
}
