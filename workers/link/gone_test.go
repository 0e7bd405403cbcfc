package link

import (
	"context"
	"sync/atomic"
	"testing"

	"penknife/gateway"
)

// someClient is a client that stays until it is told to leave, and counts who asks.
type someClient struct {
	gone  atomic.Bool
	asked atomic.Int64
}

func (c *someClient) Gone() bool { c.asked.Add(1); return c.gone.Load() }

// TestQueue_WhoLeavesIsNotServed: a request that still waits is taken back when its client has left; others stay.
func TestQueue_WhoLeavesIsNotServed(t *testing.T) {
	q, err := New(testOptions())
	if err != nil {
		t.Fatal(err)
	}
	q.Start()
	defer q.Shutdown(context.Background())
	for _, later := range []bool{false, true} {
		var leaves, stays someClient
		ended := make(chan error, 2)
		serve := func(client gateway.Client) {
			r := newRequest("GET", "/hello")
			r.Client = client
			if later {
				r.Later = func(_ *gateway.Response, err error) { ended <- err }
				if _, err := q.Serve(r, nil); err != gateway.ErrPending {
					t.Error(err)
				}
				return
			}
			go func() { // ends with the request
				_, err := q.Serve(r, nil)
				ended <- err
			}()
		}
		serve(&stays)
		serve(&leaves)
		waitFor(t, "both were asked", func() bool { return stays.asked.Load() > 0 && leaves.asked.Load() > 0 })
		leaves.gone.Store(true)
		if err := <-ended; gateway.KindOf(err) != gateway.KindClientGone {
			t.Errorf("who has left: %v", err)
		}
		waitFor(t, "the place is free", func() bool { return q.InFlight() == 1 })
		asked := stays.asked.Load()
		waitFor(t, "the other is asked again", func() bool { return stays.asked.Load() > asked+1 })
		if q.InFlight() != 1 || leaves.asked.Load() > 1000 {
			t.Error("the other was taken back too")
		}
		stays.gone.Store(true)
		<-ended
	}
}
