//go:build !race

package uwsgifront

import (
	"testing"

	"golang.org/x/sys/unix"

	"penknife/gateway"
)

// TestFastPathAllocatesNothing pins the promise of the package comment: from the accepted descriptor to its close.
func TestFastPathAllocatesNothing(t *testing.T) {
	answer := onePiece()
	a := pairServer(t, gateway.HandlerFunc(func(r *gateway.Request) (*gateway.Response, error) {
		r.Later(answer, nil)
		return nil, gateway.ErrPending
	}))
	send := []byte(nginxLike())
	block := make([]byte, 4096)
	const runs = 200
	peers, served := make([]int, runs+1), make([]int, runs+1)
	for i := range peers {
		peers[i], served[i] = pair(t)
		if _, err := unix.Write(peers[i], send); err != nil {
			t.Fatal(err)
		}
	}
	next := 0
	allocs := testing.AllocsPerRun(runs, func() {
		a.take(served[next])
		next++
	})
	for _, peer := range peers {
		if n, err := unix.Read(peer, block); n == 0 || err != nil {
			t.Fatal(n, err)
		}
		unix.Close(peer)
	}
	if allocs != 0 || a.srv.slow.Load() != 0 {
		t.Errorf("%v allocations, %d slow", allocs, a.srv.slow.Load())
	}
}
