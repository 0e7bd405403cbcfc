package httpfront

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"penknife/configs"
	"penknife/internal/testkit"
	"penknife/streams"
)

// TestBytesThatWereThereInTime: a process that was stopped (SIGSTOP, a machine that slept) finds its time limits over and the bytes
// that came meanwhile. They count; after them the client is too slow.
func TestBytesThatWereThereInTime(t *testing.T) {
	f := startFront(t, echo, options{limits: configs.Limits{HeaderTime: time.Hour, IdleTime: time.Hour}})
	under, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln, err := streams.Listen(under)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	far, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	near, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	c := newConn(f.Server, near)
	longOver := time.Now().Add(-time.Minute)
	block := make([]byte, 3)
	for _, polled := range []bool{false, true} { // before the socket is in the poller, and after
		io.WriteString(far, "abcde")
		testkit.AwaitInput(t, c.socket, 5)
		for _, want := range []string{"abc", "de"} {
			if n, err := c.readSocket(block, longOver); string(block[:n]) != want || err != nil {
				t.Errorf("polled %v: %q, %v", polled, block[:n], err)
			}
		}
		if n, err := c.readSocket(block, longOver); n != 0 || !errors.Is(err, errTooSlow) {
			t.Errorf("polled %v: %q, %v", polled, block[:n], err)
		}
		if n, err := c.readSocket(block, time.Now().Add(time.Millisecond)); n != 0 || !errors.Is(err, errTooSlow) {
			t.Errorf("polled %v, a little later: %q, %v", polled, block[:n], err)
		}
	}
}
