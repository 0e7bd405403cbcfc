package logsinks

import (
	"bytes"
	"errors"
	"testing"
)

// fullDisk takes room bytes and then fails.
type fullDisk struct {
	bytes.Buffer
	room int
}

var errNoSpace = errors.New("no space")

func (d *fullDisk) Write(p []byte) (int, error) {
	n := min(d.room, len(p))
	d.room -= n
	d.Buffer.Write(p[:n])
	if n < len(p) {
		return n, errNoSpace
	}
	return n, nil
}

// TestLines_OneThatWasCutShortSpoilsNoOther: a disk that is full takes part of a line; when there is room again, the
// next line begins on its own.
func TestLines_OneThatWasCutShortSpoilsNoOther(t *testing.T) {
	disk := &fullDisk{room: 8}
	target := Stream(disk)
	for _, step := range []struct {
		room int
		text string
		lost int
	}{
		{8, "one\ntwo\nthree\n", 1}, // takes whole lines only
		{2, "four\nfive\n", 2},
		{0, "six\n", 1},
		{100, "seven\n", 0},
	} {
		disk.room = step.room
		lost, err := target.Write([]byte(step.text))
		if lost != step.lost || (lost > 0) != errors.Is(err, errNoSpace) {
			t.Errorf("%q: lost %d, %v", step.text, lost, err)
		}
	}
	if got := disk.String(); got != "one\ntwo\nfo\nseven\n" {
		t.Errorf("%q", got)
	}
}
