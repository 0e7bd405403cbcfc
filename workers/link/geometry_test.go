package link

import (
	"encoding/binary"
	"testing"
)

// TestQueue_WorkersTakeTheGeometryFromGo: a process that starts while the header page is written over works all the same: it never
// reads there how large the parts are.
func TestQueue_WorkersTakeTheGeometryFromGo(t *testing.T) {
	q, err := New(testOptions())
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []uint64{0, 1, 64, 1 << 40, ^uint64(0)} {
		for i := range q.mem.header { // nobody mends it: the queue was not started
			q.mem.u64(i * 8).Store(value)
		}
		h := &harness{t: t, q: q}
		h.startWorker(0, 1)
		h.awaitLane()
		h.cmd.Process.Kill()
		h.cmd.Wait()
		q.WorkerDied(0, "killed")
		h.control.Close()
	}
	if !q.Mend() {
		t.Error("nothing was to be mended")
	}
	q.Start()
	h := &harness{t: t, q: q}
	h.startWorker(0, 1)
	t.Cleanup(h.stop)
	if _, body, err := h.get(newRequestOf("/hello"), nil); err != nil || string(body) != "hello world" {
		t.Errorf("%q, %v", body, err)
	}
}

// TestQueue_Geometry is what stands in the header page of a queue that nobody has written over.
func TestQueue_Geometry(t *testing.T) {
	q, err := New(testOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer q.Shutdown(t.Context())
	geometry := q.Geometry()
	if len(geometry) != hGoAsleep || string(geometry) != string(q.mem.data[:hGoAsleep]) {
		t.Errorf("%d bytes, or others", len(geometry))
	}
	if total := binary.LittleEndian.Uint64(geometry[hTotal:]); total != uint64(len(q.mem.data)) {
		t.Errorf("%d bytes in all", total)
	}
}
