package static

import (
	"net/http"
	"time"
)

var (
	reasonOK          = []byte("OK")
	reasonNotModified = []byte("Not Modified")
)

// immutableControl is a year, which is forever in RFC 9111, and RFC 8246's promise.
const immutableControl = "public, max-age=31536000, immutable"

func appendField(dst []byte, name, value string) []byte {
	dst = append(append(dst, name...), ": "...)
	return append(append(dst, value...), '\r', '\n')
}

// writeFields renders what an answer about the file says. The brief form has what RFC 9110 section 15.4.5 wants in a
// 304, and the mount's own fields.
func (m *mount) writeFields(f *file) {
	name := m.nameOf(f.plain)
	brief := appendField(make([]byte, 0, 256+len(m.headers)), "ETag", f.tag)
	if f.modified > 0 {
		brief = append(brief, "Last-Modified: "...)
		brief = time.Unix(f.modified, 0).UTC().AppendFormat(brief, http.TimeFormat)
		brief = append(brief, '\r', '\n')
	}
	switch {
	case m.immutable(name):
		brief = appendField(brief, "Cache-Control", immutableControl)
	case m.cacheControl != "":
		brief = appendField(brief, "Cache-Control", m.cacheControl)
	}
	if f.varies {
		brief = append(brief, "Vary: Accept-Encoding\r\n"...)
	}
	f.brief = append(brief, m.headers...)

	mediaType := contentType(m.types, name)
	f.compressible = isCompressible(mediaType)
	full := appendField(make([]byte, 0, len(f.brief)+128), "Content-Type", mediaType)
	if f.coding != codingPlain {
		full = appendField(full, "Content-Encoding", f.coding.String())
	}
	full = append(full, "Accept-Ranges: bytes\r\n"...)
	if f.length() == 0 {
		full = append(full, "Content-Length: 0\r\n"...) // front ends do not announce nothing in answer to HEAD
	}
	f.full = append(full, f.brief...)
}
