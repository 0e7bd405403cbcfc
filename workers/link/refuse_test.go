package link

import (
	"errors"
	"testing"
	"time"

	"penknife/gateway"
)

// TestRefuse_FailsWhatWaitsAndLeavesWhatRuns: a worker is busy, others wait behind it.
func TestRefuse_FailsWhatWaitsAndLeavesWhatRuns(t *testing.T) {
	o := testOptions()
	o.QueueTimeout = time.Minute
	h := startHarness(t, o)
	running := h.submitLater("/hangs")
	waitFor(t, "the first to be claimed", func() bool { return h.q.Busy(0) == 1 })
	later := h.submitLater("/hello")
	direct := make(chan error, 1)
	go func() { // ends with Refuse
		_, err := h.q.Serve(newRequestOf("/hello"), nil)
		direct <- err
	}()
	waitFor(t, "both to wait", func() bool { return h.q.InFlight() == 3 })

	refusal := gateway.PublicErrorf(gateway.KindUnavailable, "nobody is there")
	refusal.RetryAfter = time.Second
	h.q.Refuse(refusal)
	expectKind(t, later, gateway.KindUnavailable)
	expectKind(t, direct, gateway.KindUnavailable)
	if _, err := h.q.Serve(newRequestOf("/hello"), nil); !errors.Is(err, refusal) {
		t.Errorf("a request that comes later: %v", err)
	}
	if n := h.q.InFlight(); n != 1 || len(running) != 0 {
		t.Errorf("%d in flight, want the one that runs", n)
	}

	h.q.Refuse(nil)
	waiting := h.submitLater("/hello")
	if len(waiting) != 0 {
		t.Error("still refused")
	}
	h.cmd.Process.Kill()
	h.cmd.Wait()
	h.q.WorkerDied(0, "killed")
	expectKind(t, running, gateway.KindWorkerDied)
	h.q.Refuse(refusal)
	expectKind(t, waiting, gateway.KindUnavailable)
}

// TestWithdraw_FreesTheSlotOnce: what Refuse has missed is taken back by whoever submitted it.
func TestWithdraw_FreesTheSlotOnce(t *testing.T) {
	q, err := New(testOptions())
	if err != nil {
		t.Fatal(err)
	}
	q.Start()
	req := newRequestOf("/x")
	req.Later = func(*gateway.Response, error) { t.Error("Later was called") }
	s, err := q.submit(req, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !s.withdraw() || s.withdraw() {
		t.Error("it must succeed once")
	}
	if n := q.InFlight(); n != 0 {
		t.Errorf("%d in flight", n)
	}
	if err := q.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
