package link

import (
	"errors"
	"math/bits"
	"os"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// eventBits is the way back: one bit a slot, set by workers, fetched by the event reader.
type eventBits struct {
	mem    *memory
	asleep *atomic.Uint32
	event  *os.File // eventfd in the Go poller; never read: each write is an edge
	raw    syscall.RawConn
	look   func(uintptr) bool // e.announce, made once
	waited bool
}

func newEventBits(m *memory) (*eventBits, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	e := &eventBits{mem: m, asleep: m.u32(hGoAsleep), event: os.NewFile(uintptr(fd), "penknife-events")}
	e.look = e.announce
	e.raw, err = e.event.SyscallConn()
	return e, err
}

// fetch calls handle for every slot whose bit is set, and tells whether there was one.
func (e *eventBits) fetch(handle func(slot int)) bool {
	found := false
	for s := range e.mem.summaryWords {
		summary := e.mem.u64(e.mem.offEvents + s*8)
		if summary.Load() == 0 {
			continue
		}
		for words := summary.Swap(0); words != 0; words &= words - 1 {
			word := s*64 + bits.TrailingZeros64(words)
			if word >= e.mem.eventWords {
				break // scribbled
			}
			offset := e.mem.offEvents + (e.mem.summaryWords+word)*8
			for slots := e.mem.u64(offset).Swap(0); slots != 0; slots &= slots - 1 {
				slot := word*64 + bits.TrailingZeros64(slots)
				if slot < e.mem.slots {
					found = true
					handle(slot)
				}
			}
		}
	}
	return found
}

func (e *eventBits) any() bool {
	for s := range e.mem.summaryWords {
		if e.mem.u64(e.mem.offEvents+s*8).Load() != 0 {
			return true
		}
	}
	return false
}

// wait blocks in the poller until a worker wrote the eventfd, or returns at once when a bit is set. It fails only
// when the eventfd was closed.
func (e *eventBits) wait() error {
	e.waited = false
	err := e.raw.Read(e.look)
	e.asleep.Store(0)
	return err
}

// announce runs after the poller was armed, or an edge before that would be lost. The eventfd is never read, which
// saves two system calls a wake: the poller is edge-triggered.
func (e *eventBits) announce(uintptr) bool {
	if e.waited {
		return true
	}
	e.waited = true
	e.asleep.Store(1)
	return e.any()
}

// relieve takes out of the eventfd what is in it when nobody can add any more: a worker has filled it, or Go could not be
// woken for ever. It tells whether it was so. It never blocks, although a worker can make all reads and writes of this file
// block that do not say otherwise.
func (e *eventBits) relieve() (full bool) {
	_ = e.raw.Control(func(fd uintptr) { // fails only while the queue is being closed
		state := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
		if n, err := unix.Poll(state, 0); err != nil || n != 0 {
			return
		}
		full = true
		_, err := unix.Preadv2(int(fd), [][]byte{make([]byte, 8)}, -1, unix.RWF_NOWAIT)
		if errors.Is(err, unix.EOPNOTSUPP) { // a kernel before 5.13
			_ = unix.SetNonblock(int(fd), true)
			_, _ = unix.Read(int(fd), make([]byte, 8))
		}
	})
	return full
}
