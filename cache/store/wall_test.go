package store

import (
	"net"
	"sync"
	"testing"

	"penknife/internal/testkit"
)

// wall is a TCP proxy that can be closed (connections are cut and refused) and frozen (nothing passes any more).
type wall struct {
	address, target string

	mu     sync.Mutex
	listen net.Listener
	conns  []net.Conn
	frozen bool
	pumps  sync.WaitGroup
}

func startWall(t testing.TB, target string) *wall {
	t.Helper()
	w := &wall{address: testkit.FreeAddress(t), target: target}
	w.open(t)
	t.Cleanup(func() {
		w.close()
		w.pumps.Wait()
	})
	return w
}

func (w *wall) open(t testing.TB) {
	t.Helper()
	listener, err := net.Listen("tcp", w.address)
	if err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	w.listen = listener
	w.mu.Unlock()
	w.pumps.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			w.join(conn)
		}
	})
}

func (w *wall) join(conn net.Conn) {
	other, err := net.Dial("tcp", w.target)
	if err != nil {
		_ = conn.Close()
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns = append(w.conns, conn, other)
	w.pumps.Go(func() { w.pump(conn, other) })
	w.pumps.Go(func() { w.pump(other, conn) })
}

func (w *wall) pump(from, to net.Conn) {
	defer func() { _, _ = from.Close(), to.Close() }()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		w.mu.Lock()
		frozen := w.frozen
		w.mu.Unlock()
		if err != nil {
			return
		}
		if frozen {
			continue
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (w *wall) freeze() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.frozen = true
}

func (w *wall) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.listen.Close()
	for _, conn := range w.conns {
		_ = conn.Close()
	}
	w.conns = nil
}
