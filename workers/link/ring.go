package link

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

// ring is the list of slots that wait for a lane, and the lanes that wait for a slot. Go fills it, lanes claim.
type ring struct {
	mem        *memory
	mask       uint64
	head, tail *atomic.Uint64
	submit     sync.Mutex // guards what follows, the tail and the cell that it points to
	next       uint64     // what the tail must be
	believed   uint64     // the last head that made sense: at most a ring's length behind next
	entries    []uint32   // the slots that the cells must name
}

func newRing(m *memory) *ring {
	return &ring{mem: m, mask: uint64(m.ringSize - 1), head: m.u64(hRingHead), tail: m.u64(hRingTail), entries: make([]uint32, m.ringSize)}
}

func (r *ring) cell(position uint64) *atomic.Uint64 {
	return r.mem.u64(r.mem.offRing + int(position&r.mask)*8)
}

// push publishes a slot and gives its position. It answers false when the ring is full even after cells whose slots
// no longer wait were skipped; with two cells a slot that takes as many cancelled requests as there are slots.
func (r *ring) push(slot uint32, state *atomic.Uint64) (uint32, bool) {
	r.submit.Lock()
	defer r.submit.Unlock()
	position := r.next
	if position-r.readHead() > r.mask {
		r.skipDead()
		if position-r.readHead() > r.mask {
			return 0, false
		}
	}
	state.Store(stateWord(uint32(position), -1, stateQueued))
	r.fill(slot)
	return uint32(position), true
}

// readHead gives the head if it makes sense. It never goes back and never passes the tail; one that does was
// overwritten, and is set back to the last that was right: lanes skip cells whose slots do not wait.
func (r *ring) readHead() uint64 {
	head := r.head.Load()
	if head-r.believed > r.next-r.believed {
		r.head.CompareAndSwap(head, r.believed)
		return r.believed
	}
	r.believed = head
	return head
}

// mend compares what lanes read with what it must be, and writes that where a process has written over it: no lane would
// find the slots that wait, or any end of the search for them. It tells whether there was anything to mend.
func (r *ring) mend() (found bool) {
	r.submit.Lock()
	defer r.submit.Unlock()
	found = r.head.Load()-r.believed > r.next-r.believed
	if r.tail.Load() != r.next {
		found = true
		r.tail.Store(r.next)
	}
	for position := r.readHead(); position != r.next; position++ {
		if entry := ringEntry(position, r.entries[position&r.mask]); r.cell(position).Load() != entry {
			found = true
			r.cell(position).Store(entry)
		}
	}
	return found
}

// lost tells whether no lane will come by the cell of a slot that waits: a process has moved the head past it.
func (r *ring) lost(position uint32) bool {
	r.submit.Lock()
	defer r.submit.Unlock()
	return r.behind(position)
}

func (r *ring) behind(position uint32) bool {
	head := r.readHead()
	return position-uint32(head) >= uint32(r.next-head)
}

// requeue gives a slot that still waits, and is lost, a new cell. It gives the position that the slot has now. A slot that
// was claimed meanwhile, or finds no cell, keeps its own.
func (r *ring) requeue(slot, old uint32, state *atomic.Uint64) (position uint32, ok bool) {
	r.submit.Lock()
	defer r.submit.Unlock()
	if !r.behind(old) || r.next-r.readHead() > r.mask {
		return old, false
	}
	position = uint32(r.next)
	if !state.CompareAndSwap(stateWord(old, -1, stateQueued), stateWord(position, -1, stateQueued)) {
		return old, false
	}
	r.fill(slot)
	return position, true
}

// fill lets the next cell name a slot; the caller holds the lock.
func (r *ring) fill(slot uint32) {
	position := r.next
	r.entries[position&r.mask] = slot
	r.cell(position).Store(ringEntry(position, slot))
	r.next = position + 1
	r.tail.Store(r.next)
}

// skipDead advances the head over cells whose slots were claimed or cancelled.
func (r *ring) skipDead() {
	for head := r.readHead(); head != r.next; head = r.readHead() {
		slot := r.entries[head&r.mask]
		state := r.mem.u64(r.mem.offSlots + int(slot)*slotSize + sState).Load()
		if state == stateWord(uint32(head), -1, stateQueued) {
			return
		}
		r.head.CompareAndSwap(head, head+1)
	}
}

// wakeAll wakes every lane, whatever it announced.
func (r *ring) wakeAll() {
	for lane := range r.mem.workers * r.mem.threads {
		r.wakeLane(lane)
	}
}

// empty tells whether no slot waits.
func (r *ring) empty() bool { return r.head.Load() == r.tail.Load() }

// wakeOne wakes a lane that announced sleep, if there is one: of an otherwise idle worker if possible, and among
// those the lowest, so that the working set stays small.
func (r *ring) wakeOne() {
	for word := range (r.mem.workers*r.mem.threads + 63) / 64 {
		idle := r.mem.u64(hIdle + word*8)
		for {
			set := idle.Load()
			if set == 0 {
				break
			}
			bit := r.bestIdle(word, set)
			if idle.CompareAndSwap(set, set&^(1<<bit)) {
				r.wakeLane(word*64 + bit)
				return
			}
		}
	}
}

// awake tells whether a lane has not announced sleep.
func (r *ring) awake(lane int) bool {
	return lane >= 0 && lane < r.mem.workers*r.mem.threads && r.mem.u64(hIdle+lane/64*8).Load()>>(lane%64)&1 == 0
}

func (r *ring) bestIdle(word int, set uint64) int {
	first := bits.TrailingZeros64(set)
	if r.mem.threads == 1 {
		return first
	}
	for rest := set; rest != 0; rest &= rest - 1 {
		bit := bits.TrailingZeros64(rest)
		worker := (word*64 + bit) % r.mem.workers
		if r.mem.u32(r.mem.worker(worker)+wRunning).Load() == 0 {
			return bit
		}
	}
	return first
}

func (r *ring) wakeLane(lane int) {
	if lane >= r.mem.workers*r.mem.threads {
		return // a bit that no lane owns: scribbled
	}
	word := r.mem.u32(r.mem.lane(lane) + lWake)
	word.Store(1)
	futexWake(word)
}

// resetWorker makes the lanes and the record of a worker index fit for a new process.
func (r *ring) resetWorker(worker int) {
	r.mem.u32(r.mem.worker(worker) + wStop).Store(0)
	r.mem.u32(r.mem.worker(worker) + wRunning).Store(0)
	for lane := worker; lane < r.mem.workers*r.mem.threads; lane += r.mem.workers {
		r.mem.u64(hIdle + lane/64*8).And(^(uint64(1) << (lane % 64)))
		r.mem.u32(r.mem.lane(lane) + lWake).Store(0)
		r.mem.u64(r.mem.lane(lane) + lSince).Store(0)
		r.mem.u64(r.mem.lane(lane) + lBusy).Store(0)
		r.mem.u64(r.mem.lane(lane) + lInterrupt).Store(0)
	}
}

// stopWorker asks a worker to leave and wakes its lanes so that they see it.
func (r *ring) stopWorker(worker int) {
	r.mem.u32(r.mem.worker(worker) + wStop).Store(1)
	for lane := worker; lane < r.mem.workers*r.mem.threads; lane += r.mem.workers {
		r.wakeLane(lane)
	}
}
