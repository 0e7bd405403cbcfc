package workers

import (
	"bytes"
	"strings"
	"testing"
	"testing/iotest"
)

// FuzzLines: what a process writes arrives in the log whole, in lines and in pieces of lines, however it comes through the
// pipe.
func FuzzLines(f *testing.F) {
	f.Add([]byte("one\ntwo\r\n\nthree"), uint8(4))
	f.Add([]byte("Traceback (most recent call last):\n  File\nValueError: x\n"), uint8(200))
	f.Add(bytes.Repeat([]byte("x"), 40), uint8(7))
	f.Fuzz(func(t *testing.T, written []byte, longest uint8) {
		limit := max(1, int(longest))
		var p pump
		collect := func(from *bytes.Reader, slow bool) []string {
			var lines []string
			take := func(line []byte) {
				if len(line) > limit || bytes.IndexByte(line, '\n') >= 0 {
					t.Fatalf("a line %q", line)
				}
				p.level(line)
				lines = append(lines, string(line))
			}
			if slow {
				splitLines(iotest.OneByteReader(from), limit, take)
			} else {
				splitLines(from, limit, take)
			}
			return lines
		}
		fast, slow := collect(bytes.NewReader(written), false), collect(bytes.NewReader(written), true)
		drop := strings.NewReplacer("\n", "", "\r", "").Replace
		for _, lines := range [][]string{fast, slow} {
			if got := drop(strings.Join(lines, "")); got != drop(string(written)) {
				t.Fatalf("%q became %q", written, lines)
			}
		}
	})
}
