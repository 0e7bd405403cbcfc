package httpfront

import (
	"context"
	"strings"
	"testing"
	"time"

	"penknife/gateway"
)

// TestShutdown_DoesNotWaitForAClientThatStays: a refused connection is kept for a while, so that its answer arrives; a
// stop must not take that long.
func TestShutdown_DoesNotWaitForAClientThatStays(t *testing.T) {
	f := startFront(t, gateway.HandlerFunc(func(*gateway.Request) (*gateway.Response, error) {
		return whole(200, "", "x"), nil
	}), options{})
	c := f.dial(t)
	c.send("GET / HTTP/1.1\r\nHost : a\r\n\r\n")
	if head := c.head(); !strings.HasPrefix(head, "HTTP/1.1 400") {
		t.Fatal(head)
	}
	ctx, cancel := context.WithTimeout(t.Context(), lingerTime)
	defer cancel()
	began := time.Now()
	if err := f.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > lingerTime/2 {
		t.Errorf("stopped after %s", took)
	}
}
