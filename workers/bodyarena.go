package workers

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"sync"

	"penknife/configs"

	"golang.org/x/sys/unix"
)

// bodyArena is memory that all workers of all generations can read: a body that lies in it is not copied to them. It is cut
// into extents of limits.body_memory bytes, as many as limits.body_memory_total has room for; a page of it exists from the first
// byte that is written there until the extent is wiped. Decision 0036.
type bodyArena struct {
	data   []byte
	extent int      // bytes
	file   *os.File // for workers, which cannot write through it

	mu     sync.Mutex
	free   []int // offsets
	closed bool
}

// newBodyArena makes one for the limits. Nothing of it takes memory yet.
func newBodyArena(limits configs.Limits) (*bodyArena, error) {
	extent := (spoolMemory(limits) + pageSize - 1) &^ (pageSize - 1)
	count := min(max(int(int64(limits.BodyMemoryTotal)/int64(extent)), 1), maxExtents)
	file, data, err := mapShared("penknife-bodies", count*extent)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("penknife needs /proc, which is not mounted here: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("memory for request bodies: %w; a smaller limits.body_memory_total takes fewer addresses", err)
	}
	a := &bodyArena{data: data, extent: extent, file: file, free: make([]int, 0, count)}
	for i := count - 1; i >= 0; i-- {
		a.free = append(a.free, i*extent)
	}
	return a, nil
}

// maxExtents bounds the list of free ones. So many long bodies at once fill the queue; further ones are copied to workers.
const maxExtents = 4096

// pageSize is the size of a page of memory in bytes, or a multiple of it where pages are smaller.
const pageSize = 64 << 10

// mapShared makes memory without a name, and a file of it that can only be read.
func mapShared(name string, size int) (*os.File, []byte, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, nil, err
	}
	defer unix.Close(fd)
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		return nil, nil, err
	}
	const seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		return nil, nil, err
	}
	file, err := os.Open("/proc/self/fd/" + strconv.Itoa(fd))
	if err != nil {
		return nil, nil, err
	}
	data, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		_ = file.Close()
		return nil, nil, err
	}
	return file, data, nil
}

// take gives an extent and where it begins; nil when all are taken. It belongs to the caller until give.
func (a *bodyArena) take() (bytes []byte, offset int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	last := len(a.free) - 1
	if last < 0 || a.closed {
		return nil, 0
	}
	offset = a.free[last]
	a.free = a.free[:last]
	return a.data[offset : offset+a.extent : offset+a.extent], offset
}

// give wipes the extent at an offset, and takes it back. Nobody may use it any more.
func (a *bodyArena) give(offset int) {
	// It fails only for memory that is no shared file, which ours is.
	_ = unix.Madvise(a.data[offset:offset+a.extent], unix.MADV_REMOVE)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.free = append(a.free, offset)
	a.unmapIfUnused()
}

// close lets go of the file, and of the memory once every extent was given back. Only give may be called afterwards.
func (a *bodyArena) close() {
	_ = a.file.Close()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	a.unmapIfUnused()
}

// unmapIfUnused must be called with the lock held.
func (a *bodyArena) unmapIfUnused() {
	if a.closed && len(a.free)*a.extent == len(a.data) {
		_ = unix.Munmap(a.data)
		a.data = nil
	}
}
