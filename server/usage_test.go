package server

import (
	"os"
	"syscall"
	"testing"
	"time"
)

func TestUsageIsReadAtMostNowAndThen(t *testing.T) {
	now := time.Now()
	m := newUsageReader(func() time.Time { return now })
	self := os.Getpid()
	first := m.read([]int{self, -7}).of
	if f := first[self]; f.resident < 1<<20 || f.anonymous <= 0 || f.anonymous > f.resident || len(first) != 1 {
		t.Errorf("%+v", first)
	}
	now = now.Add(usageAge - 1)
	if again := m.read([]int{1}).of; again[self] != first[self] || len(again) != 1 {
		t.Error("it was read again too early")
	}
	now = now.Add(1)
	if again := m.read(make([]int, 1000)); again.of[self] != first[self] {
		t.Error("many processes are read as often as a few")
	}
	m.reading.Lock() // somebody else reads
	if again := m.read([]int{-7}).of; again[self] != first[self] {
		t.Error("it did not give what was read before")
	}
	m.reading.Unlock()
	if again := m.read([]int{-7}).of; len(again) != 0 {
		t.Errorf("it was not read again: %+v", again)
	}
}

// TestUsageOfProcessors: the kernel's own figure for the work of this process is between what getrusage says before and
// after, to a tick.
func TestUsageOfProcessors(t *testing.T) {
	now := time.Now()
	m := newUsageReader(func() time.Time { return now })
	self := os.Getpid()
	ruse := func() time.Duration {
		var r syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
			t.Fatal(err)
		}
		return time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	before := m.read([]int{self})
	start := ruse()
	for ruse()-start < 5*clockTick {
	}
	now = now.Add(usageAge)
	after := m.read([]int{self})
	grown := after.of[self].cpu - before.of[self].cpu
	if limit := ruse() - start + 2*clockTick; grown < 3*clockTick || grown > limit {
		t.Errorf("%v of at most %v", grown, limit)
	}
	if want := grown.Seconds() / usageAge.Seconds(); after.cpu != want || before.cpu != 0 {
		t.Errorf("%v processors, want %v", after.cpu, want)
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

func BenchmarkFootprint(b *testing.B) {
	self := os.Getpid()
	for b.Loop() {
		if _, ok := readFootprint(self); !ok {
			b.Fatal("not readable")
		}
	}
}
