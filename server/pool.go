package server

import (
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
	usage := s.usage.Processes(snapshot)
	p.ZygoteRSS = usage.Of[snapshot.ZygotePID].Resident
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
			Index: w.Index, State: w.State.String(), RSS: usage.Of[w.PID].Resident, Anonymous: usage.Of[w.PID].Anonymous,
			CPU: usage.Of[w.PID].CPU,
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
