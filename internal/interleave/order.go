//go:build cgo

package interleave

import "unsafe"

// how an atomic access takes part in the order of things.
type how uint8

const (
	loaded how = iota + 1
	stored
	updated
)

// synchronized draws the conclusions of an atomic access: who reads a value knows what its writer knew.
func (x *Execution) synchronized(address, size uintptr, what how) {
	if x == nil || x.current == nil {
		return
	}
	x.synchronize(x.current, address, size, what)
}

func (x *Execution) synchronize(t *thread, address, size uintptr, what how) {
	place := x.places[address]
	if place == nil {
		place = &vector{}
		x.places[address] = place
	}
	switch what {
	case loaded:
		t.known.join(place)
	case stored:
		*place = t.known
	case updated:
		t.known.join(place)
		*place = t.known
	}
	if x.plain != nil {
		x.plain.check(x, t, touch{address: address, size: size, write: what != loaded, atomic: true})
	}
}

// Touched says that the running thread of Go code has read or written memory without an atomic operation.
func Touched(memory []byte, write bool) {
	x := running
	if x == nil || x.current == nil || x.current.unwinding || x.plain == nil || len(memory) == 0 {
		return
	}
	x.plain.check(x, x.current, touch{address: uintptr(unsafe.Pointer(&memory[0])), size: uintptr(len(memory)), write: write})
}

// touch is one access to memory.
type touch struct {
	address, size uintptr
	write, atomic bool
}

func (a touch) String() string {
	text := "reads"
	if a.write {
		text = "writes"
	}
	if a.atomic {
		text += " (atomic)"
	}
	return text
}

// cell remembers who touched four bytes when.
type cell struct {
	execution                            int
	writes, reads, atomicWrites, atomics vector
}

// plainMemory finds accesses to the shared memory that nothing orders, of which one is not atomic. It is kept for all
// executions of a scenario.
type plainMemory struct {
	base, size uintptr
	cells      []cell
	execution  int
}

func newPlainMemory(memory []byte) *plainMemory {
	return &plainMemory{base: uintptr(unsafe.Pointer(&memory[0])), size: uintptr(len(memory)), cells: make([]cell, len(memory)/4+1)}
}

// check compares an access with what was done before and is not known to be over.
func (p *plainMemory) check(x *Execution, t *thread, a touch) {
	if a.address-p.base >= p.size {
		return
	}
	now := t.n
	if !a.atomic {
		now++ // it becomes known to others with this thread's next event
	}
	for at := (a.address - p.base) / 4; at <= (a.address-p.base+a.size-1)/4; at++ {
		c := &p.cells[at]
		if c.execution != p.execution {
			*c = cell{execution: p.execution}
		}
		x.compare(t, a, &c.writes)
		if !a.atomic {
			x.compare(t, a, &c.atomicWrites)
		}
		if a.write {
			x.compare(t, a, &c.reads)
		}
		if a.write && !a.atomic {
			x.compare(t, a, &c.atomics)
		}
		c.note(t.id, now, a)
	}
}

func (c *cell) note(thread int, now uint16, a touch) {
	switch {
	case a.write && a.atomic:
		c.atomicWrites[thread] = now
	case a.write:
		c.writes[thread] = now
	case a.atomic:
		c.atomics[thread] = now
	default:
		c.reads[thread] = now
	}
}

func (x *Execution) compare(t *thread, a touch, others *vector) {
	for id, n := range others {
		if id != t.id && n > t.known[id] {
			x.Failf("data race at %s: %s %s what %s touched, and nothing orders the two", x.name(a.address), t.name, a, x.threads[id].name)
			return
		}
	}
}
