package static

import (
	"io"
	"net/http"
	"os"
	"strconv"

	"penknife/gateway"
)

var reasonPartial = []byte("Partial Content")

// emptyBody is the body of an answer without one, and of one that is there as a whole.
type emptyBody struct{}

func (emptyBody) Read([]byte) (int, error) { return 0, io.EOF }
func (emptyBody) CloseWithError(error)     {}

var noBody gateway.Body = emptyBody{}

// fileBody is a body with a file behind it; the file may be nil.
type fileBody struct {
	io.Reader
	file *os.File
}

// CloseWithError closes the file.
func (b *fileBody) CloseWithError(error) {
	if b.file != nil {
		b.file.Close() //nolint:errcheck // nothing was written
	}
}

// answer makes the answer to a request whose conditions hold. It takes over the open file, which is nil for a file
// with content and for HEAD.
func (v *visit) answer(f *file, from *os.File) *gateway.Response {
	if v.wantsRange(f) {
		spans, verdict := parseRanges(v.ranges, f.length())
		switch verdict {
		case rangeRefused:
			release(from)
			v.m.count(Refused)
			return unsatisfiable(f)
		case rangePartial:
			v.countSource(f)
			return v.partial(f, from, spans)
		}
	}
	v.countSource(f)
	if f.whole != nil {
		return f.whole
	}
	resp := &gateway.Response{Status: http.StatusOK, Reason: reasonOK, Fields: f.full, Length: f.length(), Body: noBody}
	if from != nil {
		attach(resp, from, 0)
	}
	return resp
}

// attach makes a part of a file the body, which then closes it.
func attach(resp *gateway.Response, from *os.File, offset int64) {
	resp.File, resp.Offset = from, offset
	resp.Body = &fileBody{Reader: io.NewSectionReader(from, offset, resp.Length), file: from}
}

func (v *visit) partial(f *file, from *os.File, spans []span) *gateway.Response {
	if len(spans) > 1 {
		line := v.m.boundary + boundary(strconv.FormatUint(v.r.ID, 16))
		return multipart(f, from, spans, line)
	}
	s := spans[0]
	fields := append(make([]byte, 0, len(f.full)+64), f.full...)
	resp := &gateway.Response{
		Status: http.StatusPartialContent, Reason: reasonPartial, Length: s.length, Body: noBody,
		Fields: appendContentRange(fields, s, f.length()),
	}
	if from != nil {
		attach(resp, from, s.start)
		return resp
	}
	resp.Whole = f.content[s.start : s.start+s.length]
	return resp
}

func (v *visit) countSource(f *file) {
	if f == v.held && f.content != nil {
		v.m.count(FromMemory)
		return
	}
	v.m.count(FromDisk)
}

func release(f *os.File) {
	if f != nil {
		f.Close() //nolint:errcheck // nothing was written
	}
}

// plainPage is an answer of ours: its status as text.
func plainPage(status int, fields string) *gateway.Response {
	reason := http.StatusText(status)
	text := strconv.Itoa(status) + " " + reason + "\n"
	return &gateway.Response{
		Status: status, Reason: []byte(reason), Fields: []byte(fields + "Content-Type: text/plain; charset=utf-8\r\n"),
		Length: int64(len(text)), Whole: []byte(text), Body: noBody,
	}
}

func unsatisfiable(f *file) *gateway.Response {
	return plainPage(http.StatusRequestedRangeNotSatisfiable, "Content-Range: bytes */"+strconv.FormatInt(f.length(), 10)+"\r\n")
}
