package usage

import (
	"math"
	"sync"
	"time"

	"penknife/workers"
)

// loadWindow is the time constant with which the past of a worker's load is forgotten.
const loadWindow = 10 * time.Second

// loads tells which part of their time the threads of workers have been occupied by requests lately. It takes a look
// whenever somebody asks, and each second while history is awake.
type loads struct {
	mu   sync.Mutex // guards the rest
	last time.Time
	of   map[int]load // by process, of those that were there at the last look
}

type load struct {
	occupied time.Duration
	part     float64 // 0 to 1
}

// look takes the time since the last look into account, and gives the load of each process.
func (l *loads) look(snapshot workers.Snapshot, now time.Time) map[int]float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen, parts := map[int]load{}, map[int]float64{}
	for _, g := range snapshot.Generations() {
		for _, w := range g.Workers {
			one := l.next(w, max(g.Threads, 1), now)
			seen[w.PID], parts[w.PID] = one, one.part
		}
	}
	l.of, l.last = seen, now
	return parts
}

func (l *loads) next(w workers.WorkerStatus, threads int, now time.Time) load {
	old, known := l.of[w.PID]
	since := now.Sub(w.Started)
	if known && w.Occupied >= old.occupied {
		since = now.Sub(l.last)
	} else {
		known, old = false, load{}
	}
	if since <= 0 {
		return old
	}
	part := float64(w.Occupied-old.occupied) / (float64(since) * float64(threads))
	part = min(max(part, 0), 1)
	if known {
		part = old.part + (1-math.Exp(-since.Seconds()/loadWindow.Seconds()))*(part-old.part)
	}
	return load{w.Occupied, part}
}
