package server

import (
	"math"
	"testing"
	"time"

	"penknife/gateway"
	"penknife/workers"
)

func TestLoads(t *testing.T) {
	var l loads
	g := workers.Snapshot{Threads: 2, Workers: []workers.WorkerStatus{{Index: 0, PID: 5}, {Index: 1, PID: 6}, {Index: loadIndexes}}}
	l.add(&gateway.Trace{Worker: 1, App: time.Second})
	l.add(&gateway.Trace{Worker: 0, App: time.Hour}) // nobody
	l.add(&gateway.Trace{Worker: loadIndexes + 1, App: time.Hour})
	l.look(g, map[int]int{1: 1}, time.Second)
	// One of two threads was busy: the first by a request that is over, the second by one that still runs.
	if l.of(0) != .5 || l.of(1) != .5 || l.of(-1) != 0 || l.of(loadIndexes) != 0 {
		t.Errorf("%v, %v", l.of(0), l.of(1))
	}
	l.add(&gateway.Trace{Worker: 2, App: time.Minute}) // the one that ran has ended: no more than all of the time
	for range 10 {
		l.look(g, nil, time.Second)
	}
	if got, want := l.of(0), .5/math.E; math.Abs(got-want) > 1e-9 {
		t.Errorf("after the time constant: %v, want %v", got, want)
	}
	if got := l.of(1); got > (1-.5)*.1+.5 {
		t.Errorf("%v", got)
	}
	g.Workers[0].PID = 99
	l.look(g, nil, time.Second)
	if l.of(0) != 0 {
		t.Error("a successor has the load of the one before")
	}
}
