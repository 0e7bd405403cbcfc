package testkit

import (
	"bytes"
	"strings"
	"sync"
)

// Buffer collects what goroutines write, a log or a process's output, while tests read it. The zero value is empty and ready.
type Buffer struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

// Write implements io.Writer. It never fails.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// String gives everything that was written so far.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// Lines gives the same without line breaks; of nothing it is one empty line.
func (b *Buffer) Lines() []string { return strings.Split(strings.TrimSpace(b.String()), "\n") }

// Count tells how often a text was written.
func (b *Buffer) Count(text string) int { return strings.Count(b.String(), text) }
