//go:build cgo

package interleave

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Scenario is what is explored. Setup builds everything afresh and starts threads. Quiet is called whenever no thread can
// go on, with the number of earlier calls: it judges with Execution.Failf, and may start more, which it tells.
type Scenario struct {
	Setup func(x *Execution)
	Quiet func(x *Execution, round int) (more bool)
}

// Limits end an exploration early; 0 is none.
type Limits struct {
	Executions int
	Time       time.Duration
	Random     uint64 // not 0: choose at random with this seed and do not look for all
}

// Result is what an exploration has found.
type Result struct {
	Executions int  // that ran to their end, each different in the order of dependent operations
	Random     int  // further ones, chosen at random
	Redundant  int  // that were cut short because they could only repeat another
	Steps      int  // operations that were done, all executions together
	Whole      bool // nothing is left to explore
	Longest    int  // operations of the longest execution
	Took       time.Duration
	Failure    error  // nil, or what was wrong with the last execution
	Trace      string // of that
}

// String is a line for people.
func (r Result) String() string {
	extent := "bounded"
	if r.Whole {
		extent = "all"
	}
	return fmt.Sprintf("%s: %d interleavings, %d at random, %d cut short, %d steps, longest %d, %.1f s",
		extent, r.Executions, r.Random, r.Redundant, r.Steps, r.Longest, r.Took.Seconds())
}

// And adds what was found at random.
func (r Result) And(random Result) Result {
	r.Random += random.Executions
	r.Steps += random.Steps
	r.Longest = max(r.Longest, random.Longest)
	r.Took += random.Took
	r.Failure, r.Trace = random.Failure, random.Trace
	return r
}

// node is a choice that was made.
type node struct {
	enabled, backtrack, sleep set
	chosen                    int
}

// Explorer explores one scenario.
type Explorer struct {
	nodes  []node
	fresh  int // events from here on were not looked at for races
	ids    map[[2]int]int
	random *rand.Rand
	last   int
	plain  *plainMemory

	priorities [maxThreads]int // with random
	moments    [changes]int
	lowest     int
	longest    int // operations of the longest execution
}

// Explore runs the scenario in all orders that may differ, or until a limit or the first failure.
func Explore(s Scenario, l Limits) Result {
	e := &Explorer{ids: map[[2]int]int{}}
	if l.Random != 0 {
		e.random = rand.New(rand.NewPCG(l.Random, 1))
	}
	var r Result
	begin := time.Now()
	for {
		x := newExecution(e)
		e.last = -1
		end := x.run(s)
		r.Steps += len(x.events)
		r.Longest = max(r.Longest, len(x.events))
		e.longest = r.Longest
		if end == redundant {
			r.Redundant++
		} else {
			r.Executions++
		}
		r.Took = time.Since(begin)
		if end == failed {
			r.Failure, r.Trace = x.failure, x.Trace()
			return r
		}
		if e.random == nil && !e.advance() {
			r.Whole = true
			return r
		}
		if l.Executions > 0 && r.Executions+r.Redundant >= l.Executions || l.Time > 0 && r.Took >= l.Time {
			return r
		}
	}
}

// number gives the same number to the same child of the same parent in every execution.
func (e *Explorer) number(parent, child int) int {
	key := [2]int{parent, child}
	id, ok := e.ids[key]
	if !ok {
		id = len(e.ids)
		e.ids[key] = id
	}
	return id
}

// choose gives the thread that goes on, -1 when every choice would repeat an earlier execution.
func (e *Explorer) choose(x *Execution, enabled set) int {
	if e.random != nil {
		return e.guess(len(x.events), enabled)
	}
	depth := len(x.events)
	if depth == len(e.nodes) {
		able := enabled &^ x.sleep
		if able == 0 {
			return -1
		}
		if e.last < 0 || !able.has(e.last) {
			e.last = lowest(able)
		}
		e.nodes = append(e.nodes, node{enabled: enabled, backtrack: one(e.last), sleep: x.sleep, chosen: e.last})
	}
	n := &e.nodes[depth]
	e.last = n.chosen
	if n.enabled != enabled {
		x.Failf("step %d: an execution was not repeated: %b could go on, and not %b", depth, enabled, n.enabled)
		return n.chosen
	}
	x.sleep = 0
	for rest := n.sleep &^ one(n.chosen); rest != 0; rest &= rest - 1 {
		id := lowest(rest)
		if !dependent(&x.threads[id].next, &x.threads[n.chosen].next) {
			x.sleep |= one(id)
		}
	}
	return n.chosen
}

// changes is how often an execution at random goes on with another thread although it need not.
const changes = 4

// guess lets the thread with the highest priority go on, until one of a few random steps, where that gets the lowest: what
// goes wrong needs few changes at bad moments (Burckhardt et al., ASPLOS 2010).
func (e *Explorer) guess(step int, enabled set) int {
	if step == 0 {
		for i, p := range e.random.Perm(maxThreads) {
			e.priorities[i] = p
		}
		for i := range e.moments {
			e.moments[i] = e.random.IntN(max(e.longest, 100))
		}
		e.lowest = 0
	}
	best := -1
	for id := range maxThreads {
		if enabled.has(id) && (best < 0 || e.priorities[id] > e.priorities[best]) {
			best = id
		}
	}
	if slices.Contains(e.moments[:], step) {
		e.lowest--
		e.priorities[best] = e.lowest
	}
	return best
}

// advance prepares the next execution: the last choice with an alternative is made otherwise.
func (e *Explorer) advance() bool {
	for len(e.nodes) > 0 {
		n := &e.nodes[len(e.nodes)-1]
		n.sleep |= one(n.chosen)
		if rest := n.backtrack &^ n.sleep; rest != 0 {
			n.chosen = lowest(rest)
			e.fresh = len(e.nodes) - 1
			return true
		}
		e.nodes = e.nodes[:len(e.nodes)-1]
	}
	return false
}
