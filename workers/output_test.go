package workers

import (
	"bytes"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func TestSplitLines(t *testing.T) {
	long := strings.Repeat("x", maxLine)
	tests := []struct {
		name, input string
		want        []string
	}{
		{"nothing", "", nil},
		{"lines", "one\ntwo\n", []string{"one", "two"}},
		{"empty lines", "\n\na\n", []string{"", "", "a"}},
		{"last one incomplete", "one\ntwo", []string{"one", "two"}},
		{"carriage return", "one\r\ntwo\rthree\n", []string{"one", "two\rthree"}},
		{"longest", long[1:] + "\nb\n", []string{long[1:], "b"}},
		{"too long", "a\n" + long + "yz\nb\n", []string{"a", long, "yz", "b"}},
		{"endless", long + long, []string{long, long}},
	}
	for _, test := range tests {
		for name, reader := range map[string]io.Reader{
			"at once":      strings.NewReader(test.input),
			"byte by byte": iotest.OneByteReader(strings.NewReader(test.input)),
		} {
			var got []string
			splitLines(reader, maxLine, func(line []byte) { got = append(got, string(line)) })
			if !slices.Equal(got, test.want) {
				t.Errorf("%s, %s: %d lines %.80q, want %d %.80q", test.name, name, len(got), got, len(test.want), test.want)
			}
		}
	}
}

func TestPump_TracebacksAreErrors(t *testing.T) {
	var log bytes.Buffer
	p := &pump{log: slog.New(slog.NewTextHandler(&log, nil)), tail: &tail{}}
	const output = "hello\nTraceback (most recent call last):\n  File \"a.py\", line 1, in <module>\nValueError: x\nafter\n" +
		"Thread 0x00007f (most recent call first):\n  File \"b.py\", line 2 in hang\nend"
	splitLines(strings.NewReader(output), maxLine, p.line)
	var levels []string
	for line := range strings.Lines(log.String()) {
		levels = append(levels, strings.Fields(line)[1])
	}
	want := []string{"INFO", "ERROR", "ERROR", "ERROR", "INFO", "ERROR", "ERROR", "ERROR"}
	for i := range want {
		want[i] = "level=" + want[i]
	}
	if !slices.Equal(levels, want) {
		t.Errorf("got %v", levels)
	}
	if got := p.tail.String(); got != output {
		t.Errorf("the tail is %q", got)
	}
}

func TestTail_KeepsTheLast(t *testing.T) {
	kept := &tail{}
	for i := range 3 * tailLines {
		kept.add(strings.Repeat("x", i))
	}
	lines := strings.Split(kept.String(), "\n")
	if len(lines) != tailLines || len(lines[tailLines-1]) != 3*tailLines-1 {
		t.Errorf("%d lines, the last has %d bytes", len(lines), len(lines[len(lines)-1]))
	}
}
