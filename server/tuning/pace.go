package tuning

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"penknife/osproc"
)

// Pace decides under which policy this process runs while workers.cpu_scheduling is auto. Batch is right as long as there is much
// to do: what comes meanwhile is done at one go. But when workers compute on every CPU, a thread of ours that wakes up waits for
// the end of a worker's turn, milliseconds, with a static file that takes microseconds. Decision 0038.
//
// One goroutine at a time may use it.
type Pace struct {
	log    *slog.Logger
	busy   func() (reading, error)       // readCPU, but for tests
	waits  func() (time.Duration, error) // readWaits, but for tests
	set    func(osproc.Policy) error     // osproc.SetOwnPolicy, but for tests
	policy osproc.Policy
	before reading
	ended  bool // something of it does not work here
}

// reading is what all threads of this process have had so far.
type reading struct {
	at   time.Time
	cpu  time.Duration // on a CPU
	wait time.Duration // ready to run, but waiting for a CPU; unread: nobody has looked
}

// unread is for a wait that does not matter: each thread has its own, so that looking takes a hundred times as long as the rest.
const unread time.Duration = -1

// How busy this process is, as a part of one CPU. Interrupting others for everything takes it up to four times the CPU time,
// so what is little for one policy must be clearly less than what is much for the other.
const (
	little = 0.03
	much   = 0.15
)

// waitsLong is how much longer than it computes a process waits for a CPU that should interrupt others; and waitsOften how much
// that has to be of the whole time.
const (
	waitsLong  = 4
	waitsOften = 0.01
)

// NewPace makes one for what workers.cpu_scheduling says, after Scheduling. It gives nil when there is nothing to decide.
func NewPace(policy string, log *slog.Logger) *Pace {
	if policy != "auto" {
		return nil
	}
	return &Pace{log: log, busy: readCPU, waits: readWaits, set: osproc.SetOwnPolicy, policy: osproc.Batch}
}

// Look compares the time since the last look with the present policy, and changes it if the other one is better. It is to be called
// about once a second while there is something to do, takes up to a millisecond, and does nothing on a nil Pace.
func (p *Pace) Look() {
	if p == nil || p.ended {
		return
	}
	before := p.before
	now, err := p.read(before)
	if err != nil {
		p.end(err)
		return
	}
	p.before = now
	next := choose(p.policy, before, now)
	if before.at.IsZero() || next == p.policy {
		return
	}
	if err := p.set(next); err != nil {
		p.end(err)
		return
	}
	p.policy, p.before = next, reading{}
	p.log.Debug("cpu scheduling changed", "interrupts_workers", next == osproc.Normal)
}

// read takes a reading. Waits are read when choose may want to know them.
func (p *Pace) read(before reading) (reading, error) {
	now, err := p.busy()
	if err != nil {
		return reading{}, err
	}
	now.wait = unread
	if p.policy == osproc.Batch && quiet(before, now) {
		now.wait, err = p.waits()
	}
	return now, err
}

// quiet tells whether the process had little to do between two readings.
func quiet(before, now reading) bool {
	return float64(now.cpu-before.cpu) < little*float64(now.at.Sub(before.at))
}

// end leaves everything as it is from now on.
func (p *Pace) end(err error) {
	p.ended = true
	p.log.Warn("cpu scheduling stays as it is", "wanted", "auto", "error", err)
}

// choose gives the policy for the time after two readings.
func choose(policy osproc.Policy, before, now reading) osproc.Policy {
	length := float64(now.at.Sub(before.at))
	cpu, wait := float64(now.cpu-before.cpu), float64(now.wait-before.wait)
	switch {
	case length <= 0:
		return policy
	case policy == osproc.Normal && cpu > much*length:
		return osproc.Batch
	case before.wait == unread || now.wait == unread:
		return policy
	case policy == osproc.Batch && quiet(before, now) && wait > waitsLong*cpu && wait > waitsOften*length:
		return osproc.Normal
	}
	return policy
}

// readCPU reads the clocks of this process, but for the wait.
func readCPU() (reading, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return reading{}, fmt.Errorf("getrusage: %w", err)
	}
	return reading{at: time.Now(), cpu: time.Duration(usage.Utime.Nano() + usage.Stime.Nano())}, nil
}

// readWaits adds up how long the threads of this process have waited for a CPU.
func readWaits() (wait time.Duration, err error) {
	files, err := filepath.Glob("/proc/self/task/*/schedstat")
	for _, file := range files {
		wait += waitOf(file)
	}
	return wait, err
}

// waitOf reads the second number of a schedstat file: nanoseconds on a run queue. 0 is a thread that has ended, or a kernel that
// does not count (CONFIG_SCHED_INFO).
func waitOf(file string) time.Duration {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	n, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(n)
}
