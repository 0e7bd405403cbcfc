//go:build !race

package httpfront

import "testing"

// TestKeepAliveGetDoesNotAllocate: what a connection costs once is spread over its requests.
func TestKeepAliveGetDoesNotAllocate(t *testing.T) {
	f := startFront(t, hello(), options{})
	f.Server.observer = nil // the recorder allocates
	for name, request := range map[string]string{"small": get + "\r\n", "browser": browserRequest} {
		const requests = 2000
		serveLoop(t, f.Server, request, requests)
		perConnection := testing.AllocsPerRun(5, func() { serveLoop(t, f.Server, request, requests) })
		// A connection's own memory and texts; one allocation per request would be 2000.
		if perConnection > 100 {
			t.Errorf("%s: %v allocations for %d requests", name, perConnection, requests)
		}
	}
}
