package link

import (
	"math"
	"testing"
	"time"

	"penknife/gateway"

	"golang.org/x/sys/unix"
)

const nap = 40 * time.Millisecond

func napRequest(path string) *gateway.Request {
	return newRequest("GET", path, "HTTP_X_NAP", "0.04")
}

// expectTrace compares a trace with what it must be at least; no part may be longer than the request took.
func expectTrace(t *testing.T, got gateway.Trace, want gateway.Trace, began time.Time) {
	t.Helper()
	if got.Worker != want.Worker || got.PID != want.PID {
		t.Errorf("worker %d, pid %d; want %d, %d", got.Worker, got.PID, want.Worker, want.PID)
	}
	if got.Queue < want.Queue || got.App < want.App || got.Queue+got.App > time.Since(began) {
		t.Errorf("queue %s, application %s; want at least %s, %s and at most %s together", got.Queue, got.App,
			want.Queue, want.App, time.Since(began))
	}
}

func TestTrace_SaysWhereTheTimeWent(t *testing.T) {
	h := startHarness(t, testOptions())
	pid := h.cmd.Process.Pid
	h.q.WorkerIs(0, pid)
	whole, streamed, began := napRequest("/naps"), napRequest("/naps_twice"), time.Now()
	first, err := h.q.Serve(whole, nil)
	if err != nil {
		t.Fatal(err)
	}
	// The answer is complete: so is the trace, before the front end has let go.
	expectTrace(t, whole.Trace, gateway.Trace{App: nap, Worker: 1, PID: pid}, began)
	first.Body.CloseWithError(nil)
	began = time.Now()
	if _, body, err := h.get(streamed, nil); err != nil || string(body) != "firstsecond" {
		t.Fatalf("%q, %v", body, err)
	}
	expectTrace(t, streamed.Trace, gateway.Trace{App: nap, Worker: 1, PID: pid}, began)
	next := newRequest("GET", "/fails") // the worker still naps in close()
	if _, _, err := h.get(next, nil); gateway.KindOf(err) != gateway.KindApp {
		t.Fatal(err)
	}
	expectTrace(t, next.Trace, gateway.Trace{Queue: nap / 2, Worker: 1, PID: pid}, began)
	if busy := h.q.BusyTime(0); busy < 3*nap || busy > time.Since(began)+2*nap {
		t.Errorf("busy for %s", busy)
	}
}

func TestTrace_OfAnswersThatComeLater(t *testing.T) {
	h := startHarness(t, testOptions())
	h.q.WorkerIs(0, 42)
	req, done, began := napRequest("/naps"), make(chan gateway.Trace, 1), time.Now()
	req.Later = func(resp *gateway.Response, err error) {
		if err == nil {
			resp.Body.CloseWithError(nil)
		}
		done <- req.Trace
	}
	if _, err := h.q.Serve(req, nil); err != gateway.ErrPending {
		t.Fatal(err)
	}
	expectTrace(t, <-done, gateway.Trace{App: nap, Worker: 1, PID: 42}, began)
}

func TestTrace_OfRequestsThatFail(t *testing.T) {
	o := testOptions()
	o.RequestTimeout, o.QueueTimeout = 300*time.Millisecond, 200*time.Millisecond
	h := startHarness(t, o)
	h.q.WorkerIs(0, 42)
	waitFor(t, "the worker to start", func() bool {
		_, _, err := h.get(newRequest("GET", "/hello"), nil)
		return err == nil
	})
	traces, began := make(chan *gateway.Request, 2), time.Now()
	serve := func(path string, want gateway.Kind) {
		req := newRequest("GET", path)
		go func() { // ends with the request
			if _, _, err := h.get(req, nil); gateway.KindOf(err) != want {
				t.Errorf("%s: %v", path, err)
			}
			traces <- req
		}()
	}
	serve("/hangs", gateway.KindRequestTimeout)
	waitFor(t, "the first to be claimed", func() bool { return h.q.Busy(0) == 1 })
	serve("/hello", gateway.KindQueueTimeout)
	for range 2 {
		req := <-traces
		if string(req.Target) == "/hello" {
			expectTrace(t, req.Trace, gateway.Trace{Queue: 200 * time.Millisecond}, began)
		} else {
			expectTrace(t, req.Trace, gateway.Trace{App: 300 * time.Millisecond, Worker: 1, PID: 42}, began)
		}
	}
	h.cmd.Process.Kill()
}

func TestTrace_OfARequestWhoseWorkerDied(t *testing.T) {
	h := startHarness(t, testOptions())
	h.q.WorkerIs(0, 42)
	req, ended, began := newRequest("GET", "/hangs"), make(chan error, 1), time.Now()
	go func() { // ends with the worker
		_, _, err := h.get(req, nil)
		ended <- err
	}()
	waitFor(t, "the claim", func() bool { return h.q.Busy(0) == 1 })
	h.cmd.Process.Kill()
	h.cmd.Wait()
	h.q.WorkerDied(0, "killed")
	if err := <-ended; gateway.KindOf(err) != gateway.KindWorkerDied {
		t.Fatal(err)
	}
	expectTrace(t, req.Trace, gateway.Trace{App: time.Microsecond, Worker: 1, PID: 42}, began)
}

// TestTrace_BelievesNoImpossibleStamp writes what no worker of ours writes.
func TestTrace_BelievesNoImpossibleStamp(t *testing.T) {
	q, err := New(testOptions())
	if err != nil {
		t.Fatal(err)
	}
	q.Start()
	for _, stamps := range [][2]uint64{
		{0, 0}, {math.MaxUint64, math.MaxUint64}, {math.MaxInt64, 1}, {1, math.MaxInt64}, {1 << 63, 1 << 62},
		{uint64(q.clock.now() + 1e15), uint64(q.clock.now() - 1e15)},
	} {
		for _, state := range []uint64{stateClaimed, stateDone, 77} {
			req, began := newRequestOf("/x"), time.Now()
			s, err := q.submit(req, nil)
			if err != nil {
				t.Fatal(err)
			}
			s.state.Store(stateWord(s.position, 1, state))
			s.claimedAt.Store(stamps[0])
			s.doneAt.Store(stamps[1])
			s.mu.Lock()
			s.note()
			s.mu.Unlock()
			expectTrace(t, req.Trace, gateway.Trace{Worker: 2}, began)
			q.WorkerDied(1, "the test is over")
			s.end(gateway.Errorf(gateway.KindWorkerDied, "the test is over"))
			_, _ = s.await()
		}
	}
	if err := q.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestBusyTime_GrowsNoFasterThanTime: a lane that lies moves nobody's scaling by more than its own thread.
func TestBusyTime_GrowsNoFasterThanTime(t *testing.T) {
	o := testOptions()
	o.Threads = 2
	q, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	q.Start()
	began := time.Now()
	q.WorkerStarting(1)
	busy, since := q.mem.u64(q.mem.lane(1)+lBusy), q.mem.u64(q.mem.lane(3)+lSince)
	last := time.Duration(0)
	for _, lie := range []uint64{1, math.MaxUint64, math.MaxInt64, 1 << 62, 0, 5} {
		for _, start := range []uint64{0, 1, math.MaxUint64, math.MaxInt64} {
			busy.Store(lie)
			since.Store(start)
			now := q.BusyTime(1)
			if now < last || now > 2*time.Since(began) {
				t.Errorf("busy %d, since %d: %s after %s, in %s", lie, start, now, last, time.Since(began))
			}
			last = now
		}
	}
	q.WorkerStarting(1)
	if left := q.BusyTime(1); left != 0 {
		t.Errorf("a new process has been busy for %s", left)
	}
	if err := q.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if last = q.BusyTime(1); last != 0 {
		t.Errorf("%s after the end", last)
	}
}

func TestClock_IsTheWorkers(t *testing.T) {
	c := newClock()
	before := c.now()
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	after := c.now()
	const slack = 1000 // between the two readings that were compared
	if before > ts.Nano()+slack || after < ts.Nano()-slack {
		t.Errorf("CLOCK_MONOTONIC %d is not between %d and %d", ts.Nano(), before, after)
	}
	if stamp := c.stamp(now); stamp < before || stamp > after {
		t.Errorf("%d is not between %d and %d", stamp, before, after)
	}
}

// FuzzSharedWords writes what it likes into the words of a slot and a lane that a worker owns: whoever looks gets
// something possible, and nothing panics.
func FuzzSharedWords(f *testing.F) {
	f.Add(uint64(0), uint64(0), uint64(0), uint64(0), uint64(0))
	f.Add(uint64(0x102), uint64(math.MaxUint64), uint64(1), uint64(math.MaxInt64), uint64(1<<63))
	f.Add(uint64(0xffffff02), uint64(5), uint64(4), uint64(3), uint64(2))
	f.Fuzz(func(t *testing.T, state, claimed, done, busy, since uint64) {
		o := testOptions()
		o.Slots, o.MaxVars, o.Hostile = 1, 4096, func(int, string) {}
		q, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		q.WorkerStarting(0) // who may still write to a slot that is damaged
		began, req := time.Now(), newRequestOf("/x")
		s, err := q.submit(req, nil)
		if err != nil {
			t.Fatal(err)
		}
		s.state.Store(uint64(s.position)<<32 | state&math.MaxUint32)
		s.claimedAt.Store(claimed)
		s.doneAt.Store(done)
		q.mem.u64(q.mem.lane(0) + lBusy).Store(busy)
		q.mem.u64(q.mem.lane(0) + lSince).Store(since)
		q.scanOnce(time.Now())
		all := q.Running()
		if len(all) != 1 || all[0].Age < 0 || all[0].App < 0 || all[0].App > all[0].Age || all[0].Age > time.Since(began) {
			t.Errorf("%+v", all)
		}
		if b := q.BusyTime(0); b < 0 || b > time.Since(began)+time.Second {
			t.Errorf("busy for %s", b)
		}
		_, lane, _ := splitState(s.state.Load())
		q.Interrupt(Claim{Lane: max(0, lane) % (o.Workers * o.Threads), Position: s.position})
		s.mu.Lock()
		s.note()
		s.mu.Unlock()
		if tr := req.Trace; tr.Queue < 0 || tr.App < 0 || tr.Queue+tr.App > time.Since(began) || tr.Worker < 0 || tr.Worker > o.Workers {
			t.Errorf("%+v", tr)
		}
		s.end(gateway.Errorf(gateway.KindWorkerDied, "the test is over"))
		_, _ = s.await()
		q.Start()
		if err := q.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
