package workers

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"penknife/configs"
	"penknife/internal/testkit"

	"golang.org/x/sys/unix"
)

func testArena(t *testing.T, memory, total configs.ByteSize) (*spooler, *bodyArena) {
	t.Helper()
	limits := configs.Limits{BodyMemory: memory, BodyMemoryTotal: total, TempDir: t.TempDir()}
	arena, err := newBodyArena(limits)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(arena.close)
	s := newSpooler(limits, noCounters{})
	s.arena = arena
	return s, arena
}

func (a *bodyArena) left() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.free)
}

// inKernel is how much memory the arena takes.
func (a *bodyArena) inKernel(t *testing.T) int64 {
	t.Helper()
	info, err := a.file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Blocks * 512
}

// TestBodyArena_ExtentsAreWiped: as many extents as fit into the total, none of which takes memory before it is written to or
// after it was given back.
func TestBodyArena_ExtentsAreWiped(t *testing.T) {
	_, a := testArena(t, 100<<10, 512<<10)
	var offsets []int
	for bytes, offset := a.take(); bytes != nil; bytes, offset = a.take() {
		if len(bytes) != 128<<10 || offset%len(bytes) != 0 {
			t.Errorf("%d bytes from %d", len(bytes), offset)
		}
		offsets = append(offsets, offset)
		copy(bytes[len(bytes)-4:], "last")
	}
	if len(offsets) != 4 || a.inKernel(t) != 4*4096 {
		t.Errorf("%d extents, %d bytes", len(offsets), a.inKernel(t))
	}
	seen := make([]byte, 4)
	if _, err := a.file.ReadAt(seen, int64(offsets[2]+128<<10-4)); err != nil || string(seen) != "last" {
		t.Errorf("workers read %q, %v", seen, err)
	}
	for _, offset := range offsets {
		a.give(offset)
	}
	if a.left() != 4 || a.inKernel(t) != 0 {
		t.Errorf("afterwards %d extents, %d bytes", a.left(), a.inKernel(t))
	}
}

// TestBodyArena_WorkersOnlyRead: the file that they inherit lets nobody write, map for writing, shorten or lengthen.
func TestBodyArena_WorkersOnlyRead(t *testing.T) {
	_, a := testArena(t, 64<<10, 64<<10)
	fd := int(a.file.Fd())
	if _, err := unix.Write(fd, []byte("x")); !errors.Is(err, unix.EBADF) {
		t.Errorf("write: %v", err)
	}
	if _, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); !errors.Is(err, unix.EACCES) {
		t.Errorf("map: %v", err)
	}
	if err := unix.Ftruncate(fd, 0); err == nil {
		t.Error("it can be shortened")
	}
}

// TestBodyArena_ClosesWhenAllIsGivenBack: a body that is still held at the end of everything stays readable.
func TestBodyArena_ClosesWhenAllIsGivenBack(t *testing.T) {
	_, a := testArena(t, 64<<10, 128<<10)
	bytes, offset := a.take()
	bytes[0] = 'x'
	a.close()
	if bytes[0] != 'x' || a.data == nil {
		t.Error("unmapped while somebody has it")
	}
	if more, _ := a.take(); more != nil {
		t.Error("a closed arena gives more")
	}
	a.give(offset)
	if a.data != nil {
		t.Error("still mapped")
	}
}

// TestSpool_LongBodiesAreShared: what is longer than 64 KiB and fits into memory lies where workers read it, byte by byte, as
// long as there is room; everything else comes as before. One that went to a file has its extent until it is released.
func TestSpool_LongBodiesAreShared(t *testing.T) {
	s, arena := testArena(t, 256<<10, 768<<10)
	receive := func(size int) *spool {
		data := pattern(size)
		b, err := s.receive(bodyRequest(bytes.NewReader(data), int64(size)))
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, size)
		if _, err := b.ReadAt(got, 0); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes: others came, %v", size, err)
		}
		if at, ok := b.Shared(); ok {
			if _, err := arena.file.ReadAt(got, at); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes: workers see others, %v", size, err)
			}
		}
		return b
	}
	var all []*spool
	for i, test := range []struct {
		size   int
		shared bool
	}{{1000, false}, {64 << 10, false}, {64<<10 + 1, true}, {256<<10 + 1, false}, {256 << 10, true}, {100_000, false}} {
		b := receive(test.size)
		if _, ok := b.Shared(); ok != test.shared {
			t.Errorf("body %d, %d bytes: shared %v", i, test.size, ok)
		}
		all = append(all, b)
	}
	if arena.left() != 0 {
		t.Errorf("%d extents are free", arena.left())
	}
	for _, b := range all {
		b.Release()
	}
	clear(all)
	testkit.Eventually(t, 10*time.Second, func() error {
		runtime.GC()
		if n := arena.left(); n != 3 {
			return fmt.Errorf("not needed for a while: %d of 3 extents are free", n)
		}
		return nil
	})
}
