package workers

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"penknife/configs"
	"penknife/gateway"

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
	for _, full := range []error{unix.ENOSPC, unix.EDQUOT} {
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
