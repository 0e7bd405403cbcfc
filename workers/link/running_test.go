package link

import (
	"strings"
	"testing"
	"time"

	"penknife/gateway"
)

// running finds a request in the list.
func (h *harness) running(id uint64) (Running, bool) {
	for _, r := range h.q.Running() {
		if r.ID == id {
			return r, true
		}
	}
	return Running{}, false
}

func (h *harness) awaitState(t *testing.T, id uint64, want Progress) Running {
	t.Helper()
	var last Running
	waitFor(t, want.String(), func() (found bool) {
		last, found = h.running(id)
		return found && last.State == want
	})
	return last
}

func TestRunning_SaysWhatEachRequestDoes(t *testing.T) {
	o := testOptions()
	o.RequestTimeout = time.Second
	h := startHarness(t, o)
	req := newRequest("GET", "/big")
	req.Target, req.RemoteAddr = []byte("/big?token=secret"), []byte("192.0.2.7")
	resp, err := h.q.Serve(req, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := h.awaitState(t, req.ID, Sending)
	if r.Method != "GET" || r.Path != "/big" || r.RemoteAddr != "192.0.2.7" || r.Worker != 0 || r.Thread != 0 {
		t.Errorf("%+v", r)
	}
	if r.App <= 0 || r.Age < r.App {
		t.Errorf("age %s, in the application for %s", r.Age, r.App)
	}
	hanging, waiting := newRequest("GET", "/hangs"), newRequest("GET", "/hello")
	ended := make(chan error, 2)
	for _, req := range []*gateway.Request{hanging, waiting} {
		go func() { // ends with the request
			_, _, err := h.get(req, nil)
			ended <- err
		}()
		h.awaitState(t, req.ID, Waiting)
	}
	if r, _ := h.running(waiting.ID); r.Worker != -1 || r.Thread != -1 || r.App != 0 || r.Age <= 0 {
		t.Errorf("%+v", r)
	}
	resp.Body.CloseWithError(nil)
	h.awaitState(t, hanging.ID, Working)
	h.awaitState(t, hanging.ID, Abandoned) // by its client, which got 504
	h.cmd.Process.Kill()
	h.cmd.Wait()
	h.q.WorkerDied(0, "killed")
	if err := <-ended; gateway.KindOf(err) != gateway.KindRequestTimeout {
		t.Error(err)
	}
	if _, found := h.running(hanging.ID); found {
		t.Error("the dead still works")
	}
	h.q.Refuse(gateway.Errorf(gateway.KindUnavailable, "the test is over"))
	<-ended
	if all := h.q.Running(); len(all) != 0 {
		t.Errorf("%+v", all)
	}
}

func TestProgress_Names(t *testing.T) {
	for p := Waiting; p <= Abandoned; p++ {
		if p.String() == "unknown" || p.String() == "" {
			t.Errorf("%d has no name", p)
		}
	}
	if Progress(0).String() != "unknown" || Progress(9).String() != "unknown" {
		t.Error("a progress outside the table must be unknown")
	}
}

// TestSlowRequest_IsToldOnceWhileItRuns: and not of one that is quick, nor again when the request is overdue.
func TestSlowRequest_IsToldOnceWhileItRuns(t *testing.T) {
	o := testOptions()
	o.Slow, o.RequestTimeout = 200*time.Millisecond, 700*time.Millisecond
	slow, overdue := make(chan Overdue, 8), make(chan Overdue, 8)
	o.SlowRequest = func(_ int, record Overdue) { slow <- record }
	o.Overdue = func(_ int, record Overdue) { overdue <- record }
	h := startHarness(t, o)
	if _, _, err := h.get(newRequest("GET", "/hello"), nil); err != nil {
		t.Fatal(err)
	}
	req, ended := newRequest("GET", "/hangs"), make(chan error, 1)
	req.Target = []byte("/hangs?" + strings.Repeat("x", 2000))
	go func() { // ends with the request
		_, _, err := h.get(req, nil)
		ended <- err
	}()
	record := <-slow
	if record.RequestID != req.ID || record.Age < o.Slow || record.Age > 5*time.Second || len(record.Target) != maxTargetCopy {
		t.Errorf("%+v", record)
	}
	if !h.q.Holds(record.Claim) || record.ThreadID == 0 {
		t.Error("it does not run any more, or has no thread")
	}
	if late := <-overdue; late.Claim != record.Claim || late.Age < o.RequestTimeout {
		t.Errorf("%+v", late)
	}
	<-ended
	if len(slow) > 0 {
		t.Errorf("told again: %+v", <-slow)
	}
	h.cmd.Process.Kill()
}
