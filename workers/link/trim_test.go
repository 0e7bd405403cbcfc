package link

import (
	"sync"
	"syscall"
	"testing"
)

// memoryInUse gives the bytes that the queue's memory file takes in the kernel.
func (h *harness) memoryInUse() int64 {
	info, err := h.q.mem.file.Stat()
	if err != nil {
		h.t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Blocks * 512
}

// TestQueue_GivesMemoryBackAfterABurst: large bodies in many slots at once touch many megabytes; soon after, all but
// little of it is free again, and the slots still work.
func TestQueue_GivesMemoryBackAfterABurst(t *testing.T) {
	h := startHarness(t, testOptions())
	var burst sync.WaitGroup
	body := make([]byte, requestRing)
	for range 40 {
		burst.Go(func() { // ends with its request
			req := newRequestOf("/echo")
			if _, got, err := h.get(req, newSpool(body)); err != nil || len(got) != len(body) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
	waitFor(t, "many slots in use", func() bool { return h.memoryInUse() > 8<<20 })
	burst.Wait()
	waitFor(t, "the memory to be given back", func() bool { return h.memoryInUse() < 2<<20 })
	for range 3 {
		if _, got, err := h.get(newRequestOf("/echo"), newSpool(body)); err != nil || len(got) != len(body) {
			t.Errorf("after the trim: %d bytes, %v", len(got), err)
		}
	}
}

// TestQueue_MakesSlotsWhenTheyAreNeeded: of a long queue only what a burst needs is made, also after pages were given back,
// and what was never made is no danger to those who look at all slots or are told of one by a worker.
func TestQueue_MakesSlotsWhenTheyAreNeeded(t *testing.T) {
	options := testOptions()
	options.Slots = 10*blockSlots + 1
	h := startHarness(t, options)
	made := func() (n int) {
		for range h.q.slots.made() {
			n++
		}
		return n
	}
	if made() != 0 {
		t.Errorf("%d slots before the first request", made())
	}
	last := h.q.slots.count - 1
	h.q.handle(last)
	h.q.LoseFile(0, uint32(last), 0)
	h.q.LoseFile(0, uint32(last)+1, 0)
	body := make([]byte, requestRing)
	for range 3 {
		if _, got, err := h.get(newRequestOf("/echo"), newSpool(body)); err != nil || len(got) != len(body) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		waitFor(t, "the memory to be given back", func() bool {
			h.q.freeMu.Lock()
			defer h.q.freeMu.Unlock()
			s := h.q.slots.at(0)
			return len(h.q.free) == h.q.slots.count && !s.large
		})
	}
	if made() != blockSlots {
		t.Errorf("%d slots for one request at a time", made())
	}
	taken := make([]*slot, h.q.slots.count)
	for i := range taken {
		taken[i] = h.q.takeFree()
	}
	if made() != h.q.slots.count || taken[last].index != last || h.q.takeFree() != nil {
		t.Errorf("%d slots of %d, the last is %d", made(), h.q.slots.count, taken[last].index)
	}
	for i := range taken {
		h.q.putFree(taken[last-i])
	}
}
