package server

import (
	"math"
	"sync/atomic"
	"time"

	"penknife/gateway"
	"penknife/workers"
)

const (
	// loadIndexes is how many worker indexes there can be: twice the processes and two, for generations that overlap.
	loadIndexes = 2*1024 + 2
	// loadWindow is the time constant with which the past of a worker's load is forgotten.
	loadWindow = 10 * time.Second
)

// loads watches which part of their time workers are busy. Requests add their time when they end; those that take long
// are seen while they run. A worker of a replaced generation and its successor may share an index, and then a load.
type loads struct {
	took [loadIndexes]atomic.Int64 // time in the application by worker index, in nanoseconds
	part [loadIndexes]atomic.Uint64

	seen [loadIndexes]int64 // of the goroutine of history alone, as what follows
	pids [loadIndexes]int
}

// add counts the time of a request that is over. Any goroutine may.
func (l *loads) add(t *gateway.Trace) {
	if index := t.Worker - 1; index >= 0 && index < loadIndexes {
		l.took[index].Add(int64(t.App))
	}
}

// of gives a worker's load, 0 to 1.
func (l *loads) of(index int) float64 {
	if index < 0 || index >= loadIndexes {
		return 0
	}
	return math.Float64frombits(l.part[index].Load())
}

// look takes the time since the last look into account. Long counts, by worker index, the requests that have run all
// that time: they will add it only when they end.
func (l *loads) look(g workers.Snapshot, long map[int]int, since time.Duration) {
	usual := 1 - math.Exp(-since.Seconds()/loadWindow.Seconds())
	for _, w := range g.Workers {
		if w.Index < 0 || w.Index >= loadIndexes {
			continue
		}
		all := float64(since) * float64(max(g.Threads, 1))
		took := l.took[w.Index].Load()
		now := float64(took-l.seen[w.Index])/all + float64(long[w.Index])*float64(since)/all
		l.seen[w.Index] = took
		weight := usual
		if l.pids[w.Index] != w.PID {
			l.pids[w.Index], weight = w.PID, 1
		}
		old := l.of(w.Index)
		l.part[w.Index].Store(math.Float64bits(old + weight*(min(max(now, 0), 1)-old)))
	}
}
