package workers

import (
	"slices"

	"penknife/workers/link"
)

// Running is a request in flight.
type Running struct {
	Generation uint64
	link.Running
}

// Running lists the requests in flight, in no order, those of all generations. It looks at every place of the
// queue: it is for people who look, not for what happens often. It does not block.
func (m *Manager) Running() []Running {
	m.mu.Lock()
	all := slices.Clone(m.replaced)
	m.mu.Unlock()
	for g := m.current.Load(); g != nil; g = g.successor.Load() {
		all = append(all, g)
	}
	var list []Running
	for _, g := range all {
		for _, r := range g.queue.Running() {
			list = append(list, Running{Generation: g.number, Running: r})
		}
	}
	return list
}
