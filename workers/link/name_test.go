package link

import "testing"

// TestNameOf_AlsoJustAfterTheAnswer: what a worker logs about a request arrives on another way than its answer.
func TestNameOf_AlsoJustAfterTheAnswer(t *testing.T) {
	h := startHarness(t, testOptions())
	req := newRequest("GET", "/hello")
	req.RequestID = []byte("0f1e")
	if _, _, err := h.get(req, nil); err != nil {
		t.Fatal(err)
	}
	if name := h.q.NameOf(req.ID); name != "0f1e" {
		t.Errorf("%q", name)
	}
	if name := h.q.NameOf(req.ID + 1); name != "" {
		t.Errorf("%q for a request that never was", name)
	}
	if _, _, err := h.get(newRequest("GET", "/hello"), nil); err != nil { // takes the same place
		t.Fatal(err)
	}
	if name := h.q.NameOf(req.ID); name != "" {
		t.Errorf("%q, whose place was needed", name)
	}
}
