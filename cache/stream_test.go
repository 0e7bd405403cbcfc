package cache

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"penknife/gateway"
	"penknife/internal/testkit"
)

// endless is a body that gives a byte each second.
type endless struct {
	clock  *clock
	read   atomic.Int64
	closed atomic.Bool
}

func (e *endless) Read(p []byte) (int, error) {
	e.clock.advance(time.Second)
	e.read.Add(1)
	p[0] = 'x'
	return 1, nil
}

func (e *endless) CloseWithError(error) { e.closed.Store(true) }

// A body without an end does not keep its worker when its client has gone.
func TestStream_WithoutEndIsGivenUpAfterTheClient(t *testing.T) {
	b := newBench(t, defaults(), nil)
	body := &endless{clock: b.clock}
	b.deps.Next = gateway.HandlerFunc(func(*gateway.Request) (*gateway.Response, error) {
		return &gateway.Response{Status: 200, Fields: []byte(fresh + "\r\n"), Length: -1, Body: body}, nil
	})
	resp, err := b.Serve(b.request("GET /"))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := resp.Body.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	resp.Body.CloseWithError(gateway.Errorf(gateway.KindClientGone, "gone"))
	before := body.read.Load()
	testkit.Eventually(t, 5*time.Second, func() error {
		if !body.closed.Load() {
			return fmt.Errorf("the application's body is still open")
		}
		return nil
	})
	if n := body.read.Load() - before; n > 32 || b.Stats().Items != 0 {
		t.Errorf("%d s were read for nobody, %d entries", n, b.Stats().Items)
	}
}

// Streams of events are each client's own: nobody waits for one, and none is stored, whatever a rule says.
func TestStream_Events(t *testing.T) {
	b := newBench(t, withTTL(nil), func(int, map[string]string) reply {
		return reply{fields: "Content-Type: Text/Event-Stream; charset=utf-8", parts: []string{"data: 1\n\n"}}
	})
	b.do(t, "GET /")
	b.expect(t, b.do(t, "GET /"), "fwd=uri-miss; detail=events", 2)
	if n := b.tally.of(Passed); n != 1 {
		t.Errorf("%d requests did not wait, want 1", n)
	}
}
