package testkit

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Gate is a FIFO at which an application waits by reading one byte, until the test lets it pass. It stands for a
// pause of any length without a clock.
type Gate struct {
	// Path is what the application opens for reading.
	Path string
	fifo *os.File
}

// NewGate makes a closed gate in a directory of its own. It stays open for passing until the test ends.
func NewGate(t testing.TB) *Gate {
	t.Helper()
	path := filepath.Join(Dir(t), "gate")
	if err := syscall.Mkfifo(path, 0o666); err != nil {
		t.Fatal(err)
	}
	// Open for both directions: neither side's open blocks, and no reader ever sees an end.
	fifo, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = fifo.Close() })
	return &Gate{Path: path, fifo: fifo}
}

// Pass lets n waiting (or coming) readers go on.
func (g *Gate) Pass(t testing.TB, n int) {
	t.Helper()
	if _, err := g.fifo.Write(make([]byte, n)); err != nil {
		t.Fatal(err)
	}
}
