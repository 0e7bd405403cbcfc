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
