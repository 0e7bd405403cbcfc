package static

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"strings"
	"time"
)

const (
	// leastCompressed is the smallest file that is compressed: smaller ones fit into a packet anyway.
	leastCompressed = 512
	// mostCompressed is the largest: what takes longer than some 20 ms belongs into the build.
	mostCompressed = 1 << 20
	// madeSuffix ends the key of what was compressed here; no sibling is called so.
	madeSuffix = "\x00made"
)

// compressibleTypes are the types besides text/*, +json and +xml that get smaller.
var compressibleTypes = map[string]bool{
	"application/json": true, "application/xml": true, "application/wasm": true, "application/javascript": true,
	"application/vnd.ms-fontobject": true, "font/ttf": true, "font/otf": true, "image/x-icon": true, "image/bmp": true,
}

func isCompressible(mediaType string) bool {
	kind, _, _ := strings.Cut(mediaType, ";")
	return strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "+json") || strings.HasSuffix(kind, "+xml") ||
		compressibleTypes[kind]
}

// compresses says whether a file without siblings is sent compressed to those who like that.
func (m *mount) compresses(p *place, now time.Time) bool {
	if !m.compress || p.id.size < leastCompressed || p.id.size > min(mostCompressed, m.memory.limit/8) ||
		!p.id.settled(now, m.settle) {
		return false
	}
	if p.held != nil {
		return p.held.compressible
	}
	return isCompressible(contentType(m.types, m.nameOf(p.plain)))
}

// chooseMade goes from a file to what was compressed of it, or is to be: one file at a time, and who comes meanwhile gets
// the file as it is.
func (m *mount) chooseMade(p place, w *weights) place {
	if w.choose(1<<codingGzip) != codingGzip {
		return p
	}
	key := p.plain + madeSuffix
	if f := m.memory.get([]byte(key)); f != nil && f.id == p.id {
		p.held = f
		return p
	}
	if !m.compressing.TryLock() {
		return p
	}
	p.held, p.key, p.make = nil, key, true
	return p
}

// compressContent fills a file with what it has compressed. If that is not smaller, the file is held as it is, so that
// nobody tries again.
func (f *file) compressContent(from *os.File) bool {
	plain := make([]byte, f.id.size)
	if _, err := io.ReadFull(io.NewSectionReader(from, 0, f.id.size), plain); err != nil {
		return false
	}
	if id, err := lookAt(from.Fd()); err != nil || id != f.id {
		return false
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write(plain) // a Buffer takes everything
	_ = w.Close()
	f.content = plain
	if packed.Len() < len(plain)*9/10 {
		f.content, f.coding = bytes.Clone(packed.Bytes()), codingGzip
	}
	return true
}
