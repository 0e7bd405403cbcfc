package static

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"io"
	"net/http"
	"os"
	"strconv"

	"penknife/gateway"
)

// boundary starts the line between the parts of an answer. It is drawn at start, so that nobody can put it into a file.
type boundary string

func newSeed() boundary {
	var random [12]byte
	rand.Read(random[:]) //nolint:errcheck // it never fails
	return boundary(hex.EncodeToString(random[:]))
}

func appendContentRange(dst []byte, s span, size int64) []byte {
	dst = append(dst, "Content-Range: bytes "...)
	dst = append(strconv.AppendInt(dst, s.start, 10), '-')
	dst = append(strconv.AppendInt(dst, s.start+s.length-1, 10), '/')
	return append(strconv.AppendInt(dst, size, 10), '\r', '\n')
}

// multipart answers several ranges (RFC 9110 section 14.6). It takes over the open file.
func multipart(f *file, from *os.File, spans []span, line boundary) *gateway.Response {
	var source io.ReaderAt = bytes.NewReader(f.content)
	if from != nil {
		source = from
	}
	typeLine, others, _ := bytes.Cut(f.full, []byte("\r\n"))
	var readers []io.Reader
	length := int64(0)
	for _, s := range spans {
		head := append(append([]byte("\r\n--"+line+"\r\n"), typeLine...), '\r', '\n')
		head = append(appendContentRange(head, s, f.length()), '\r', '\n')
		readers = append(readers, bytes.NewReader(head), io.NewSectionReader(source, s.start, s.length))
		length += int64(len(head)) + s.length
	}
	end := []byte("\r\n--" + line + "--\r\n")
	readers, length = append(readers, bytes.NewReader(end)), length+int64(len(end))
	fields := appendField(nil, "Content-Type", "multipart/byteranges; boundary="+string(line))
	return &gateway.Response{
		Status: http.StatusPartialContent, Reason: reasonPartial, Fields: append(fields, others...), Length: length,
		Body: &fileBody{Reader: io.MultiReader(readers...), file: from},
	}
}
