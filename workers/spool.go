package workers

import (
	"errors"
	"io"
	"os"
	"strconv"
	"sync"
	"sync/atomic"

	"penknife/configs"
	"penknife/gateway"
	"penknife/uwsgiproto"

	"golang.org/x/sys/unix"
)

// Buffers of a spool: it begins small and doubles up to limits.body_memory, as bytes arrive and not as the client
// claims; beyond freeBuffer it is a bodyMemory, and only while all spools together stay within limits.body_memory_total.
const (
	firstBuffer  = 4 << 10
	freeBuffer   = 64 << 10
	pooledBuffer = 1 << 20 // larger ones are not kept for later
	minBuffer    = 512
)

// spooler receives request bodies before a worker is bothered with them.
type spooler struct {
	memory   int // bytes held in memory; a longer body goes to a file
	total    int64
	held     atomic.Int64 // what all spools hold beyond freeBuffer
	dir      string
	counters Counters
	arena    *bodyArena // nil: bodies are copied to workers
	pool     sync.Pool  // of *spool without a file
}

func newSpooler(limits configs.Limits, counters Counters) *spooler {
	dir := limits.TempDir
	if dir == "" {
		dir = os.TempDir()
	}
	return &spooler{
		memory: spoolMemory(limits), total: int64(limits.BodyMemoryTotal), dir: dir, counters: counters,
	}
}

func spoolMemory(limits configs.Limits) int { return max(int(limits.BodyMemory), minBuffer) }

// spool is a body that was received completely: either all in buffer or all in file.
type spool struct {
	owner  *spooler
	buffer []byte
	mapped *bodyMemory // nil: buffer is of Go's heap
	file   *os.File    // nil: in memory
	size   int64

	reserved int64 // of owner.held
}

// receive reads the body of req to its end, and makes sure that its variables have CONTENT_LENGTH. It blocks for the
// client. The error of the client's reader is passed on as it is. Without a body it answers nil.
func (s *spooler) receive(req *gateway.Request) (*spool, error) {
	if req.Body == nil {
		return nil, nil
	}
	b, _ := s.pool.Get().(*spool)
	if b == nil {
		b = &spool{owner: s}
	}
	if err := b.fill(req.Body, req.ContentLength); err != nil {
		b.Release()
		return nil, err
	}
	if req.ContentLength < 0 {
		// A copy: what follows the front end's block in its buffer is not ours.
		vars := req.Vars[:len(req.Vars):len(req.Vars)]
		vars, err := uwsgiproto.AppendVar(vars, "CONTENT_LENGTH", strconv.FormatInt(b.size, 10))
		if err != nil {
			b.Release()
			return nil, &gateway.Error{Kind: gateway.KindInternal, Reason: "append CONTENT_LENGTH", Err: err}
		}
		req.Vars, req.ContentLength = vars, b.size
	}
	s.counters.BodySpooled(b.size, b.file != nil)
	return b, nil
}

// fill reads to the end of the body, or to the declared length.
func (b *spool) fill(body io.Reader, declared int64) error {
	b.room(declared)
	held := 0
	for declared < 0 || b.size < declared {
		if held == len(b.buffer) {
			if err := b.grow(&held); err != nil {
				return err
			}
		}
		room := b.buffer[held:]
		if left := declared - b.size; declared >= 0 && int64(len(room)) > left {
			room = room[:left]
		}
		n, err := body.Read(room)
		held += n
		b.size += int64(n)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	if b.size < declared {
		return gateway.Errorf(gateway.KindBadRequest, "the body ended after %d of %d bytes", b.size, declared)
	}
	if b.file != nil {
		return b.flush(&held)
	}
	return nil
}

// room makes the first buffer. It is never larger than firstBuffer, whatever the client declared: memory is for bytes
// that have come.
func (b *spool) room(declared int64) {
	want := min(firstBuffer, b.owner.memory)
	if cap(b.buffer) < want {
		b.buffer = make([]byte, want)
	}
	size := min(cap(b.buffer), b.owner.memory)
	if size > freeBuffer && (declared >= 0 && declared <= freeBuffer || !b.reserve(size)) {
		size = freeBuffer
	}
	b.buffer = b.buffer[:size]
}

// reserve asks for a buffer of size bytes within limits.body_memory_total.
func (b *spool) reserve(size int) bool {
	more := int64(size) - freeBuffer - b.reserved
	if more <= 0 {
		return true
	}
	if b.owner.held.Add(more) > b.owner.total {
		b.owner.held.Add(-more)
		return false
	}
	b.reserved += more
	return true
}

// grow finds room for more: twice the memory, or in a file.
func (b *spool) grow(held *int) error {
	size := min(max(2*len(b.buffer), firstBuffer), b.owner.memory)
	if b.file == nil && size > len(b.buffer) && b.reserve(size) && b.enlarge(size) {
		return nil
	}
	if b.file == nil {
		file, err := unlinkedFile(b.owner.dir)
		if err != nil {
			return spoolError("create a file for the request body", err)
		}
		b.file = file
	}
	return b.flush(held)
}

// enlarge makes the buffer size bytes long and keeps what is in it. It gives false when the system has no memory.
func (b *spool) enlarge(size int) bool {
	if size <= cap(b.buffer) {
		b.buffer = b.buffer[:size]
		return true
	}
	larger := b.buffer
	if size <= freeBuffer {
		larger = make([]byte, size)
	} else {
		var err error
		if b.mapped, err = mapBody(b, b.owner.memory); err != nil {
			return false
		}
		larger = b.mapped.bytes[:size]
	}
	copy(larger, b.buffer)
	b.buffer = larger
	return true
}

func (b *spool) flush(held *int) error {
	_, err := b.file.Write(b.buffer[:*held])
	*held = 0
	if err != nil {
		return spoolError("write the request body to its file", err)
	}
	return nil
}

// spoolError tells a disk that is full, fails, or was made read-only because it fails, and too many open files, from other
// trouble.
func spoolError(what string, err error) error {
	kind := gateway.KindInternal
	for _, noPlace := range []error{unix.ENOSPC, unix.EDQUOT, unix.EFBIG, unix.EIO, unix.EROFS} {
		if errors.Is(err, noPlace) {
			kind = gateway.KindInsufficientSpace
		}
	}
	if errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) {
		kind = gateway.KindOverloaded
	}
	return &gateway.Error{Kind: kind, Reason: what, Err: err}
}

// ReadAt reads from memory or from the file.
func (b *spool) ReadAt(p []byte, at int64) (int, error) {
	if at < 0 || at >= b.size {
		return 0, io.EOF
	}
	if b.file != nil {
		return b.file.ReadAt(p, at)
	}
	n := copy(p, b.buffer[at:b.size])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Shared tells whether the whole body lies in memory that workers map, and where.
func (b *spool) Shared() (offset int64, ok bool) {
	if b.file != nil || b.mapped == nil || b.mapped.offset == private {
		return 0, false
	}
	return int64(b.mapped.offset), true
}

// Size is the length of the body in bytes.
func (b *spool) Size() int64 { return b.size }

// Release lets go of memory and file. It is called exactly once.
func (b *spool) Release() {
	if b.file != nil {
		_ = b.file.Close()
	}
	b.owner.held.Add(-b.reserved)
	b.file, b.size, b.reserved = nil, 0, 0
	if cap(b.buffer) > pooledBuffer {
		b.mapped.free()
		b.mapped, b.buffer = nil, nil
	}
	b.owner.pool.Put(b)
}

// unlinkedFile makes a file that disappears with its descriptor, whatever happens to this process.
func unlinkedFile(dir string) (*os.File, error) {
	fd, err := -1, error(unix.EINTR)
	for errors.Is(err, unix.EINTR) { // a signal of the runtime's own, while a file system over a network answers
		fd, err = unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	}
	if err == nil {
		return os.NewFile(uintptr(fd), "request body"), nil
	}
	if !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EISDIR) {
		return nil, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	f, err := os.CreateTemp(dir, "penknife-body-") // a file system without O_TMPFILE
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
