package link

import (
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"penknife/gateway"
)

const interruptSignal = syscall.Signal(61) // the one in workerScript

// claimOf finds what a request's worker holds.
func (h *harness) claimOf(id uint64) (Claim, bool) {
	for s := range h.q.slots.made() {
		s.mu.Lock()
		_, lane, state := splitState(s.state.Load())
		c := Claim{Lane: lane, Slot: s.index, Position: s.position}
		found := s.step != stepIdle && s.id == id && state == stateClaimed
		s.mu.Unlock()
		if found {
			return c, true
		}
	}
	return Claim{}, false
}

// interrupt ends a request as the supervisor does.
func (h *harness) interrupt(c Claim) bool {
	held := h.q.Interrupt(c)
	if held {
		_ = h.cmd.Process.Signal(interruptSignal)
	}
	return held
}

// TestInterrupt_EndsWhateverTheMainThreadWaitsFor: time.sleep and the others are calls that only the main thread
// leaves for a signal.
func TestInterrupt_EndsWhateverTheMainThreadWaitsFor(t *testing.T) {
	h := startHarness(t, testOptions())
	for _, way := range []string{"sleep", "loop", "lock", "recv", "join"} {
		h.interruptOne(t, way)
	}
}

// TestInterrupt_EndsALoopInAnyThread: four at once, so that each thread has one.
func TestInterrupt_EndsALoopInAnyThread(t *testing.T) {
	o := testOptions()
	o.Threads = 4
	h := startHarness(t, o)
	var all sync.WaitGroup
	for range 4 {
		req := newRequest("GET", "/waits", "HTTP_X_WAY", "loop")
		all.Go(func() { h.interruptThis(t, req) }) // ends with the request
	}
	all.Wait()
}

func (h *harness) interruptOne(t *testing.T, way string) {
	h.interruptThis(t, newRequest("GET", "/waits", "HTTP_X_WAY", way))
}

func (h *harness) interruptThis(t *testing.T, req *gateway.Request) {
	t.Helper()
	done := make(chan error, 1)
	go func() { // ends with the request
		_, body, err := h.get(req, nil)
		if err == nil && string(body) != "hello world" {
			err = fmt.Errorf("body %q", body)
		}
		done <- err
	}()
	var claim Claim
	waitFor(t, "the claim", func() (found bool) { claim, found = h.claimOf(req.ID); return found })
	// More than once: the signal may come just before the call that it shall end.
	waitFor(t, "the end", func() bool { return !h.interrupt(claim) })
	if err := <-done; err != nil {
		t.Errorf("%s: %v", req.Vars, err)
	}
	if h.q.Holds(claim) {
		t.Error("the claim is still held")
	}
}

// TestInterrupt_DoesNotStayPending: the exception was ordered while the thread waited for its client in our code, and
// the request ended without a bytecode that could raise it. The next one on that thread must not.
func TestInterrupt_DoesNotStayPending(t *testing.T) {
	o := testOptions()
	o.Threads = 3
	h := startHarness(t, o)
	for range 15 {
		var held [2]*gateway.Response // on two of the threads
		for i := range held {
			req := newRequest("GET", "/big")
			resp, err := h.q.Serve(req, nil)
			if err != nil {
				t.Fatal(err)
			}
			held[i] = resp
			claim, ok := h.claimOf(req.ID)
			if !ok || !h.q.Interrupt(claim) {
				t.Fatal("the worker has given everything to a client that reads nothing")
			}
		}
		h.interruptOne(t, "loop") // on the third; when that has worked, the orders before it were looked at as well
		for _, resp := range held {
			if n, err := io.Copy(io.Discard, resp.Body); err != nil && n == 480_000 {
				t.Errorf("%d bytes, %v", n, err)
			}
			resp.Body.CloseWithError(nil)
		}
		h.expectUnharmed(t)
	}
}

// TestInterrupt_LeavesOurOwnWorkAlone: the log of a request that failed just before its time was over.
func TestInterrupt_LeavesOurOwnWorkAlone(t *testing.T) {
	h := startHarness(t, testOptions())
	req, done := newRequest("GET", "/fails_slowly"), make(chan error, 1)
	go func() { // ends with the request
		_, _, err := h.get(req, nil)
		done <- err
	}()
	var claim Claim
	waitFor(t, "the claim", func() (found bool) { claim, found = h.claimOf(req.ID); return found })
	waitFor(t, "the end", func() bool {
		if running := h.q.Running(); len(running) == 1 && running[0].App > 40*time.Millisecond {
			return !h.interrupt(claim)
		}
		return !h.q.Holds(claim)
	})
	if err := <-done; gateway.KindOf(err) != gateway.KindApp {
		t.Error(err)
	}
	h.expectUnharmed(t)
}

// expectUnharmed asks each thread once or more whether something hit what it should not.
func (h *harness) expectUnharmed(t *testing.T) {
	t.Helper()
	for range 8 {
		if _, body, err := h.get(newRequest("GET", "/stray"), nil); err != nil || string(body) != "[]" {
			t.Fatalf("%s, %v", body, err)
		}
	}
}

// TestInterrupt_HitsNoOtherRequest interrupts requests that are about to end, many times: those that nobody wanted to
// end, and close(), never notice.
func TestInterrupt_HitsNoOtherRequest(t *testing.T) {
	for _, threads := range []int{1, 4} {
		t.Run(fmt.Sprint(threads), func(t *testing.T) {
			o := testOptions()
			o.Threads = threads
			h := startHarness(t, o)
			if _, _, err := h.get(newRequest("GET", "/hello"), nil); err != nil { // its signal handler is there
				t.Fatal(err)
			}
			r := &raceForTheEnd{h: h}
			r.run(t, 1000, threads)
			t.Logf("%d interrupted, %d too late, %d left alone", r.hit.Load(), r.late.Load(), r.alone.Load())
			if r.hit.Load() == 0 || r.late.Load() == 0 || r.alone.Load() == 0 {
				t.Error("the race did not take place")
			}
			h.expectUnharmed(t) // in close()
		})
	}
}

type raceForTheEnd struct {
	h                *harness
	hit, late, alone atomic.Int64
}

func (r *raceForTheEnd) run(t *testing.T, total, threads int) {
	var clients sync.WaitGroup
	var next atomic.Int64
	for range threads + 1 {
		clients.Go(func() { // ends after total requests
			for n := next.Add(1); n <= int64(total); n = next.Add(1) {
				r.one(t, fmt.Sprint(n))
			}
		})
	}
	clients.Wait()
}

// one sends a request and, of every other one, aims at it some time later: at most about as long as it takes.
func (r *raceForTheEnd) one(t *testing.T, text string) {
	req := newRequestOf("/spins")
	req.Vars = appendVar(req.Vars, "HTTP_X_ID", text)
	s, err := r.h.q.submit(req, nil)
	if err != nil {
		t.Error(err)
		return
	}
	position := s.position
	aimed := rand.IntN(2) == 0
	if aimed {
		<-time.After(time.Duration(rand.IntN(4000)) * time.Microsecond) // any moment will do
		_, lane, _ := splitState(s.state.Load())
		aimed = lane >= 0 && r.h.q.Interrupt(Claim{Lane: lane, Slot: s.index, Position: position})
		if aimed && rand.IntN(2) == 0 { // as if the signal had been held up
			<-time.After(time.Duration(rand.IntN(2000)) * time.Microsecond)
		}
		_ = r.h.cmd.Process.Signal(interruptSignal)
	}
	var body []byte
	resp, err := s.await()
	if err == nil {
		body, err = io.ReadAll(resp.Body)
		resp.Body.CloseWithError(nil)
	}
	switch {
	case err != nil && !aimed:
		t.Errorf("request %s was not to be interrupted: %v", text, err)
	case err != nil:
		r.hit.Add(1)
	case string(body) != text:
		t.Errorf("request %s got %q", text, body)
	case aimed:
		r.late.Add(1)
	default:
		r.alone.Add(1)
	}
}
