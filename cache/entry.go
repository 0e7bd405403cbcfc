package cache

import (
	"encoding/binary"
	"errors"
	"sync/atomic"
	"time"
	"unsafe"
)

// entryFlags is what else is known of a stored answer.
type entryFlags uint8

const (
	entryNoCache        entryFlags = 1 << iota // never without asking the application
	entryMustRevalidate                        // never stale
	entryImplicit                              // fresh by a rule, not by the application
	entryWithCookies                           // implicit, and also for requests with cookies
	entryForUsers                              // public, s-maxage or must-revalidate: also for requests with a user
	entryVaries                                // no answer, but the Vary of those below it
)

// entry is a stored answer, or what distinguishes several (vary). It does not change; its slices are views into the
// bytes that the store has.
type entry struct {
	flags    entryFlags
	status   int
	received int64 // when it came, or was last confirmed; nanoseconds since 1970
	// stamp is the same with the reading of the monotonic clock, which nobody sets; zero in an entry of another process.
	stamp time.Time

	initialAge, lifetime, swr, sie time.Duration
	lastModified                   int64 // seconds since 1970, 0: none
	date                           int64 // seconds since 1970

	reason, etag []byte
	full         []byte   // its fields
	body         []byte   // all of it
	vary         []string // names of variables, of entryVaries only

	used *usage
}

// usage is how an answer is asked for, also in its earlier versions. Another process, or a start, begins anew.
type usage struct {
	hits    atomic.Uint64 // answers given without the application
	fetches atomic.Uint64 // times that it was asked
}

func (e *entry) has(flag entryFlags) bool { return e.flags&flag != 0 }

// Size is what the decoded form takes besides the bytes that it points into.
func (e *entry) Size() int {
	size := int(unsafe.Sizeof(*e) + unsafe.Sizeof(*e.used))
	for _, name := range e.vary {
		size += int(unsafe.Sizeof(name)) + len(name)
	}
	return size
}

// hasValidator says that the application can be asked whether the answer is still good.
func (e *entry) hasValidator() bool { return len(e.etag) > 0 || e.lastModified != 0 }

// entryVersion is the first byte of an encoded entry; other ones are not read.
const entryVersion = 1

var errEntry = errors.New("cache: these bytes are no stored answer")

// encode gives the bytes that the store has.
func (e *entry) encode() []byte {
	b := make([]byte, 0, 64+len(e.reason)+len(e.etag)+len(e.full)+len(e.body))
	b = append(b, entryVersion, byte(e.flags))
	for _, n := range [...]int64{
		int64(e.status), e.received, int64(e.initialAge), int64(e.lifetime), int64(e.swr), int64(e.sie), e.lastModified, e.date,
	} {
		b = binary.AppendVarint(b, n)
	}
	for _, text := range [...][]byte{e.reason, e.etag, e.full} {
		b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
	}
	b = binary.AppendUvarint(b, uint64(len(e.vary)))
	for _, name := range e.vary {
		b = append(binary.AppendUvarint(b, uint64(len(name))), name...)
	}
	return append(b, e.body...)
}

// decode reads what encode gave. The entry has views into b.
func decode(b []byte) (*entry, error) {
	if len(b) < 2 || b[0] != entryVersion {
		return nil, errEntry
	}
	r := reader{rest: b[2:]}
	e := &entry{flags: entryFlags(b[1]), used: &usage{}}
	e.status = int(r.number())
	e.received = r.number()
	e.initialAge, e.lifetime = time.Duration(r.number()), time.Duration(r.number())
	e.swr, e.sie = time.Duration(r.number()), time.Duration(r.number())
	e.lastModified, e.date = r.number(), r.number()
	e.reason, e.etag, e.full = r.text(), r.text(), r.text()
	for n := r.length(); n > 0 && !r.broken; n-- {
		e.vary = append(e.vary, string(r.text()))
	}
	if r.broken {
		return nil, errEntry
	}
	e.body = r.rest
	return e, nil
}

// reader takes numbers and texts off a front; broken says that they ended early.
type reader struct {
	rest   []byte
	broken bool
}

func (r *reader) number() int64 {
	n, size := binary.Varint(r.rest)
	r.advance(size)
	return n
}

func (r *reader) length() uint64 {
	n, size := binary.Uvarint(r.rest)
	r.advance(size)
	return n
}

func (r *reader) text() []byte {
	n := r.length()
	if r.broken || n > uint64(len(r.rest)) {
		r.broken = true
		return nil
	}
	text := r.rest[:n:n]
	r.rest = r.rest[n:]
	return text
}

func (r *reader) advance(size int) {
	if size <= 0 || size > len(r.rest) {
		r.broken, r.rest = true, nil
		return
	}
	r.rest = r.rest[size:]
}
