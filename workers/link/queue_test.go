package link

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"penknife/gateway"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestQueue_AnswersWithHeadAndBody(t *testing.T) {
	h := startHarness(t, testOptions())
	resp, body, err := h.get(newRequest("GET", "/hello"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.Status != 200 || string(resp.Fields) != "Content-Type: text/plain\r\n" || resp.Length != 11 {
		t.Errorf("head: %d %q, length %d", resp.Status, resp.Fields, resp.Length)
	}
	if string(body) != "hello world" {
		t.Errorf("body: %q", body)
	}
}

func TestQueue_PassesBodiesLargerThanTheWindowBothWays(t *testing.T) {
	h := startHarness(t, testOptions())
	for _, size := range []int{0, 1, requestRing - 1, requestRing, requestRing + 1, 5*requestRing + 77} {
		for _, path := range []string{"/echo", "/pump"} {
			want := bytes.Repeat([]byte("0123456789abcdefghi"), size/19+1)[:size]
			spool := newSpool(want)
			_, got, err := h.get(newRequest("POST", path), spool)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s of %d bytes: got %d, %v", path, size, len(got), err)
			}
			if h.q.InFlight() == 0 && spool.released != 1 {
				t.Errorf("%s of %d bytes: spool released %d times", path, size, spool.released)
			}
		}
	}
}

func TestQueue_StreamsInOrder(t *testing.T) {
	h := startHarness(t, testOptions())
	_, body, err := h.get(newRequest("GET", "/stream", "HTTP_X_BLOCKS", "2000"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	for n := range 2000 {
		want.WriteString(strings.Repeat(fmt.Sprintf("%06d", n), 100))
	}
	if !bytes.Equal(body, want.Bytes()) {
		t.Errorf("%d bytes, want %d, or out of order", len(body), want.Len())
	}
}

func TestQueue_ErrorsHaveTheirKinds(t *testing.T) {
	h := startHarness(t, testOptions())
	for path, want := range map[string]gateway.Kind{
		"/fails": gateway.KindApp, "/cut": gateway.KindAppCut, "/short": gateway.KindAppCut,
	} {
		_, _, err := h.get(newRequest("GET", path), nil)
		if err == nil || gateway.KindOf(err) != want {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
	if _, _, err := h.get(newRequest("GET", "/"+strings.Repeat("x", 1000), "HTTP_X", strings.Repeat("y", 65000)), nil); gateway.KindOf(err) != gateway.KindHeadTooLarge {
		t.Errorf("large var block: %v", err)
	}
}

func TestQueue_DeadWorkerFailsItsRequestAndTheNextIsServed(t *testing.T) {
	h := startHarness(t, testOptions())
	failed := make(chan error, 1)
	go func() { // ends with the request
		_, _, err := h.get(newRequest("GET", "/dies"), nil)
		failed <- err
	}()
	h.cmd.Wait()
	if lost := h.q.WorkerDied(0, "exit code 7"); lost != 1 {
		t.Errorf("lost %d requests, want 1", lost)
	}
	if err := <-failed; gateway.KindOf(err) != gateway.KindWorkerDied || !strings.Contains(err.Error(), "exit code 7") {
		t.Errorf("error: %v", err)
	}
	h.startWorker(0, 1)
	if _, body, err := h.get(newRequest("GET", "/hello"), nil); err != nil || string(body) != "hello world" {
		t.Errorf("after the replacement: %q, %v", body, err)
	}
}

func TestQueue_TimeLimits(t *testing.T) {
	o := testOptions()
	o.RequestTimeout, o.QueueTimeout = 200*time.Millisecond, 300*time.Millisecond
	overdue := make(chan Overdue, 1)
	o.Overdue = func(_ int, record Overdue) { overdue <- record }
	h := startHarness(t, o)
	h.awaitLane()
	_, _, err := h.get(newRequest("GET", "/hangs"), nil)
	if gateway.KindOf(err) != gateway.KindRequestTimeout {
		t.Fatalf("hanging request: %v", err)
	}
	if record := <-overdue; record.Target != "/hangs" || record.Age < o.RequestTimeout {
		t.Errorf("record: %+v", record)
	}
	if h.q.InFlight() != 1 {
		t.Errorf("%d in flight: the slot must stay the worker's", h.q.InFlight())
	}
	if _, _, err := h.get(newRequest("GET", "/hello"), nil); gateway.KindOf(err) != gateway.KindQueueTimeout {
		t.Errorf("request behind it: %v", err)
	}
	h.cmd.Process.Kill()
}

func TestQueue_FullQueueRefuses(t *testing.T) {
	o := testOptions()
	o.Slots, o.RequestTimeout = 2, 0
	h := startHarness(t, o)
	var done sync.WaitGroup
	for range 2 {
		done.Go(func() { h.get(newRequestOf("/hangs"), nil) }) // ends when the worker is reported dead
	}
	waitFor(t, "two requests in flight", func() bool { return h.q.InFlight() == 2 })
	if _, _, err := h.get(newRequestOf("/hello"), nil); gateway.KindOf(err) != gateway.KindOverloaded {
		t.Errorf("third request: %v", err)
	}
	waitFor(t, "one running", func() bool { return h.q.Busy(0) == 1 })
	h.cmd.Process.Kill()
	h.cmd.Wait()
	h.q.WorkerDied(0, "killed")
	waitFor(t, "the first to be over", func() bool { return h.q.InFlight() == 1 }) // its slot still names worker 0
	h.startWorker(0, 1)
	waitFor(t, "the second to be claimed", func() bool { return h.q.Busy(0) == 1 })
	h.cmd.Process.Kill()
	h.cmd.Wait()
	h.q.WorkerDied(0, "killed")
	done.Wait()
}

func newRequestOf(path string) *gateway.Request {
	return &gateway.Request{ID: 1, Vars: appendVar(appendVar(nil, "REQUEST_METHOD", "GET"), "PATH_INFO", path)}
}

// waitFor polls a state; the ticker only paces it.
func waitFor(t testing.TB, what string, ready func() bool) {
	t.Helper()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(5 * time.Second)
	for !ready() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("timed out: waiting for %s", what)
		}
	}
}

func TestQueue_LaterAnswersOnce(t *testing.T) {
	h := startHarness(t, testOptions())
	type answer struct {
		body string
		err  error
	}
	answers := make(chan answer, 1)
	req := newRequest("GET", "/hello")
	req.Later = func(resp *gateway.Response, err error) {
		if err != nil {
			answers <- answer{err: err}
			return
		}
		answers <- answer{body: string(resp.Whole)}
		resp.Body.CloseWithError(nil)
	}
	if resp, err := h.q.Serve(req, nil); resp != nil || err != gateway.ErrPending {
		t.Fatalf("%v, %v; want ErrPending", resp, err)
	}
	if a := <-answers; a.err != nil || a.body != "hello world" {
		t.Errorf("%+v", a)
	}
}

func TestQueue_ClientThatLeavesFreesTheWorker(t *testing.T) {
	h := startHarness(t, testOptions())
	resp, err := h.q.Serve(newRequest("GET", "/stream", "HTTP_X_BLOCKS", "1000000"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(resp.Body, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	resp.Body.CloseWithError(io.ErrClosedPipe)
	if err := h.q.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, body, err := h.get(newRequest("GET", "/hello"), nil); err != nil || string(body) != "hello world" {
		t.Errorf("next request: %q, %v", body, err)
	}
}

func BenchmarkQueue_Hello32(b *testing.B) {
	h := startHarness(b, testOptions())
	vars := newRequestOf("/hello").Vars
	b.SetParallelism(16)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		req := &gateway.Request{ID: 1, Vars: vars}
		for pb.Next() {
			resp, err := h.q.Serve(req, nil)
			if err != nil {
				b.Error(err)
				return
			}
			resp.Body.CloseWithError(nil)
		}
	})
}

func BenchmarkQueue_HelloOne(b *testing.B) {
	h := startHarness(b, testOptions())
	req := newRequestOf("/hello")
	b.ReportAllocs()
	for b.Loop() {
		resp, err := h.q.Serve(req, nil)
		if err != nil {
			b.Fatal(err)
		}
		resp.Body.CloseWithError(nil)
	}
}
