package server

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
)

// gcPercent is what GOGC is unless the operator says otherwise. The live heap is a few megabytes (connections and
// their buffers; requests and responses live in shared memory), so at Go's default of 100 the collector would run
// after every few megabytes of garbage. Letting the heap grow to four times the live size costs some tens of
// megabytes at most and most of the collector's work goes away.
const gcPercent = 300

// heldPercent is the same for what the caches hold. It is as large as the operator has said, so four times that would be
// more than the machine may have; and marking it costs little, because it is bytes.
const heldPercent = 25

// collector sets how much garbage there may be after each collection. GOGC, if set, is the operator's word, and then there is
// no collector; GOMEMLIMIT is left to the runtime, which obeys it by itself.
type collector struct {
	held    func() int64 // bytes that the caches hold
	percent int          // in force
	stopped atomic.Bool
}

// newCollector begins; it gives nil where the operator has decided.
func newCollector(environ []string, held func() int64) *collector {
	if isSet(environ, "GOGC") {
		return nil
	}
	c := &collector{held: held, percent: gcPercent}
	debug.SetGCPercent(gcPercent)
	c.arm()
	return c
}

// stop leaves the percentage as it is.
func (c *collector) stop() {
	if c != nil {
		c.stopped.Store(true)
	}
}

// cycle is garbage from the beginning: the runtime comes across it in each collection.
type cycle struct{ of *collector }

// arm has adjust called after the next collection, by the runtime's goroutine for finalizers.
func (c *collector) arm() {
	runtime.SetFinalizer(&cycle{c}, func(*cycle) {
		if !c.stopped.Load() {
			c.adjust()
			c.arm()
		}
	})
}

// adjust changes the percentage if that makes a difference: each change stops the world for some microseconds.
func (c *collector) adjust() {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return
	}
	want := percentFor(int64(sample[0].Value.Uint64()), c.held())
	if diff := want - c.percent; diff*10 > c.percent || -diff*10 > c.percent {
		c.percent = want
		debug.SetGCPercent(want)
	}
}

// percentFor gives GOGC for a heap of live bytes, of which the caches hold some.
func percentFor(live, held int64) int {
	held = min(held, live)
	garbage := (live-held)*gcPercent + held*heldPercent
	return int(max(garbage/max(live, 1), heldPercent))
}
