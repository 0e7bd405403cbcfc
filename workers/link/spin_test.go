package link

import (
	"fmt"
	"testing"
	"time"

	"penknife/gateway"
	"penknife/internal/testkit"
)

// TestSpinner_TriesWhatPays: failures end the trust, and then a try is rare but comes.
func TestSpinner_TriesWhatPays(t *testing.T) {
	var p spinner
	for range spinLimit {
		p.learn(true)
	}
	failures := 0
	for p.trust.Load() > 0 {
		p.learn(false)
		failures++
	}
	if failures > spinLimit/spinTrust {
		t.Errorf("%d failures until it stops, want at most %d", failures, spinLimit/spinTrust)
	}
	tries := 0
	for range 10 * spinLimit {
		if p.worthIt() {
			tries++
		}
	}
	if tries != 10 {
		t.Errorf("%d tries without trust in %d requests, want 10", tries, 10*spinLimit)
	}
	p.learn(true)
	if !p.worthIt() {
		t.Error("a success does not bring it back")
	}
}

// TestQueue_SpinningHandsTheReaderItsPlaceBack: one request at a time, some quick and some slow, all answered.
func TestQueue_SpinningHandsTheReaderItsPlaceBack(t *testing.T) {
	h := startHarness(t, testOptions())
	for n := range 400 {
		path := "/hello"
		if n%7 == 0 {
			path = "/busy_echo"
		}
		if _, _, err := h.get(newRequestOf(path), newSpool([]byte("x"))); err != nil {
			t.Fatal(err)
		}
	}
}

// TestQueue_LanesWaitForALoneClient: a lane whose requests come one at a time looks for the next before it sleeps, so that
// most find it awake.
func TestQueue_LanesWaitForALoneClient(t *testing.T) {
	o := testOptions()
	o.Threads = 1
	h := startHarness(t, o)
	const requests = 500
	inARow := 0 // rounds without sleep: on a busy machine a single one may come of the lane's processor being taken
	testkit.Eventually(t, 20*time.Second, func() error {
		before := testkit.Sleeps(h.cmd.Process.Pid)
		for range requests {
			if _, _, err := h.get(newRequestOf("/hello"), nil); err != nil {
				t.Fatal(err)
			}
			for answered := time.Now(); time.Since(answered) < 50*time.Microsecond; {
				// the client's time until it asks again, on its own processor
			}
		}
		if slept := testkit.Sleeps(h.cmd.Process.Pid) - before; slept > requests/10 {
			inARow = 0
			return fmt.Errorf("it slept %d times in %d requests", slept, requests)
		}
		if inARow++; inARow < 3 {
			return fmt.Errorf("%d rounds in a row without sleep", inARow)
		}
		return nil
	})
}

// TestSlot_TellsWhetherItIsAlone: the hint by which lanes are patient is of the request, and of what was in flight lately.
func TestSlot_TellsWhetherItIsAlone(t *testing.T) {
	q, err := New(testOptions())
	if err != nil {
		t.Fatal(err)
	}
	q.Start()
	submit := func(want uint32) *slot {
		t.Helper()
		s, err := q.submit(newRequestOf("/x"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.aloneWord.Load(); got != want {
			t.Errorf("alone is %d, want %d", got, want)
		}
		return s
	}
	both := []*slot{submit(1), submit(0)}
	q.Refuse(gateway.Errorf(gateway.KindUnavailable, "the end"))
	for _, s := range both {
		if _, err := s.await(); err == nil {
			t.Error("answered")
		}
	}
	if err := q.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
