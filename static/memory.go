package static

import (
	"sync"
	"sync/atomic"
)

// entryCost is what a held file takes besides its name, fields and content.
const entryCost = 768

// memory holds files up to a number of bytes. What goes first is chosen by SIEVE (NSDI 2024): a hand walks from old to
// new and takes the first that nobody asked for since it last came by; reading only sets a flag.
type memory struct {
	limit int64        // set before use
	size  atomic.Int64 // changed under mu

	mu             sync.RWMutex // guards everything below
	files          map[string]*file
	newest, oldest *file
	hand           *file
}

// get gives the file held under a key.
func (m *memory) get(key []byte) *file {
	m.mu.RLock()
	f := m.files[string(key)]
	m.mu.RUnlock()
	if f != nil && !f.asked.Load() {
		f.asked.Store(true)
	}
	return f
}

// put holds a file, instead of the one before it under the same key, if it fits at all.
func (m *memory) put(f *file) {
	if f.cost() > m.limit {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if old := m.files[f.key]; old != nil {
		m.remove(old)
	}
	for m.size.Load()+f.cost() > m.limit {
		m.evict()
	}
	m.files[f.key] = f
	f.older = m.newest
	if m.newest != nil {
		m.newest.newer = f
	}
	m.newest = f
	if m.oldest == nil {
		m.oldest = f
	}
	m.size.Add(f.cost())
}

// drop forgets a file that the disk no longer has like that. It may be gone already.
func (m *memory) drop(f *file) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.files[f.key] == f {
		m.remove(f)
	}
}

func (m *memory) evict() {
	f := m.hand
	for {
		if f == nil {
			f = m.oldest
		}
		if !f.asked.Swap(false) {
			m.hand = f
			m.remove(f)
			return
		}
		f = f.newer
	}
}

func (m *memory) remove(f *file) {
	if m.hand == f {
		m.hand = f.newer
	}
	if f.newer != nil {
		f.newer.older = f.older
	} else {
		m.newest = f.older
	}
	if f.older != nil {
		f.older.newer = f.newer
	} else {
		m.oldest = f.newer
	}
	f.newer, f.older = nil, nil
	delete(m.files, f.key)
	m.size.Add(-f.cost())
}
