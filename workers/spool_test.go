package workers

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unsafe"

	"penknife/configs"
	"penknife/gateway"
	"penknife/internal/testkit"

	"golang.org/x/sys/unix"
)

func testSpooler(t *testing.T) *spooler {
	t.Helper()
	return newSpooler(configs.Limits{BodyMemory: 8 << 10, TempDir: t.TempDir()}, noCounters{})
}

func bodyRequest(body io.Reader, length int64) *gateway.Request {
	return &gateway.Request{Body: body, ContentLength: length}
}

func pattern(size int) []byte {
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(i*7 + i>>8)
	}
	return data
}

func TestSpool_KeepsEveryBody(t *testing.T) {
	s := testSpooler(t)
	for _, size := range []int{0, 1, 511, 4095, 4096, 4097, 8191, 8192, 8193, 16384, 100_000} {
		for _, declared := range []bool{true, false} {
			for name, slow := range map[string]func(io.Reader) io.Reader{
				"whole":       func(r io.Reader) io.Reader { return r },
				"halves":      iotest.HalfReader,
				"data, error": iotest.DataErrReader,
			} {
				want, length := pattern(size), int64(-1)
				if declared {
					length = int64(size)
				}
				b, err := s.receive(bodyRequest(slow(bytes.NewReader(want)), length))
				if err != nil {
					t.Fatalf("%d bytes, %s: %v", size, name, err)
				}
				got, err := io.ReadAll(io.NewSectionReader(b, 0, b.Size()))
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%d bytes, declared %v, %s: content differs (%d bytes, %v)", size, declared, name, len(got), err)
				}
				if inFile := b.file != nil; inFile != (size > 8<<10) && !(size == 8<<10 && !declared) {
					t.Errorf("%d bytes: in a file: %v", size, inFile)
				}
				b.Release()
			}
		}
	}
	if entries, _ := os.ReadDir(s.dir); len(entries) != 0 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestSpool_NoBody(t *testing.T) {
	if b, err := testSpooler(t).receive(&gateway.Request{}); b != nil || err != nil {
		t.Errorf("%v, %v", b, err)
	}
}

func TestSpool_AppendsContentLengthOnlyToChunked(t *testing.T) {
	front := append(make([]byte, 0, 64), "\x01\x00A\x01\x00b"...)
	req := bodyRequest(strings.NewReader("hello"), -1)
	req.Vars = front
	b, err := testSpooler(t).receive(req)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Release()
	if want := "\x01\x00A\x01\x00b\x0e\x00CONTENT_LENGTH\x01\x005"; string(req.Vars) != want || req.ContentLength != 5 {
		t.Errorf("vars %q, length %d", req.Vars, req.ContentLength)
	}
	if beyond := front[:cap(front)]; beyond[len(front)] != 0 {
		t.Error("wrote behind the front end's block")
	}
	known := bodyRequest(strings.NewReader("hello"), 5)
	if c, err := testSpooler(t).receive(known); err != nil || len(known.Vars) != 0 {
		t.Errorf("%v: vars %q", err, known.Vars)
	} else {
		c.Release()
	}
}

func TestSpool_ReadsNoFurtherThanDeclared(t *testing.T) {
	source := strings.NewReader("helloNEXT")
	b, err := testSpooler(t).receive(bodyRequest(source, 5))
	if err != nil {
		t.Fatal(err)
	}
	b.Release()
	if rest, _ := io.ReadAll(source); string(rest) != "NEXT" {
		t.Errorf("left %q", rest)
	}
}

func TestSpool_Errors(t *testing.T) {
	tooSlow := gateway.Errorf(gateway.KindBodyTimeout, "too slow")
	if _, err := testSpooler(t).receive(bodyRequest(iotest.ErrReader(tooSlow), -1)); err != error(tooSlow) {
		t.Errorf("the reader's error became %v", err)
	}
	if _, err := testSpooler(t).receive(bodyRequest(strings.NewReader("abc"), 5)); gateway.KindOf(err) != gateway.KindBadRequest {
		t.Errorf("a short body: %v", err)
	}
	s := testSpooler(t)
	s.dir += "/missing"
	if _, err := s.receive(bodyRequest(bytes.NewReader(pattern(100_000)), -1)); gateway.KindOf(err) != gateway.KindInternal {
		t.Errorf("no directory: %v", err)
	}
	for _, full := range []error{unix.ENOSPC, unix.EDQUOT, unix.EFBIG, unix.EIO, unix.EROFS} {
		err := spoolError("write", &os.PathError{Op: "write", Err: full})
		if gateway.KindOf(err) != gateway.KindInsufficientSpace || !errors.Is(err, full) {
			t.Errorf("%v became %v", full, err)
		}
	}
}

// TestSpool_FullDisk lets the kernel refuse the write: /dev/full answers ENOSPC to each.
func TestSpool_FullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	b := &spool{owner: testSpooler(t), file: full}
	defer b.Release()
	if err := b.fill(bytes.NewReader(pattern(100_000)), -1); gateway.KindOf(err) != gateway.KindInsufficientSpace {
		t.Errorf("got %v", err)
	}
}

// TestSpool_BrokenDisk lets the kernel answer EIO, as for a disk: nothing is mapped where this process's own memory is written to.
func TestSpool_BrokenDisk(t *testing.T) {
	broken, err := os.OpenFile("/proc/self/mem", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	b := &spool{owner: testSpooler(t), file: broken}
	defer b.Release()
	if err := b.fill(bytes.NewReader(pattern(100_000)), -1); gateway.KindOf(err) != gateway.KindInsufficientSpace || !errors.Is(err, unix.EIO) {
		t.Errorf("got %v", err)
	}
}

func TestSpool_SmallBodiesAllocateNothing(t *testing.T) {
	s := testSpooler(t)
	data := pattern(1000)
	reader := bytes.NewReader(data)
	req := bodyRequest(reader, 1000)
	if n := testing.AllocsPerRun(100, func() {
		reader.Reset(data)
		b, err := s.receive(req)
		if err != nil {
			t.Fatal(err)
		}
		b.Release()
	}); n > 1 { // the pool may be emptied by a collection, or by the race detector
		t.Errorf("%v allocations", n)
	}
}

// TestSpool_ShareTheTotal: bodies beyond limits.body_memory_total go to files, and what is released can be used again.
func TestSpool_ShareTheTotal(t *testing.T) {
	s := newSpooler(configs.Limits{BodyMemory: 1 << 20, BodyMemoryTotal: 500 << 10, TempDir: t.TempDir()}, noCounters{})
	want := pattern(400 << 10)
	receive := func() *spool {
		b, err := s.receive(bodyRequest(iotest.HalfReader(bytes.NewReader(want)), int64(len(want))))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(io.NewSectionReader(b, 0, b.Size()))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("content differs: %d bytes, %v", len(got), err)
		}
		return b
	}
	first, second := receive(), receive()
	if first.file != nil || second.file == nil {
		t.Errorf("in a file: the first %v, the second %v; want only the second", first.file != nil, second.file != nil)
	}
	first.Release()
	second.Release()
	if held := s.held.Load(); held != 0 {
		t.Errorf("%d bytes are held by nobody", held)
	}
	third := receive()
	if third.file != nil {
		t.Error("released memory is not used again")
	}
	third.Release()
}

// TestSpool_MemoryIsGivenBack: memory of long bodies that nobody needs any more goes back to the system, at once where it
// is too much to be kept.
func TestSpool_MemoryIsGivenBack(t *testing.T) {
	const bodies = 16
	gone := func(at []uintptr) (n int) {
		for _, address := range at {
			page := make([]byte, 1)
			_, _, errno := unix.Syscall(unix.SYS_MINCORE, address, 1, uintptr(unsafe.Pointer(&page[0])))
			if errno == unix.ENOMEM {
				n++
			}
		}
		return n
	}
	spend := func(memory int) (at []uintptr) {
		s := newSpooler(configs.Limits{BodyMemory: configs.ByteSize(memory), BodyMemoryTotal: 1 << 30, TempDir: t.TempDir()}, noCounters{})
		var held []*spool
		for range bodies {
			b, err := s.receive(bodyRequest(bytes.NewReader(pattern(200<<10)), 200<<10))
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, b)
			at = append(at, uintptr(unsafe.Pointer(&b.mapped.bytes[0])))
		}
		if n := gone(at); n != 0 {
			t.Fatalf("%d of %d are gone while they are used", n, bodies)
		}
		for _, b := range held {
			b.Release()
		}
		return at
	}
	const most = bodies * 3 / 4 // somebody else may have got the same addresses since
	if n := gone(spend(pooledBuffer + 1)); n < most {
		t.Errorf("too large to be kept: %d of %d are gone", n, bodies)
	}
	at := spend(pooledBuffer)
	testkit.Eventually(t, 10*time.Second, func() error {
		runtime.GC()
		if n := gone(at); n < most {
			return fmt.Errorf("not needed for a while: %d of %d are gone", n, bodies)
		}
		return nil
	})
}

func TestSpool_LongBodiesAllocateNothing(t *testing.T) {
	s := newSpooler(configs.Limits{BodyMemory: 1 << 20, BodyMemoryTotal: 1 << 30, TempDir: t.TempDir()}, noCounters{})
	data := pattern(900_000)
	reader := bytes.NewReader(data)
	req := bodyRequest(reader, int64(len(data)))
	if n := testing.AllocsPerRun(100, func() {
		reader.Reset(data)
		b, err := s.receive(req)
		if err != nil {
			t.Fatal(err)
		}
		b.Release()
	}); n > 1 { // the pool may be emptied by a collection, or by the race detector
		t.Errorf("%v allocations", n)
	}
}
