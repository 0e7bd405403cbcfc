package usage

import (
	"os"
	"time"

	"penknife/workers"
)

// Meter measures the processes of one server. Its methods may be called at any time, by any goroutine.
type Meter struct {
	processes processes
	loads     loads
}

// NewMeter makes a meter that goes by the clock now.
func NewMeter(now func() time.Time) *Meter {
	m := &Meter{processes: processes{now: now}}
	m.processes.last.Store(&Reading{})
	return m
}

// Processes tells what this process, the zygotes and the workers take. It reads /proc every 2 s at most, and more rarely for
// more than 200 processes; between that it gives the latest reading, which does not know younger processes.
func (m *Meter) Processes(snapshot workers.Snapshot) *Reading {
	return m.processes.read(pidsOf(snapshot))
}

// Loads tells by pid which part of their time, 0 to 1, the threads of each worker have been occupied by requests lately:
// the mean since the look before, weighed with what was before that by a time constant of 10 s. It must be asked again and
// again to be recent.
func (m *Meter) Loads(snapshot workers.Snapshot, now time.Time) map[int]float64 {
	return m.loads.look(snapshot, now)
}

// pidsOf lists this process, and the zygotes and workers of all generations.
func pidsOf(snapshot workers.Snapshot) []int {
	pids := []int{os.Getpid()}
	for _, g := range snapshot.Generations() {
		if g.ZygotePID > 0 {
			pids = append(pids, g.ZygotePID)
		}
		for _, w := range g.Workers {
			if w.PID > 0 {
				pids = append(pids, w.PID)
			}
		}
	}
	return pids
}
