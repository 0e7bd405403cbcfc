//go:build cgo

package interleave

import (
	"errors"
	"fmt"
	"iter"
	"math/bits"
	"strings"
)

// maxSteps bounds one execution: what takes longer goes round in circles.
const maxSteps = 20000

// running is the execution whose code is running, nil outside of one.
var running *Execution

// errUnwind ends the code of a thread whose execution is over.
var errUnwind = errors.New("interleave: the execution is over")

// thread is one thread of an execution.
type thread struct {
	id, group int // group: worker process, from 1; 0 for Go
	name      string
	next      op
	over      bool
	resume    func() bool // runs to the next operation, false at the end
	stop      func()
	yield     func(struct{}) bool
	unwinding bool
	clock     vector // what this thread's past depends on
	known     vector // what it has synchronized with
	n         uint16
	children  int
	lane      *lane
}

// event is an operation that was done.
type event struct {
	thread int
	n      uint16
	clock  vector
	op     op
}

// Execution is one run of a Scenario.
type Execution struct {
	// Label names a thing for traces; nil, or "" from it, gives its address.
	Label   func(object uintptr) string
	Workers int // processes that can be, for the numbers of lanes

	explorer *Explorer
	threads  []*thread
	ids      map[[2]int]int
	current  *thread
	events   []event
	objects  objectTable
	places   map[uintptr]*vector // what an atomic word's last store has published
	plain    *plainMemory
	channels map[uintptr]*channel
	kernel   kernel
	groups   [8]byte // their addresses stand for the life of worker processes
	sleep    set
	failure  error
	world    world
	observer Observer
	memory   []byte
}

func newExecution(e *Explorer) *Execution {
	return &Execution{
		explorer: e, ids: map[[2]int]int{}, objects: newObjectTable(), places: map[uintptr]*vector{},
		channels: map[uintptr]*channel{}, kernel: newKernel(),
	}
}

// Failf ends the execution: something is wrong.
func (x *Execution) Failf(format string, args ...any) {
	if x.failure == nil {
		x.failure = fmt.Errorf(format, args...)
	}
}

// Go starts a thread of Go code.
func (x *Execution) Go(name string, body func()) {
	t := x.addThread(name, 0)
	if t == nil {
		return
	}
	next, stop := iter.Pull(func(yield func(struct{}) bool) {
		t.yield = yield
		defer x.caught(t)
		body()
	})
	t.resume = func() bool { _, more := next(); return more }
	t.stop = func() { t.unwinding = true; stop() }
	x.runOn(t)
}

// caught turns a panic of the code under test into a failure.
func (x *Execution) caught(t *thread) {
	switch problem := recover(); {
	case problem == nil || t.unwinding:
	default:
		x.Failf("%s: panic: %v", t.name, problem)
	}
}

// addThread makes a thread whose number is the same in each execution, whoever comes first.
func (x *Execution) addThread(name string, group int) *thread {
	parent, child := -1, len(x.ids)
	t := &thread{name: name, group: group}
	if p := x.current; p != nil {
		parent, child = p.id, p.children
		p.children++
		t.clock, t.known = p.clock, p.known
	} else {
		for _, other := range x.threads {
			if other != nil {
				t.clock.join(&other.clock)
				t.known.join(&other.known)
			}
		}
	}
	t.id = x.explorer.number(parent, child)
	if t.id >= maxThreads {
		x.Failf("more than %d threads", maxThreads)
		return nil
	}
	x.ids[[2]int{parent, child}] = t.id
	for len(x.threads) <= t.id {
		x.threads = append(x.threads, nil)
	}
	x.threads[t.id] = t
	return t
}

// runOn lets a thread run until its next operation.
func (x *Execution) runOn(t *thread) {
	before := x.current
	x.current = t
	if !t.resume() {
		t.over = true
	}
	x.current = before
}

// point is where a thread of Go code waits for its turn.
func point(o op) *Execution {
	x := running
	if x == nil || x.current == nil || x.current.unwinding {
		return nil
	}
	t := x.current
	t.next = o
	if !t.yield(struct{}{}) {
		t.unwinding = true
		panic(errUnwind)
	}
	return x
}

func (x *Execution) enabled() (all set) {
	for id, t := range x.threads {
		if t != nil && !t.over && t.next.enabled() {
			all |= one(id)
		}
	}
	return all
}

// ending is how an execution ended.
type ending uint8

const (
	complete  ending = iota + 1
	redundant        // another one has the same outcome
	failed
)

// run runs the execution to its end.
func (x *Execution) run(s Scenario) ending {
	running = x
	defer func() { running = nil }()
	defer x.unwind()
	s.Setup(x)
	for round := 0; x.failure == nil; {
		enabled := x.enabled()
		if enabled == 0 {
			more := s.Quiet(x, round)
			round++
			if x.failure == nil && !more {
				return complete
			}
			continue
		}
		if len(x.events) > maxSteps {
			x.Failf("no end after %d steps", maxSteps)
			break
		}
		id := x.explorer.choose(x, enabled)
		if id < 0 {
			return redundant
		}
		x.step(x.threads[id])
	}
	return failed
}

func (x *Execution) step(t *thread) {
	x.account(t)
	if t.lane != nil {
		x.stepLane(t)
		return
	}
	x.runOn(t)
}

func (x *Execution) unwind() {
	for _, t := range x.threads {
		if t != nil && t.stop != nil {
			t.stop()
		}
	}
}

// Trace tells who did what.
func (x *Execution) Trace() string {
	var text strings.Builder
	for i, e := range x.events {
		fmt.Fprintf(&text, "%4d  %-12s %s", i, x.threads[e.thread].name, e.op.what)
		for _, a := range e.op.accesses {
			if a.object != 0 && !x.isGroup(a.object) {
				fmt.Fprintf(&text, "  %s", x.name(a.object))
			}
		}
		text.WriteByte('\n')
	}
	for _, t := range x.threads {
		if t != nil && !t.over {
			fmt.Fprintf(&text, "      %-12s stands before %s %s\n", t.name, t.next.what, x.name(t.next.accesses[0].object))
		}
	}
	return text.String()
}

func (x *Execution) name(object uintptr) string {
	if x.Label != nil {
		if name := x.Label(object); name != "" {
			return name
		}
	}
	return fmt.Sprintf("%#x", object)
}

// lowest gives a thread of a set that is not empty.
func lowest(s set) int { return bits.TrailingZeros32(uint32(s)) }
