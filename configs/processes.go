package configs

import (
	"fmt"
	"strconv"
	"strings"
)

// Processes is how many worker processes there are. In YAML a number, "auto", or {min: 2, max: 16}; elsewhere the
// last is written 2-16. The zero value is auto: one for each CPU that penknife may use. A fixed number has Min and Max
// alike; with a range the number follows the load (Scaling).
type Processes struct{ Min, Max int }

// processesLimit bounds what can be asked for.
const processesLimit = 1024

// MaxLanes is how many threads all workers can have together, those that are just being replaced included: the queue
// in shared memory has no more places for them to sleep at.
const MaxLanes = 1024

// FixedProcesses gives a number that no load changes.
func FixedProcesses(n int) Processes { return Processes{Min: n, Max: n} }

// Auto tells whether the number follows from the CPUs.
func (p Processes) Auto() bool { return p == Processes{} }

// Ranges tells whether the number follows the load.
func (p Processes) Ranges() bool { return p.Min != p.Max }

// ParseProcesses reads "auto", a number from 1, or a range such as "2-16".
func ParseProcesses(text string) (Processes, error) {
	if text == "auto" {
		return Processes{}, nil
	}
	least, most, ranges := strings.Cut(text, "-")
	if !ranges {
		most = least
	}
	p, err := newProcesses(strings.TrimSpace(least), strings.TrimSpace(most))
	if err != nil {
		return Processes{}, fmt.Errorf("%q is not a number of processes: write auto, a whole number from 1 to %d, or two "+
			"for the least and the most, such as 2-16 (in the file also {min: 2, max: 16})", text, processesLimit)
	}
	return p, nil
}

// newProcesses makes a range of two texts. Its error says nothing.
func newProcesses(least, most string) (Processes, error) {
	var p Processes
	var err error
	if p.Min, err = strconv.Atoi(least); err != nil {
		return p, err
	}
	if p.Max, err = strconv.Atoi(most); err != nil {
		return p, err
	}
	if p.Min < 1 || p.Max < p.Min || p.Max > processesLimit {
		return p, strconv.ErrRange
	}
	return p, nil
}

// String gives what ParseProcesses reads back.
func (p Processes) String() string {
	switch {
	case p.Auto():
		return "auto"
	case p.Ranges():
		return fmt.Sprintf("%d-%d", p.Min, p.Max)
	}
	return strconv.Itoa(p.Min)
}

// ResolveProcesses gives the section with a number in place of auto, on that many CPUs.
func (w Workers) ResolveProcesses(cpus int) Workers {
	if w.Processes.Auto() {
		w.Processes = FixedProcesses(max(cpus, 1))
		if w.MaxProcesses == 0 {
			w.MaxProcesses = w.fit(defaultHeadroom * w.Processes.Max)
		}
	}
	return w
}

// defaultHeadroom is how many times a fixed number of processes can be had by hand.
const defaultHeadroom = 4

// MostProcesses is how many there may be: the end of the range, or for a fixed number workers.max_processes or its
// default. One process that was asked for stays the only one: such applications keep state in it. Processes must not
// be auto.
func (w Workers) MostProcesses() int {
	switch {
	case w.Processes.Ranges():
		return w.Processes.Max
	case w.MaxProcesses > 0:
		return max(w.MaxProcesses, w.Processes.Max)
	case w.Processes.Max == 1:
		return 1
	}
	return max(w.fit(defaultHeadroom*w.Processes.Max), w.Processes.Max)
}

// fit reduces a number of processes that nobody has asked for to what the queue has room for, successors included.
func (w Workers) fit(processes int) int {
	return max(1, min(processes, processesLimit, MaxLanes/max(w.Threads, 1)/2-1))
}

func (c *checker) processes() {
	w := c.loaded.Config.Workers
	switch {
	case w.MaxProcesses == 0:
	case w.Processes.Ranges():
		c.complain("workers.max_processes", "workers.processes has its own max (%s): remove this one", w.Processes)
	case w.MaxProcesses < w.Processes.Max:
		c.complain("workers.max_processes", "%d is fewer than workers.processes (%s)", w.MaxProcesses, w.Processes)
	}
	if most := max(w.Processes.Max, w.MaxProcesses); (most+1)*w.Threads > MaxLanes {
		c.complain("workers.threads", "%d processes with %d threads, and one more process that takes the place of another, "+
			"are more than %d threads in all", most, w.Threads, MaxLanes)
	}
}

// processesDocs says what reflection cannot know about the keys that this file is about.
var processesDocs = map[string]keyDoc{
	"workers.processes": {flag: "processes",
		doc: "Worker processes, up to 1024: a number, `auto`, or `{min: 2, max: 16}` (as a flag `2-16`) for a number that " +
			"follows the load, see [scaling.md](scaling.md). `auto` is one for each CPU that penknife may use, or " +
			"`$WEB_CONCURRENCY` if that is set."},
	"workers.max_processes": {max: processesLimit,
		doc: "How many processes `penknife scale` and SIGTTIN can go up to when `workers.processes` is a number. 0 is four times " +
			"that number, but 1 stays 1: an application for which one process was asked may keep state in it."},
}
