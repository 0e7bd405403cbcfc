package workers

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// bodyMemory is memory outside of Go's heap for the body of one spool. The kernel gives its pages as bytes arrive, so that
// a long body is not copied from buffer to larger buffer, and the collector does not let the heap grow to a multiple of it.
type bodyMemory struct {
	bytes []byte
	// offset is where it lies in the arena that workers read; private for memory that they do not see.
	offset  int
	release func()
	cleanup runtime.Cleanup
}

const private = -1

// mapBody makes one of size bytes: in the arena as long as that has room. It is freed by free, or when nobody has the spool any
// more: the pool of spools lets go of those that were not needed for a while.
func mapBody(owner *spool, size int) (*bodyMemory, error) {
	m := &bodyMemory{offset: private}
	if arena := owner.owner.arena; arena != nil {
		if bytes, offset := arena.take(); bytes != nil {
			m.bytes, m.offset, m.release = bytes, offset, func() { arena.give(offset) }
		}
	}
	if m.bytes == nil {
		bytes, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
		if err != nil {
			return nil, err
		}
		m.bytes, m.release = bytes, func() { unmapBody(bytes) }
	}
	m.cleanup = runtime.AddCleanup(owner, func(release func()) { release() }, m.release)
	return m, nil
}

// free gives the memory back. Nobody may use it any more.
func (m *bodyMemory) free() {
	m.cleanup.Stop()
	m.release()
}

func unmapBody(bytes []byte) {
	if err := unix.Munmap(bytes); err != nil {
		panic("workers: munmap of a request body: " + err.Error()) // not a mapping: memory of somebody else
	}
}
