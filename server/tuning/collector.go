package tuning

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

// Collector sets how much garbage there may be after each collection. GOGC, if set, is the operator's word, and then there is
// no collector; GOMEMLIMIT is left to the runtime, which obeys it by itself.
type Collector struct {
	held    func() int64 // bytes that the caches hold
	percent int          // in force
	stopped atomic.Bool
}

// NewCollector begins; it gives nil where the operator has decided with GOGC. held tells how many bytes the caches hold; it is
// called after collections, from the goroutine of the runtime, and must not block.
func NewCollector(environ []string, held func() int64) *Collector {
	if isSet(environ, "GOGC") {
		return nil
	}
	c := &Collector{held: held, percent: gcPercent}
	debug.SetGCPercent(gcPercent)
	c.arm()
	return c
}

// Stop leaves the percentage as it is. A nil Collector has nothing to stop.
func (c *Collector) Stop() {
	if c != nil {
		c.stopped.Store(true)
	}
}

// cycle is garbage from the beginning: the runtime comes across it in each collection.
type cycle struct{ of *Collector }

// arm has adjust called after the next collection, by the runtime's goroutine for finalizers.
func (c *Collector) arm() {
	runtime.SetFinalizer(&cycle{c}, func(*cycle) {
		if !c.stopped.Load() {
			c.adjust()
			c.arm()
		}
	})
}

// adjust changes the percentage if that makes a difference: each change stops the world for some microseconds.
func (c *Collector) adjust() {
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
