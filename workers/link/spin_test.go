package link

import "testing"

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
