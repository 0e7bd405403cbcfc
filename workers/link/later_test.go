package link

import (
	"testing"
	"time"

	"penknife/gateway"
)

// submitLater submits a request that is answered through Later, and gives where its error arrives.
func (h *harness) submitLater(path string) <-chan error {
	h.t.Helper()
	answered := make(chan error, 2)
	req := newRequest("GET", path)
	req.Later = func(resp *gateway.Response, err error) {
		if err == nil {
			resp.Body.CloseWithError(nil)
		}
		answered <- err
	}
	if resp, err := h.q.Serve(req, nil); resp != nil || err != gateway.ErrPending {
		h.t.Fatalf("%v, %v; want ErrPending", resp, err)
	}
	return answered
}

func expectKind(t *testing.T, answered <-chan error, want gateway.Kind) {
	t.Helper()
	select {
	case err := <-answered:
		if err == nil || gateway.KindOf(err) != want {
			t.Errorf("%v, want %v", err, want)
		}
	case <-time.After(5 * time.Second):
		t.Errorf("Later was not called, want %v", want)
	}
}

// The worker is done with the slot when these are found out, so the slot is freed in the same step.
func TestQueue_LaterHearsOfFailures(t *testing.T) {
	h := startHarness(t, testOptions())
	expectKind(t, h.submitLater("/fails"), gateway.KindApp)

	died := h.submitLater("/dies")
	h.cmd.Wait()
	h.q.WorkerDied(0, "exit code 7")
	expectKind(t, died, gateway.KindWorkerDied)
	if n := h.q.InFlight(); n != 0 {
		t.Errorf("%d in flight", n)
	}
}

func TestQueue_LaterHearsOfTimeLimits(t *testing.T) {
	o := testOptions()
	o.RequestTimeout, o.QueueTimeout = 200*time.Millisecond, time.Second // a busy machine may take its time to claim
	h := startHarness(t, o)
	h.awaitLane()
	hanging := h.submitLater("/hangs")
	waitFor(t, "the first to be claimed", func() bool { return h.q.Busy(0) == 1 })
	waiting := h.submitLater("/hello")
	expectKind(t, hanging, gateway.KindRequestTimeout)
	expectKind(t, waiting, gateway.KindQueueTimeout)
	h.cmd.Process.Kill()
}
