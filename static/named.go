package static

import (
	"bytes"
	"net/http"

	"penknife/gateway"
)

// fieldKind is what becomes of a field of an answer that names a file.
type fieldKind uint8

const (
	fieldOther    fieldKind = iota + 1 // stays
	fieldRedirect                      // X-Accel-Redirect
	fieldSendfile                      // X-Sendfile
	fieldOfBody                        // describes the bytes that are not sent
	fieldType                          // Content-Type, which the application knows better
)

var fieldKindNames = [...]string{
	fieldOther: "other", fieldRedirect: "redirect", fieldSendfile: "sendfile", fieldOfBody: "of body", fieldType: "type",
}

// String gives the name used in tests.
func (k fieldKind) String() string { return fieldKindNames[k] }

// nameOf tells what the field is that the text begins with.
func nameOf(line []byte) fieldKind {
	colon := bytes.IndexByte(line, ':')
	if colon < 0 {
		return fieldOther
	}
	name := line[:colon]
	is := func(other string) bool { return len(name) == len(other) && bytes.EqualFold(name, []byte(other)) }
	switch {
	case is("X-Accel-Redirect"):
		return fieldRedirect
	case is("X-Sendfile"):
		return fieldSendfile
	case is("Content-Type"):
		return fieldType
	case is("Content-Length"), is("Content-Range"), is("Accept-Ranges"), is("ETag"), is("Last-Modified"):
		return fieldOfBody
	}
	return fieldOther
}

// namedFile is what an answer says about the file that is to be sent in its place. It holds copies: the answer is closed
// before the file is read.
type namedFile struct {
	redirect, path []byte
	mediaType      []byte // the line, or nil
	kept           []byte // lines
}

// readNamed takes the header apart. Of several such fields the last one counts, and X-Accel-Redirect before X-Sendfile.
func readNamed(fields []byte) (n namedFile) {
	for rest := bytes.Clone(fields); len(rest) > 0; {
		line := rest
		if end := bytes.IndexByte(rest, '\n'); end >= 0 {
			line = rest[:end+1]
		}
		rest = rest[len(line):]
		_, value, _ := bytes.Cut(line, []byte(":"))
		switch value = bytes.TrimSpace(value); nameOf(line) {
		case fieldRedirect:
			n.redirect = value
		case fieldSendfile:
			n.path = value
		case fieldType:
			n.mediaType = line
		case fieldOther:
			n.kept = append(n.kept, line...)
		}
	}
	return n
}

// dress puts the application's fields onto the answer with the file. That may be shared: it gets a copy.
func (n *namedFile) dress(resp *gateway.Response) *gateway.Response {
	dressed := *resp
	own := resp.Fields
	if nameOf(own) == fieldType && n.mediaType != nil && !isMultipart(own) {
		_, own, _ = bytes.Cut(own, []byte("\n"))
	}
	dressed.Fields = make([]byte, 0, len(n.mediaType)+len(own)+len(n.kept))
	if len(own) != len(resp.Fields) {
		dressed.Fields = append(dressed.Fields, n.mediaType...)
	}
	dressed.Fields = append(append(dressed.Fields, own...), n.kept...)
	if resp.Status >= http.StatusBadRequest {
		dressed.Fields = resp.Fields // a page of ours about the request
	}
	return &dressed
}

func isMultipart(fields []byte) bool {
	return bytes.HasPrefix(fields, []byte("Content-Type: multipart/byteranges"))
}
