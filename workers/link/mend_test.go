package link

import (
	"sync/atomic"
	"testing"
	"time"

	"penknife/gateway"
)

// TestRing_OverwrittenWords: the words of the ring are the workers' to overwrite. A submission must come to an end
// whatever they say, and what lanes read must be right again.
func TestRing_OverwrittenWords(t *testing.T) {
	options := testOptions()
	for name, scribble := range map[string]func(*ring){
		"head far behind":  func(r *ring) { r.head.Store(r.head.Load() - 1<<40) },
		"head far ahead":   func(r *ring) { r.head.Store(1 << 63) },
		"head a bit ahead": func(r *ring) { r.head.Store(r.next + 3) },
		"head of ones":     func(r *ring) { r.head.Store(^uint64(0)) },
		"tail":             func(r *ring) { r.tail.Store(1 << 40) },
		"tail behind":      func(r *ring) { r.tail.Store(0) },
		"cell":             func(r *ring) { r.cell(r.next - 1).Store(^uint64(0)) },
		"all cells": func(r *ring) {
			for i := range r.mem.ringSize {
				r.cell(uint64(i)).Store(0)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			sizes, err := newGeometry(options)
			if err != nil {
				t.Fatal(err)
			}
			mem, err := newMemory(sizes, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer mem.close()
			r := newRing(mem)
			for i := range 2*r.mem.ringSize + 3 { // the words have gone round before
				var gone atomic.Uint64 // a slot that does not wait any more when its cell is needed
				if _, ok := r.push(uint32(i%mem.slots), &gone); !ok {
					t.Fatal("full")
				}
			}
			if r.mend() {
				t.Fatal("something to mend in a ring that nobody touched")
			}
			scribble(r)
			done := make(chan bool)
			go func() { // ends with push, or the test fails
				var state atomic.Uint64
				_, ok := r.push(0, &state)
				r.mend()
				done <- ok
			}()
			select {
			case ok := <-done:
				if !ok {
					t.Error("no place")
				}
			case <-time.After(5 * time.Second):
				t.Fatal("the submission hangs")
			}
			if head := r.head.Load(); r.next-head > r.mask+1 || r.tail.Load() != r.next {
				t.Errorf("head %d, tail %d, want it at %d", head, r.tail.Load(), r.next)
			}
			for position := r.head.Load(); position != r.next; position++ {
				if got := r.cell(position).Load(); uint32(got>>32) != uint32(position) {
					t.Errorf("cell %d says %x", position, got)
				}
			}
			if r.mend() {
				t.Error("mended, and still wrong")
			}
		})
	}
}

// TestQueue_GoesOnAfterTheRingWasOverwritten: with lanes that work, requests are served again, those that waited too.
func TestQueue_GoesOnAfterTheRingWasOverwritten(t *testing.T) {
	options := testOptions()
	h := startHarness(t, options)
	for round := range 3 {
		h.q.ring.head.Store(^uint64(round))
		h.q.ring.tail.Store(uint64(round) << 50)
		for i := range h.q.mem.ringSize {
			h.q.ring.cell(uint64(i)).Store(^uint64(i))
		}
		for word := range idleWords {
			h.q.mem.u64(hIdle + word*8).Store(0)
		}
		if _, body, err := h.get(newRequest("GET", "/hello"), nil); err != nil || string(body) != "hello world" {
			t.Errorf("round %d: %q, %v", round, body, err)
		}
	}
}

// TestQueue_DamageByNobodyKnown: a state word that says nothing is reported once, and not again when the slot is looked
// at later: that would condemn every process that follows. The slot comes back when all are gone that may write to it.
func TestQueue_DamageByNobodyKnown(t *testing.T) {
	options := testOptions()
	var reports atomic.Int32
	options.Hostile = func(worker int, _ string) {
		if worker == -1 {
			reports.Add(1)
		}
	}
	q, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	q.Start()
	q.WorkerStarting(0)
	q.WorkerStarting(1)
	failed := make(chan error)
	go func() { // ends when the request does
		_, err := q.Serve(newRequest("GET", "/hello"), nil)
		failed <- err
	}()
	waitFor(t, "the request waits", func() bool { return q.InFlight() == 1 })
	index := -1
	waitFor(t, "its slot", func() bool {
		for s := range q.slots.made() {
			if _, _, state := splitState(s.state.Load()); state == stateQueued {
				index = s.index
			}
		}
		return index >= 0
	})
	q.slots.at(index).state.Store(^uint64(0))
	if err := <-failed; gateway.KindOf(err) != gateway.KindWorkerDied {
		t.Errorf("the request ends with %v", err)
	}
	for range 5 {
		q.handle(index)
	}
	q.scanOnce(time.Now())
	if n := reports.Load(); n != 1 {
		t.Errorf("reported %d times", n)
	}
	q.WorkerDied(0, "killed")
	if q.InFlight() != 1 {
		t.Error("the slot is free while a process may still write to it")
	}
	q.WorkerDied(1, "killed")
	if n := q.InFlight(); n != 0 {
		t.Errorf("%d slots are lost", n)
	}
	if err := q.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestQueue_MendsWhenLanesFindNoSense: nobody asks for anything, so the scanner sleeps; lanes that would look for ever at a
// ring that was written over make the event reader mend it, and can be stopped.
func TestQueue_MendsWhenLanesFindNoSense(t *testing.T) {
	h := startHarness(t, testOptions())
	if _, body, err := h.get(newRequest("GET", "/hello"), nil); err != nil || string(body) != "hello world" {
		t.Fatalf("%q, %v", body, err)
	}
	waitFor(t, "the scanner to sleep", func() bool { return !h.q.scanning.Load() })
	right := h.q.ring.tail.Load()
	for i := range h.q.mem.ringSize {
		h.q.ring.cell(uint64(i)).Store(^uint64(0))
	}
	h.q.ring.tail.Store(right + 1)
	h.q.ring.wakeAll()
	waitFor(t, "the ring to be mended", func() bool { return h.q.ring.tail.Load() == right })
}
