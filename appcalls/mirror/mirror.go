package mirror

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// freshFor is how long a copy counts at most.
	freshFor = time.Second
	// maxRecord is the largest record: what is larger is always asked for.
	maxRecord = 32 << 10
	// perWord is how many bytes of the ring there are for a word of the index.
	perWord = 256
	stripes = 64
	// MinSize is the smallest ring.
	MinSize = 1 << 20
)

// Mirror is the memory. Its methods may be called from any goroutine.
type Mirror struct {
	size int64 // of the ring

	opened atomic.Bool // somebody reads: before that nothing is published

	mu       sync.Mutex // guards everything below
	file     *os.File
	memory   []byte
	index    []uint64 // part of memory
	head     uint64   // next position in the ring, over all rounds
	tail     uint64   // oldest record
	epoch    uint64
	changing [stripes]int    // changes under way, by hash
	changed  [stripes]uint64 // changes begun or ended
	now      func() int64    // CLOCK_MONOTONIC
}

// New makes a Mirror with a ring of at most that many bytes. It takes no memory before Memory.
func New(size int64) *Mirror {
	ring := int64(MinSize)
	for ring*2 <= size {
		ring *= 2
	}
	return &Mirror{size: ring, epoch: 1, now: monotonic}
}

// monotonic gives the clock that the workers read too.
func monotonic() int64 {
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) != nil {
		return 0
	}
	return now.Nano()
}

// Memory gives the memory as a file that its holders can read and map for reading, and its length. It stays the Mirror's.
func (m *Mirror) Memory() (*os.File, int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.file == nil {
		if err := m.open(); err != nil {
			return nil, 0, fmt.Errorf("memory for copies of the cache: %w", err)
		}
	}
	return m.file, int64(len(m.memory)), nil
}

// open makes the memory, maps it, and seals it against every other writer.
func (m *Mirror) open() error {
	fd, err := unix.MemfdCreate("penknife cache", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return err
	}
	file := os.NewFile(uintptr(fd), "cache")
	words := m.size / perWord
	total := headerSize + words*8 + m.size
	if err := file.Truncate(total); err != nil {
		return errors.Join(err, file.Close())
	}
	memory, err := unix.Mmap(fd, 0, int(total), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return errors.Join(err, file.Close())
	}
	const seals = unix.F_SEAL_GROW | unix.F_SEAL_SHRINK | unix.F_SEAL_FUTURE_WRITE | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		return errors.Join(err, unix.Munmap(memory), file.Close())
	}
	binary.LittleEndian.PutUint64(memory[offVersion:], version)
	binary.LittleEndian.PutUint64(memory[offIndex:], uint64(words))
	binary.LittleEndian.PutUint64(memory[offRing:], uint64(m.size))
	m.file, m.memory = file, memory
	m.index = unsafe.Slice((*uint64)(unsafe.Pointer(&memory[headerSize])), words)
	m.head, m.tail = uint64(m.size), uint64(m.size) // a position is never 0
	m.store(offEpoch, m.epoch)
	m.store(offMagic, magic)
	m.opened.Store(true)
	return nil
}

// store writes a word so that whoever sees it sees all that was stored before.
func (m *Mirror) store(offset uint64, value uint64) {
	atomic.StoreUint64((*uint64)(unsafe.Pointer(&m.memory[offset])), value)
}

// Ticket is the permission to publish what is read after it was given.
type Ticket struct {
	hash    uint64
	changed uint64
	valid   bool
}

// Ticket gives the permission for a key. It is void from the next change on, and while one is under way.
func (m *Mirror) Ticket(key string) Ticket {
	if !m.opened.Load() {
		return Ticket{}
	}
	hash := hashOf(key)
	m.mu.Lock()
	defer m.mu.Unlock()
	s := hash % stripes
	return Ticket{hash: hash, changed: m.changed[s], valid: m.changing[s] == 0}
}

// Publish shows a value that was read with the ticket until it expires, or for a second. expires is zero for never.
func (m *Mirror) Publish(ticket Ticket, key string, value []byte, left time.Duration) {
	if !ticket.valid || left <= 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s := ticket.hash % stripes
	if m.changing[s] != 0 || m.changed[s] != ticket.changed {
		return
	}
	m.remove(ticket.hash, key)
	m.write(ticket.hash, key, value, m.now()+int64(min(left, freshFor)))
}

// Begin takes the copy of a key away; until End nobody publishes one.
func (m *Mirror) Begin(key string) {
	hash := hashOf(key)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changing[hash%stripes]++
	m.changed[hash%stripes]++
	if m.file != nil {
		m.remove(hash, key)
	}
}

// End says that the change of a key is over. It is called once for each Begin.
func (m *Mirror) End(key string) {
	s := hashOf(key) % stripes
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changing[s]--
	m.changed[s]++
}

// Drop takes a copy away whose entry is gone or was changed elsewhere.
func (m *Mirror) Drop(key string) {
	if !m.opened.Load() {
		return
	}
	m.Begin(key)
	m.End(key)
}

// DropAll takes all copies away.
func (m *Mirror) DropAll() {
	m.BeginAll()
	m.EndAll()
}

// BeginAll is Begin for every key.
func (m *Mirror) BeginAll() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for s := range stripes {
		m.changing[s]++
		m.changed[s]++
	}
	m.epoch++
	if m.file != nil {
		m.store(offEpoch, m.epoch)
	}
}

// EndAll is End after BeginAll.
func (m *Mirror) EndAll() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for s := range stripes {
		m.changing[s]--
		m.changed[s]++
	}
}
