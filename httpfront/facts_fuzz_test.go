package httpfront

import (
	"bytes"
	"testing"
)

// FuzzFacts: a field that the application gave is seen, however it is written, and so no second one is added.
func FuzzFacts(f *testing.F) {
	f.Add([]byte("Date: x\r\nSERVER:\r\nContent-Length: 5\r\n"))
	f.Add([]byte("X-Date: x\r\nDate : x\r\nda\r\n:\r\ncontent-lengt:h\r\nServer"))
	f.Fuzz(func(t *testing.T, fields []byte) {
		has := func(name string) bool { return hasLine(fields, name) }
		want := fieldFacts{date: has("date"), server: has("server"), length: has("content-length")}
		if got := readFields(fields); got != want {
			t.Fatalf("%q: %+v, not %+v", fields, got, want)
		}
		if kept := appendWithoutLength(nil, fields); hasLine(kept, "content-length") {
			t.Fatalf("%q keeps a length: %q", fields, kept)
		}
	})
}

// hasLine looks for a line by its name in lower case.
func hasLine(fields []byte, name string) bool {
	lower := bytes.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, fields)
	return bytes.Contains(append([]byte("\n"), lower...), []byte("\n"+name+":"))
}
