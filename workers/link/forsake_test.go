package link

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"penknife/gateway"
)

// TestQueue_ForsakenWorkerKeepsNobodyWaiting: what a process holds that was killed and does not go is over for its clients, and
// nobody who drains waits for it. Its places stay taken until it is gone: the kernel may still write there.
func TestQueue_ForsakenWorkerKeepsNobodyWaiting(t *testing.T) {
	h := startHarness(t, testOptions())
	var failure error
	var asking sync.WaitGroup
	asking.Go(func() { _, _, failure = h.get(newRequestOf("/hangs"), nil) }) // ends with Forsake
	waitFor(t, "a busy lane", func() bool { return h.q.Busy(0) == 1 })
	impatient, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := h.q.Drain(impatient); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("drained while a request runs: %v", err)
	}
	drained := make(chan error, 1)
	asking.Go(func() { drained <- h.q.Drain(t.Context()) }) // ends with Forsake
	if lost := h.q.Forsake(0, "it was killed and does not exit"); lost != 1 {
		t.Errorf("%d requests were lost", lost)
	}
	asking.Wait()
	if gateway.KindOf(failure) != gateway.KindWorkerDied || <-drained != nil {
		t.Errorf("its request: %v", failure)
	}
	if err := h.q.Drain(t.Context()); err != nil || h.q.InFlight() != 1 {
		t.Errorf("%d places are taken, drained: %v", h.q.InFlight(), err)
	}
	if lost := h.q.Forsake(0, "again"); lost != 0 {
		t.Errorf("%d requests were lost twice", lost)
	}
	h.cmd.Process.Kill()
	h.cmd.Wait()
	if lost := h.q.WorkerDied(0, "signal: killed"); lost != 0 || h.q.InFlight() != 0 {
		t.Errorf("%d were lost by its end, %d places are taken", lost, h.q.InFlight())
	}
	h.startWorker(0, 1)
	if _, _, err := h.get(newRequestOf("/hello"), nil); err != nil {
		t.Error(err)
	}
	impatient, cancel = context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := h.q.Drain(impatient); err != nil || h.q.forsaken != 0 {
		t.Errorf("%d are still forsaken: %v", h.q.forsaken, err)
	}
}
