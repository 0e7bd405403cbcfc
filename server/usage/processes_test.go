package usage

import (
	"os"
	"syscall"
	"testing"
	"time"
)

func TestUsageIsReadAtMostNowAndThen(t *testing.T) {
	now := time.Now()
	m := &NewMeter(func() time.Time { return now }).processes
	self := os.Getpid()
	first := m.read([]int{self, -7}).Of
	if f := first[self]; f.Resident < 1<<20 || f.Anonymous <= 0 || f.Anonymous > f.Resident || len(first) != 1 {
		t.Errorf("%+v", first)
	}
	now = now.Add(oldest - 1)
	if again := m.read([]int{1}).Of; again[self] != first[self] || len(again) != 1 {
		t.Error("it was read again too early")
	}
	now = now.Add(1)
	if again := m.read(make([]int, 1000)); again.Of[self] != first[self] {
		t.Error("many processes are read as often as a few")
	}
	m.reading.Lock() // somebody else reads
	if again := m.read([]int{-7}).Of; again[self] != first[self] {
		t.Error("it did not give what was read before")
	}
	m.reading.Unlock()
	if again := m.read([]int{-7}).Of; len(again) != 0 {
		t.Errorf("it was not read again: %+v", again)
	}
}

// TestUsageOfProcessors: the kernel's own figure for the work of this process is between what getrusage says before and
// after, to a tick.
func TestUsageOfProcessors(t *testing.T) {
	now := time.Now()
	m := &NewMeter(func() time.Time { return now }).processes
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
	now = now.Add(oldest)
	after := m.read([]int{self})
	grown := after.Of[self].CPU - before.Of[self].CPU
	if limit := ruse() - start + 2*clockTick; grown < 3*clockTick || grown > limit {
		t.Errorf("%v of at most %v", grown, limit)
	}
	if want := grown.Seconds() / oldest.Seconds(); after.CPU != want || before.CPU != 0 {
		t.Errorf("%v processors, want %v", after.CPU, want)
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
