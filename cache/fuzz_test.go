package cache

import (
	"bytes"
	"testing"
	"time"
)

// Whatever bytes a store gives back, they are an entry that encodes to itself, or refused.
func FuzzDecode(f *testing.F) {
	f.Add((&entry{status: 200, received: 1, lifetime: time.Minute, full: []byte("A: b\r\n"), etag: []byte(`"a"`), body: []byte("x")}).encode())
	f.Add((&entry{flags: entryVaries, vary: []string{"HTTP_A", "HTTP_B"}}).encode())
	f.Add([]byte{entryVersion, 0, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := decode(b)
		if err != nil {
			return
		}
		again, err := decode(e.encode())
		if err != nil || again.status != e.status || again.received != e.received || again.lifetime != e.lifetime ||
			!bytes.Equal(again.full, e.full) || !bytes.Equal(again.body, e.body) || !bytes.Equal(again.etag, e.etag) ||
			len(again.vary) != len(e.vary) {
			t.Errorf("%v: %+v, %+v", err, e, again)
		}
	})
}

// No header block of an application makes the reader fail, and what is stored of it has no field of one connection.
func FuzzFields(f *testing.F) {
	f.Add([]byte("Cache-Control: max-age=60, x=\"a\\\"\"\r\nVary: a, *\r\nConnection: x\r\nX: 1\r\n"))
	f.Add([]byte("no colon\r\n: no name\r\nAge\r\n\r\nCache-Tag:,,\r\nSurrogate-Key:  a  b "))
	f.Fuzz(func(t *testing.T, fields []byte) {
		readAnswer(fields, []string{"cdn-cache-control"})
		stored := storedFields(fields, stripping{tags: true, setCookie: true}, time.Unix(0, 0))
		for rest := stored; len(rest) > 0; {
			var line fieldLine
			line, rest = nextLine(rest)
			for _, name := range []string{"connection", "set-cookie", "age", "transfer-encoding", "cache-tag", "content-length"} {
				if line.isNamed(name) {
					t.Errorf("%s is stored: %q", name, stored)
				}
			}
		}
		mergedFields(stored, fields, stripping{}, time.Unix(0, 0))
		appendBrief(nil, stored)
	})
}

// A range is inside the body.
func FuzzRange(f *testing.F) {
	for _, text := range []string{"bytes=0-3", "bytes=-5", "bytes=9-", "bytes=3-1", "bytes=-0", "bytes=99999999999999999999-"} {
		f.Add(text, int64(10))
	}
	f.Fuzz(func(t *testing.T, field string, size int64) {
		if size < 0 {
			return
		}
		s, verdict := parseRange([]byte(field), size)
		if verdict == rangePartial && (s.start < 0 || s.length <= 0 || s.start+s.length > size) {
			t.Errorf("%q of %d: %+v", field, size, s)
		}
	})
}
