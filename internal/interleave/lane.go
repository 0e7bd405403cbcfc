//go:build cgo

package interleave

import (
	"encoding/binary"
	"unsafe"

	"penknife/internal/interleave/native"
)

// Process is one worker process, which dies and is started again.
type Process struct {
	x           *Execution
	worker      *native.Worker
	index       int
	lanes       []*thread
	pool        []*native.Lane // for its threads; they are used again
	gil         Mutex
	pending     bool // a signal for the first thread
	EventClosed bool // writes of the eventfd fail
	Exited      int  // lanes that ended by themselves
}

// lane is what is special about a thread of C code.
type lane struct {
	process *Process
	native  *native.Lane
	word    uintptr // it sleeps on this futex
	woken   bool
	block   *blocker
	thread  uint32
}

// Observer hears what lanes do.
type Observer interface {
	// Allowed tells whether a lane (its number in the queue) may do this access to the shared memory now, and why not.
	Allowed(lane int, a Access) string
	Began(request uint64, position uint32, lane int)
	Interrupted(request uint64, position uint32)
}

// Access is one access of C code to the shared memory.
type Access struct {
	Offset uintptr // from the beginning of the memory
	Write  bool
	Claim  bool // by a compare-and-swap
	Hint   bool // not sequentially consistent
}

// Memory says which memory is shared, and who hears about it. It is called once in each Setup, before processes start.
func (x *Execution) Memory(memory []byte, o Observer) {
	if p := x.explorer.plain; p == nil || p.base != uintptr(unsafe.Pointer(&memory[0])) {
		x.explorer.plain = newPlainMemory(memory)
	}
	x.plain = x.explorer.plain
	x.plain.execution++
	x.observer, x.memory = o, memory
}

// Start makes a process of a worker and starts its lanes, and with watch the thread that interrupts.
func (x *Execution) Start(p *Process, threads int, watch bool) {
	p.x, p.lanes, p.gil, p.pending = x, p.lanes[:0], Mutex{}, false
	for thread := range threads {
		x.startLane(p, uint32(thread))
	}
	if watch {
		x.startLane(p, native.Watcher)
	}
}

// NewProcess prepares one. Reset must be called before each Start.
func NewProcess(w *native.Worker, index int) *Process { return &Process{worker: w, index: index} }

// Reset makes the process's variables fresh.
func (p *Process) Reset(memory []byte, features int) error {
	return p.worker.Reset(memory, p.index, features)
}

func (x *Execution) startLane(p *Process, thread uint32) {
	name := string(rune('a'+p.index)) + string(rune('0'+thread%10))
	t := x.addThread(name, p.index+1)
	if t == nil {
		return
	}
	n := len(p.lanes)
	if n == len(p.pool) {
		p.pool = append(p.pool, native.NewLane())
	}
	t.lane = &lane{process: p, native: p.pool[n], thread: thread}
	t.lane.block = newBlocker(func() bool { return t.lane.woken || p.pending && thread == 0 })
	p.lanes = append(p.lanes, t)
	t.lane.native.Begin(p.worker, thread)
	x.runLane(t)
}

// runLane lets a lane run to its next turn.
func (x *Execution) runLane(t *thread) {
	before := x.current
	x.current = t
	done := t.lane.native.View().Op
	address := uintptr(t.lane.native.View().Address)
	v := t.lane.native.Step()
	switch done {
	case native.Read, native.Write, native.Update, native.Swap:
		how := updated
		if v.Changed == 0 || done == native.Read {
			how = loaded
		} else if done == native.Write {
			how = stored
		}
		x.synchronize(t, address, 4, how)
	}
	x.heed(t, v.Notes())
	t.next = x.laneOp(t, v)
	x.current = before
}

var laneOps = [...]string{
	native.Read: "load", native.Write: "store", native.Update: "update", native.Swap: "swap", native.Sleep: "sleep",
	native.Wake: "wake", native.Event: "event", native.Lock: "lock", native.Check: "signals", native.Done: "exit",
}

// laneOp translates. Whatever a lane does depends on whether its process lives.
func (x *Execution) laneOp(t *thread, v *native.View) op {
	o := op{what: laneOps[v.Op]}
	at, p := uintptr(v.Address), t.lane.process
	switch v.Op {
	case native.Read:
		o.accesses[0] = access{at, false}
	case native.Write, native.Update, native.Swap:
		o.accesses[0] = access{at, true}
	case native.Sleep:
		o.accesses[0], o.accesses[2] = access{at, false}, access{queueOf(at), true}
	case native.Wake:
		o.accesses[0] = access{queueOf(at), true}
	case native.Event:
		o.accesses[0] = access{x.eventObject(), true}
	case native.Check:
		o.accesses[0] = access{p.signalObject(), true}
	case native.Lock:
		o.accesses[0] = access{uintptr(unsafe.Pointer(&p.gil)), true}
		if p.gil.block == nil {
			p.gil.block = newBlocker(p.gil.ready)
		}
		o.block = p.gil.block
	case native.Done:
		t.over = true
		p.Exited++
	}
	o.accesses[1] = access{x.groupObject(t.group), false}
	return o
}

func (p *Process) signalObject() uintptr { return uintptr(unsafe.Pointer(&p.pending)) }

func (x *Execution) groupObject(group int) uintptr { return uintptr(unsafe.Pointer(&x.groups[group])) }

func (x *Execution) isGroup(object uintptr) bool {
	first := uintptr(unsafe.Pointer(&x.groups))
	return object-first < uintptr(len(x.groups))
}

// stepLane does what the lane stands before, as far as it is the kernel's to do, and lets it go on.
func (x *Execution) stepLane(t *thread) {
	l := t.lane
	if l.word != 0 { // it was asleep
		x.leaveSleepers(t)
		l.word, l.woken = 0, false
		x.runLane(t)
		return
	}
	v, p := l.native.View(), l.process
	v.Answer = 0
	switch v.Op {
	case native.Sleep:
		at := uintptr(v.Address)
		x.judge(t, Access{Offset: at - x.plain.base})
		if binary.LittleEndian.Uint32(x.memory[at-x.plain.base:]) == uint32(v.Value) {
			x.sleepOn(t, at)
			return
		}
	case native.Wake:
		x.wake(uintptr(v.Address), int(uint32(v.Value)))
	case native.Event:
		if p.EventClosed {
			v.Answer = 1
		} else {
			x.ring(t)
		}
	case native.Check:
		if p.pending {
			v.Answer = 1
		}
		p.pending = false
	case native.Lock:
		t.known.join(&p.gil.passed)
		p.gil.locked = true
	default:
		x.judge(t, Access{
			Offset: uintptr(v.Address) - x.plain.base, Write: v.Op != native.Read, Claim: v.Op == native.Swap,
		})
	}
	x.runLane(t)
}

func (x *Execution) judge(t *thread, a Access) {
	if why := x.observer.Allowed(t.laneNumber(x), a); why != "" {
		x.Failf("%s touches %s: %s", t.name, x.name(x.plain.base+a.Offset), why)
	}
}

// laneNumber is the lane's number in the queue: thread * workers + worker.
func (t *thread) laneNumber(x *Execution) int {
	return int(t.lane.thread)*x.Workers + t.lane.process.index
}

// heed takes note of what needs no turn.
func (x *Execution) heed(t *thread, notes []native.Note) {
	for _, n := range notes {
		at := uintptr(n.Address)
		switch n.Kind {
		case native.NoteRead, native.NoteWrite:
			x.judge(t, Access{Offset: at - x.plain.base, Write: n.Kind == native.NoteWrite})
			x.plain.check(x, t, touch{address: at, size: uintptr(n.Size), write: n.Kind == native.NoteWrite})
		case native.NoteHint:
			x.judge(t, Access{Offset: at - x.plain.base, Write: true, Hint: true})
		case native.NoteBegin:
			x.observer.Began(n.Address, n.Size, t.laneNumber(x))
		case native.NoteInterrupted:
			x.observer.Interrupted(n.Address, n.Size)
		case native.NoteUnlock:
			t.lane.process.gil.Unlock()
		case native.NoteWrong:
			x.Failf("%s: request %d at %d has the variables, or the body, of another", t.name, n.Address, n.Size)
		}
	}
}

func (x *Execution) sleepOn(t *thread, word uintptr) {
	t.lane.word, t.lane.woken = word, false
	t.lane.block.enabler = -1
	x.kernel.sleepers[word] = append(x.kernel.sleepers[word], t)
	t.next = op{what: "woken", block: t.lane.block, accesses: [3]access{{}, {x.groupObject(t.group), false}}}
}

func (x *Execution) leaveSleepers(t *thread) {
	all := x.kernel.sleepers[t.lane.word]
	for i, other := range all {
		if other == t {
			x.kernel.sleepers[t.lane.word] = append(all[:i:i], all[i+1:]...)
			return
		}
	}
}

func (l *lane) awake(event int) {
	if !l.woken {
		l.woken = true
		l.block.enabler = event
	}
}

// Asleep tells whether every lane of the process sleeps or has ended.
func (p *Process) Asleep() bool {
	for _, t := range p.lanes {
		if !t.over && t.lane.word == 0 {
			return false
		}
	}
	return true
}

// Kill ends the process, wherever its lanes are. It comes back when the process is gone, as a wait for its pidfd does.
func (p *Process) Kill() {
	x := point(writing("kill", p.x.groupObject(p.index+1)))
	if x == nil {
		return
	}
	for _, t := range p.lanes {
		if t.lane.word != 0 {
			x.leaveSleepers(t)
		}
		t.over = true
		x.current.known.join(&t.known)
		x.current.known[t.id] = t.n + 1
	}
}

// AwaitExit waits until every lane has ended by itself: the process has exited.
func (p *Process) AwaitExit() {
	o := writing("wait for exit", p.x.groupObject(p.index+1))
	o.block = newBlocker(func() bool {
		for _, t := range p.lanes {
			if !t.over {
				return false
			}
		}
		return true
	})
	o.after = p.lanes
	x := point(o)
	for _, t := range p.lanes {
		if x != nil {
			x.current.known.join(&t.known)
			x.current.known[t.id] = t.n + 1
		}
	}
}

// Signal sends the signal that interrupts.
func (p *Process) Signal() {
	if x := point(writing("signal", p.signalObject())); x != nil {
		p.pending = true
		if len(p.lanes) > 0 && p.lanes[0].lane.word != 0 {
			p.lanes[0].lane.block.enabler = len(x.events) - 1
		}
	}
}
