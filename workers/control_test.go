package workers

import (
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
)

// workerMessages are as python/accel/control.c and python/penknife/channel.py write them.
var workerMessages = []struct {
	raw  string
	want workerMessage
}{
	{"R", workerMessage{kind: sayReady}},
	{"C", workerMessage{kind: sayCall}},
	{"W/x raised KeyError\n", workerMessage{kind: sayUnfit, text: "/x raised KeyError\n"}},
	{"ETraceback", workerMessage{kind: sayFailed, text: "Traceback"}},
	{"L\x03\x00\x00\x00\x00\x00\x00\x2a\x00\x00\x00\x00\x00\x00\x01hi",
		workerMessage{kind: sayLog, level: slog.LevelWarn, request: 1<<56 | 42, text: "hi"}},
	{"F\x00\x00\x00\x05\x00\x00\x00\x00\x01\x00\x00", workerMessage{kind: sayFile, slot: 5, position: 256}},
}

var malformed = []string{
	"", "Q", "Cx", "L", "L\x02\x00\x00\x00\x00\x00\x00\x2a\x00\x00\x00\x00\x00\x00", // a byte short
	"L\x00" + strings.Repeat("\x00", 14), "L\x05" + strings.Repeat("\x00", 14), "L\xff" + strings.Repeat("\x00", 14),
	"F\x00\x00\x00\x05\x00\x00\x00\x00\x01\x00", "F\x00\x00\x00\x05\x00\x00\x00\x00\x01\x00\x00\x00",
}

func TestParseWorkerMessage(t *testing.T) {
	for _, test := range workerMessages {
		if got, err := parseWorkerMessage([]byte(test.raw)); err != nil || got != test.want {
			t.Errorf("%q: %+v, %v", test.raw, got, err)
		}
	}
	for _, raw := range malformed {
		if got, err := parseWorkerMessage([]byte(raw)); !errors.Is(err, errNonsense) {
			t.Errorf("%q: %+v, %v", raw, got, err)
		}
	}
}

// FuzzWorkerMessage: what a broken worker writes must never end this process.
func FuzzWorkerMessage(f *testing.F) {
	for _, test := range workerMessages {
		f.Add([]byte(test.raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := parseWorkerMessage(raw)
		if err == nil && len(m.text) > len(raw) {
			t.Errorf("%d bytes of text out of %d", len(m.text), len(raw))
		}
	})
}

// TestReadMessage_LastWordsSurviveAReset: an interpreter that is refused says so and exits without having read its
// settings; the kernel answers ECONNRESET to the first read then.
func TestReadMessage_LastWordsSurviveAReset(t *testing.T) {
	ours, theirs, err := controlPair("test")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ours.Close() }()
	if _, err := ours.Write([]byte("settings")); err != nil {
		t.Fatal(err)
	}
	if _, err := theirs.Write([]byte("Itoo old")); err != nil {
		t.Fatal(err)
	}
	_ = theirs.Close()
	buffer := make([]byte, 100)
	if m, _, err := readMessage(ours, buffer, nil); err != nil || string(m) != "Itoo old" {
		t.Errorf("%q, %v", m, err)
	}
	if _, _, err := readMessage(ours, buffer, nil); !errors.Is(err, io.EOF) {
		t.Errorf("after the last message: %v", err)
	}
}
