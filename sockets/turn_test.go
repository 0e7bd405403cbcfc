package sockets

import (
	"context"
	"net"
	"path/filepath"
	"sync"
	"testing"
)

// TestManyStartsOnOneStaleSocket: of several that start at once where a dead process has left its socket, exactly one
// has it in the end, and clients reach that one.
func TestManyStartsOnOneStaleSocket(t *testing.T) {
	for range 100 {
		path := filepath.Join(t.TempDir(), "s")
		dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		dead.SetUnlinkOnClose(false)
		dead.Close()
		var group sync.WaitGroup
		winners := make([]*Listener, 8)
		for i := range winners {
			group.Go(func() { winners[i], _ = Listen(context.Background(), Addr{"unix", path}, keep) })
		}
		group.Wait()
		won := 0
		for _, l := range winners {
			if l != nil {
				won++
				l.Close()
			}
		}
		if won != 1 {
			t.Fatalf("%d have the socket", won)
		}
	}
}
