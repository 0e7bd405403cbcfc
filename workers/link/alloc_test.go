//go:build !race

package link

import (
	"testing"

	"penknife/gateway"
)

// TestQueue_HotPathAllocatesNothing: a request through the queue to a real worker and back, whatever it asks and
// whichever way its answer comes.
func TestQueue_HotPathAllocatesNothing(t *testing.T) {
	h := startHarness(t, testOptions())
	req := newRequest("GET", "/hello", browserVars...)
	answered := make(chan error, 1)
	later := func(resp *gateway.Response, err error) {
		if err == nil {
			resp.Body.CloseWithError(nil)
		}
		answered <- err
	}
	for name, serve := range map[string]func() error{
		"waiting": func() error {
			req.Later = nil
			resp, err := h.q.Serve(req, nil)
			if err == nil {
				resp.Body.CloseWithError(nil)
			}
			return err
		},
		"later": func() error {
			req.Later = later
			if _, err := h.q.Serve(req, nil); err != gateway.ErrPending {
				return err
			}
			return <-answered
		},
	} {
		for range 2 * testOptions().Slots { // each slot has its buffers
			if err := serve(); err != nil {
				t.Fatal(name, err)
			}
		}
		if n := testing.AllocsPerRun(500, func() {
			if err := serve(); err != nil {
				t.Fatal(name, err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
