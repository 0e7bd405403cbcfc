//go:build cgo

package interleave

import "slices"

// object is what the events so far did with one thing.
type object struct {
	write int   // the last event that changed it, -1
	reads []int // later events, the last of each thread
}

type objectTable struct {
	index map[uintptr]int
	all   []object
}

func newObjectTable() objectTable { return objectTable{index: map[uintptr]int{}} }

func (o *objectTable) at(address uintptr) *object {
	i, ok := o.index[address]
	if !ok {
		i = len(o.all)
		o.index[address] = i
		o.all = append(o.all, object{write: -1})
	}
	return &o.all[i]
}

// account makes the thread's next operation an event, and notes where the opposite order should be tried.
func (x *Execution) account(t *thread) {
	o, i := &t.next, len(x.events)
	clock := t.clock
	if o.block != nil && o.block.enabler >= 0 {
		clock.join(&x.events[o.block.enabler].clock)
	}
	for _, other := range o.after {
		clock.join(&other.clock)
	}
	var found [24]int
	earlier := x.earlier(o, t.id, found[:0])
	races := earlier[:0]
	for _, j := range earlier {
		e := &x.events[j]
		if e.n > clock[e.thread] {
			races = append(races, j)
			clock.join(&e.clock)
		}
	}
	t.n++
	clock[t.id] = t.n
	t.clock = clock
	t.known[t.id] = t.n
	x.events = append(x.events, event{t.id, t.n, clock, *o})
	for _, a := range o.accesses {
		x.noteAccess(a, t.id, i)
	}
	if i >= x.explorer.fresh {
		for _, j := range races {
			x.explorer.reverse(x.events, j, i)
		}
	}
}

// earlier gives the events that the operation depends on directly, the latest first.
func (x *Execution) earlier(o *op, thread int, found []int) []int {
	add := func(j int) {
		if j >= 0 && x.events[j].thread != thread && !slices.Contains(found, j) {
			found = append(found, j)
		}
	}
	for _, a := range o.accesses {
		if a.object == 0 {
			continue
		}
		thing := x.objects.at(a.object)
		add(thing.write)
		if a.write {
			for _, j := range thing.reads {
				add(j)
			}
		}
	}
	slices.SortFunc(found, func(a, b int) int { return b - a })
	return found
}

func (x *Execution) noteAccess(a access, thread, event int) {
	if a.object == 0 {
		return
	}
	thing := x.objects.at(a.object)
	if a.write {
		thing.write, thing.reads = event, thing.reads[:0]
		return
	}
	for k, j := range thing.reads {
		if x.events[j].thread == thread {
			thing.reads[k] = event
			return
		}
	}
	thing.reads = append(thing.reads, event)
}

// reverse makes sure that event i is also tried before event j, which it races with: by one of those that can be first
// among what does not depend on j.
func (e *Explorer) reverse(events []event, j, i int) {
	if j >= len(e.nodes) {
		return // random choices are not undone
	}
	first := events[j]
	var seen, initials set
	var minimal [maxThreads]int
	count := 0
	for k := j + 1; k <= i; k++ {
		v := &events[k]
		if k < i && v.clock[first.thread] >= first.n {
			continue // depends on j
		}
		if seen.has(v.thread) {
			continue
		}
		seen |= one(v.thread)
		isFirst := true
		for _, m := range minimal[:count] {
			if v.clock[events[m].thread] >= events[m].n {
				isFirst = false
				break
			}
		}
		if isFirst {
			initials |= one(v.thread)
			minimal[count] = k
			count++
		}
	}
	n := &e.nodes[j]
	if n.backtrack&initials != 0 {
		return
	}
	switch able := initials & n.enabled; {
	case able == 0:
		n.backtrack |= n.enabled
	case able.has(events[i].thread):
		n.backtrack |= one(events[i].thread)
	default:
		n.backtrack |= one(lowest(able))
	}
}
