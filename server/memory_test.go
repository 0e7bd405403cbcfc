package server

import (
	"os"
	"syscall"
	"testing"
	"time"
)

func TestMemoryIsReadAtMostNowAndThen(t *testing.T) {
	now := time.Now()
	m := newMemoryReader(func() time.Time { return now })
	self := os.Getpid()
	first := m.read([]int{self, -7})
	if f := first[self]; f.resident < 1<<20 || f.anonymous <= 0 || f.anonymous > f.resident || len(first) != 1 {
		t.Errorf("%+v", first)
	}
	now = now.Add(memoryAge - 1)
	if again := m.read([]int{1}); again[self] != first[self] || len(again) != 1 {
		t.Error("it was read again too early")
	}
	now = now.Add(1)
	m.reading.Lock() // somebody else reads
	if again := m.read([]int{-7}); again[self] != first[self] {
		t.Error("it did not give what was read before")
	}
	m.reading.Unlock()
	if again := m.read([]int{-7}); len(again) != 0 {
		t.Errorf("it was not read again: %+v", again)
	}
}

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
