package accesslog

import (
	"bytes"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the test's machine may have no zones

	"penknife/logsinks"
)

// TestAtoms_ClocksPutForward: each line has the offset of its moment, also in the seconds beside the one in which the zone's
// clocks are put forward or back, and in an hour that comes twice.
func TestAtoms_ClocksPutForward(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	format, err := Compile(Combined, 4096)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := logsinks.New(logsinks.Options{Target: logsinks.Stream(&out), Limit: 1 << 20})
	log := New(format, w, WrapLine, Filter{})
	want := []string{
		"[29/Mar/2026:01:59:59 +0100]", "[29/Mar/2026:03:00:00 +0200]",
		"[25/Oct/2026:02:59:59 +0200]", "[25/Oct/2026:02:00:00 +0100]", "[25/Oct/2026:02:59:59 +0100]",
	}
	for _, at := range []string{
		"2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z", "2026-10-25T00:59:59Z", "2026-10-25T01:00:00Z", "2026-10-25T01:59:59Z",
	} {
		r, outcome := usual()
		if r.Start, err = time.Parse(time.RFC3339, at); err != nil {
			t.Fatal(err)
		}
		r.Start = r.Start.In(berlin)
		log.Add(r, outcome)
	}
	if err := w.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for i, line := range lines {
		if !strings.Contains(line, want[i]) {
			t.Errorf("%s is not in %s", want[i], line)
		}
	}
	if len(lines) != len(want) {
		t.Errorf("%d lines", len(lines))
	}
}
