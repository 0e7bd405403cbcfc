package logsinks

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// FuzzJournal: no value of a log line makes another field of the journal's entry than its own.
func FuzzJournal(f *testing.F) {
	f.Add([]byte("GET /a"), []byte("agent"))
	f.Add([]byte("a\nPRIORITY=0\n"), []byte("\n"))
	f.Add([]byte(""), []byte("=\x00\r\xff"))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		entry := AppendJournalField(AppendJournalField(nil, "FIRST", first), "SECOND", string(second))
		for _, want := range []struct {
			name  string
			value []byte
		}{{"FIRST", first}, {"SECOND", second}} {
			var name string
			var value []byte
			name, value, entry = readField(t, entry)
			if name != want.name || !bytes.Equal(value, want.value) {
				t.Fatalf("%s is %q, not %q", name, value, want.value)
			}
		}
		if len(entry) > 0 {
			t.Fatalf("there is more: %q", entry)
		}
	})
}

// readField reads as https://systemd.io/JOURNAL_NATIVE_PROTOCOL/ says.
func readField(t *testing.T, entry []byte) (name string, value, rest []byte) {
	t.Helper()
	line, rest, whole := bytes.Cut(entry, []byte("\n"))
	if !whole {
		t.Fatalf("%q does not end", entry)
	}
	if before, after, plain := bytes.Cut(line, []byte("=")); plain {
		return string(before), after, rest
	}
	if len(rest) < 8 {
		t.Fatalf("%q has no size", entry)
	}
	size := binary.LittleEndian.Uint64(rest)
	rest = rest[8:]
	if size >= uint64(len(rest)) || rest[size] != '\n' {
		t.Fatalf("%q is said to have %d bytes", entry, size)
	}
	return string(line), rest[:size], rest[size+1:]
}
