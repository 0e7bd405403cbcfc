//go:build cgo

package interleave

import "unsafe"

// Mutex is sync.Mutex.
type Mutex struct {
	locked bool
	passed vector // what the last holder knew
	block  *blocker
}

func (m *Mutex) ready() bool { return !m.locked }

// Lock waits until nobody has the lock.
func (m *Mutex) Lock() {
	if m.block == nil {
		m.block = newBlocker(m.ready)
	}
	o := writing("lock", uintptr(unsafe.Pointer(m)))
	o.block = m.block
	if x := point(o); x != nil {
		x.current.known.join(&m.passed)
	}
	m.locked = true
}

// Unlock needs no turn: nobody can tell when between two operations it was.
func (m *Mutex) Unlock() {
	m.locked = false
	if x := running; x != nil && x.current != nil {
		m.passed = x.current.known
		m.passed[x.current.id]++
	}
}

// WaitGroup is sync.WaitGroup, of which only Go and Wait are used.
type WaitGroup struct {
	n      int
	passed vector
	block  *blocker
}

func (w *WaitGroup) blocker() *blocker {
	if w.block == nil {
		w.block = newBlocker(func() bool { return w.n == 0 })
	}
	return w.block
}

// Go starts a thread.
func (w *WaitGroup) Go(f func()) {
	w.n++
	Go(func() {
		f()
		x := point(writing("done", uintptr(unsafe.Pointer(w))))
		w.n--
		if x != nil {
			w.passed.join(&x.current.known)
			if w.n == 0 {
				w.blocker().enabler = len(x.events) - 1
			}
		}
	})
}

// Wait waits for all of them.
func (w *WaitGroup) Wait() {
	o := reading("wait", uintptr(unsafe.Pointer(w)))
	o.block = w.blocker()
	if x := point(o); x != nil {
		x.current.known.join(&w.passed)
	}
}

// Go is the go statement.
func Go(f func()) {
	if x := running; x != nil && (x.current == nil || !x.current.unwinding) {
		x.Go("go", f)
	}
}
