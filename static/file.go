package static

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"penknife/gateway"
)

// file is what is known about one file: its head as it goes out, and its content if it is small. Nothing of it changes
// but the flags of the memory.
type file struct {
	key    string // its path below the mount, then for a sibling NUL and its suffix
	plain  string // its path below the mount, without a sibling's suffix
	path   string // absolute
	id     identity
	coding coding
	varies bool // other codings of it exist, or will
	// compressible: its type gets smaller.
	compressible bool
	content      []byte // nil if it is not held
	tag          string
	modified     int64 // seconds since 1970; 0 when there is no usable date

	full, brief []byte            // fields of a 200, of a 304
	whole       *gateway.Response // the complete answer, shared by all requests; nil without content
	unchanged   *gateway.Response

	confirmed atomic.Int64 // when the disk last said that it is still this file, since mount.born

	codings  atomic.Uint32 // of a plain file: the siblings that it has
	codingAt atomic.Int64  // and when they were looked for

	asked        atomic.Bool
	older, newer *file // under memory.mu
}

func (f *file) cost() int64 {
	return int64(len(f.content)+len(f.full)+len(f.brief)+2*len(f.key)+len(f.path)) + entryCost
}

// length is how many bytes an answer has.
func (f *file) length() int64 {
	if f.content != nil {
		return int64(len(f.content))
	}
	return f.id.size
}

// isWeak says that the tag is good for nothing but saving a transfer.
func (f *file) isWeak() bool { return f.tag[0] == 'W' }

// wanted names a file before it is opened.
type wanted struct {
	key    string
	plain  string // its path below the mount, without a sibling's suffix
	path   string
	coding coding
	varies bool
	make   bool // compress it
}

// errNotRegular: a directory, a FIFO, a device or a socket is there.
var errNotRegular = errors.New("static: not a regular file")

// read opens a file and gathers what has to be known about it; if known is still right, it gives known. For a file that
// is too large to be held in memory it also gives the open file, which the caller closes.
func (m *mount) read(w wanted, known *file) (*file, *os.File, error) {
	f, err := m.openFile(w)
	if err != nil {
		return nil, nil, err
	}
	id, err := lookAt(f.Fd())
	if err == nil && !id.isRegular {
		err = errNotRegular
	}
	if err != nil {
		f.Close() //nolint:errcheck // nothing was written
		return nil, nil, err
	}
	if known != nil && known.id == id {
		return known, f, nil
	}
	made := &file{key: w.key, plain: w.plain, path: w.path, id: id, coding: w.coding, varies: w.varies}
	fill := made.readContent
	if w.make {
		fill = made.compressContent
	}
	if (id.size <= m.maxHeld || w.make && id.size <= mostCompressed) && fill(f) {
		f.Close() //nolint:errcheck // nothing was written
		f = nil
	}
	now := time.Now()
	m.finish(made, now)
	settle := m.settle
	if made.content == nil {
		settle = max(settle, settleLarge)
	}
	if made.id.settled(now, settle) {
		m.memory.put(made)
	}
	return made, f, nil
}

func (m *mount) openFile(w wanted) (*os.File, error) {
	if m.single {
		return m.open.whole(w.path)
	}
	return m.open.beneath(m.root, w.belowRoot())
}

// readContent reads a small file. It gives false if the file changed meanwhile: then it is sent as the kernel has it.
func (f *file) readContent(from *os.File) bool {
	content := make([]byte, f.id.size)
	if _, err := io.ReadFull(io.NewSectionReader(from, 0, f.id.size), content); err != nil {
		return false
	}
	if id, err := lookAt(from.Fd()); err != nil || id != f.id {
		return false
	}
	f.content = content
	return true
}

// finish makes the tag and the fields.
func (m *mount) finish(f *file, now time.Time) {
	if f.content != nil {
		f.tag = contentTag(f.content)
	} else {
		f.tag = timesTag(f.id, now)
	}
	if f.id.dated() {
		f.modified = f.id.modified / int64(time.Second)
	}
	m.writeFields(f)
	f.unchanged = &gateway.Response{Status: http.StatusNotModified, Reason: reasonNotModified, Fields: f.brief, Body: noBody}
	if f.content != nil {
		f.whole = &gateway.Response{
			Status: http.StatusOK, Reason: reasonOK, Fields: f.full, Length: f.length(), Whole: f.content, Body: noBody,
		}
	}
}
