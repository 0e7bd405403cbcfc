package static

import (
	"bytes"
	"testing"

	"penknife/gateway"
)

// FuzzNamed: of the fields of an answer that names a file, the client gets none that names it and none about bytes that
// are not sent, and all the others as they are.
func FuzzNamed(f *testing.F) {
	f.Add([]byte("X-Accel-Redirect: /a\r\nContent-Type: text/x\r\nContent-Length: 3\r\nA: b\r\n"), []byte("Content-Type: image/png\r\nETag: \"a\"\r\n"), 200)
	f.Add([]byte("x-sendfile:/etc/passwd\r\nX-Sendfile: \r\nETAG:x\r\n"), []byte("Content-Type: multipart/byteranges; boundary=x\r\n"), 206)
	f.Add([]byte("no colon\r\n: x\r\nX-Accel-Redirect:a\n"), []byte(""), 404)
	f.Fuzz(func(t *testing.T, fields, own []byte, status int) {
		before := bytes.Clone(fields)
		n := readNamed(fields)
		file := gateway.Response{Status: status, Fields: own}
		dressed := n.dress(&file).Fields
		if !bytes.Equal(fields, before) || !bytes.Equal(file.Fields, own) {
			t.Fatal("what is shared was changed")
		}
		if status >= 400 {
			if !bytes.Equal(dressed, own) {
				t.Fatalf("%q is not %q", dressed, own)
			}
			return
		}
		var want []byte
		for line := range bytes.SplitAfterSeq(fields, []byte("\n")) {
			if kind := nameOf(line); kind == fieldOther {
				want = append(want, line...)
			}
		}
		if !bytes.Equal(n.kept, want) || !bytes.HasSuffix(dressed, want) {
			t.Fatalf("%q keeps %q, not %q, and gives %q", fields, n.kept, want, dressed)
		}
		for line := range bytes.SplitSeq(dressed[:len(dressed)-len(want)], []byte("\n")) {
			if kind := nameOf(line); kind == fieldRedirect || kind == fieldSendfile {
				if nameOfAny(own) == 0 {
					t.Fatalf("%q tells the client where the file is", dressed)
				}
			}
		}
	})
}

// nameOfAny counts the lines of our own that name a file: none but a fuzzer's.
func nameOfAny(own []byte) (n int) {
	for line := range bytes.SplitSeq(own, []byte("\n")) {
		if kind := nameOf(line); kind == fieldRedirect || kind == fieldSendfile {
			n++
		}
	}
	return n
}
