package server

import (
	"os"

	"penknife/metrics"
	"penknife/workers"
)

// pool describes the workers for a scrape: one snapshot, and one look at the memory of each process, which several
// scrapes share.
func (s *Server) pool() metrics.Pool {
	snapshot := s.engine.Snapshot()
	p := metrics.Pool{
		Ready: s.ready() == nil, Python: snapshot.Python, Generation: snapshot.Generation,
		Draining: len(snapshot.Draining), CrashLoop: snapshot.CrashLoop, Places: snapshot.Places, States: workers.States(),
	}
	usage := s.usage.read(pidsOf(snapshot))
	p.ZygoteRSS = usage.of[snapshot.ZygotePID].resident
	add := func(g workers.Snapshot) {
		p.Waiting += g.Waiting
		p.InFlight += g.InFlight
		for _, w := range g.Workers {
			if w.State == workers.Ready {
				p.Threads += max(g.Threads, 1)
				p.Busy += w.Busy
			}
		}
	}
	add(snapshot)
	for _, w := range snapshot.Workers {
		p.Workers = append(p.Workers, metrics.PoolWorker{
			Index: w.Index, State: w.State.String(), RSS: usage.of[w.PID].resident, Anonymous: usage.of[w.PID].anonymous,
			CPU: usage.of[w.PID].cpu,
		})
	}
	for _, other := range snapshot.Others() {
		add(other)
		for _, w := range other.Workers { // its indexes are those of the present generation too: no memory
			p.Workers = append(p.Workers, metrics.PoolWorker{Index: w.Index, State: w.State.String()})
		}
	}
	return p
}

// generations lists the present generation and those that it has replaced.
func generations(snapshot workers.Snapshot) []workers.Snapshot {
	return append([]workers.Snapshot{snapshot}, snapshot.Others()...)
}

// pidsOf lists this process, and the zygotes and workers of all generations.
func pidsOf(snapshot workers.Snapshot) []int {
	pids := []int{os.Getpid()}
	for _, g := range generations(snapshot) {
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
