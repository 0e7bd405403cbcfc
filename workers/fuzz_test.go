package workers

import (
	"bytes"
	"fmt"
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

// FuzzStat: a process chooses the name that the kernel puts into its line; it is never taken for the fields behind it.
func FuzzStat(f *testing.F) {
	f.Add("python3", "S", 1, 2, 3, []byte("1 (a) S 1 2 3"))
	f.Add(") Z 1 1 1 (", "Z", 1000, 0, -1, []byte(""))
	f.Add("a)\n) R", "R", 4194304, 7, 7, []byte("1 (a) Z x 2 3"))
	f.Add("", "D", 0, 0, 0, []byte(")) 1 2 3 4"))
	f.Fuzz(func(t *testing.T, name, state string, parent, group, session int, any []byte) {
		parseStat(1, any)
		if len(state) != 1 || state[0] < 'A' || state[0] > 'z' {
			return
		}
		line := fmt.Sprintf("77 (%s) %s %d %d %d 0 -1 4194560 5 0 0 0 0 0\n", name, state, parent, group, session)
		c, from, ok := parseStat(77, []byte(line))
		want := relative{pid: 77, group: group, session: session, zombie: state == "Z"}
		if !ok || c != want || from != parent {
			t.Fatalf("%q: %+v, child of %d, %v", line, c, from, ok)
		}
	})
}
