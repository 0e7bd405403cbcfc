package tuning

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"penknife/osproc"
)

func TestChoose(t *testing.T) {
	second := time.Second
	for _, row := range []struct {
		name      string
		policy    osproc.Policy
		cpu, wait time.Duration
		want      osproc.Policy
	}{
		{"idle", osproc.Batch, 0, 0, osproc.Batch},
		{"little to do on a machine with room", osproc.Batch, 10 * time.Millisecond, 15 * time.Millisecond, osproc.Batch},
		{"little to do, and long waits for it", osproc.Batch, 10 * time.Millisecond, 300 * time.Millisecond, osproc.Normal},
		{"a single wait", osproc.Batch, time.Millisecond, 8 * time.Millisecond, osproc.Batch},
		{"much to do, and long waits", osproc.Batch, 40 * time.Millisecond, second, osproc.Batch},
		{"little to do, without waits by now", osproc.Normal, 10 * time.Millisecond, 0, osproc.Normal},
		{"little to do after much of it", osproc.Batch, 10 * time.Millisecond, unread, osproc.Batch},
		{"four times as much for it", osproc.Normal, 120 * time.Millisecond, 0, osproc.Normal},
		{"much to do", osproc.Normal, 160 * time.Millisecond, 0, osproc.Batch},
	} {
		from := reading{at: time.Unix(1000, 0), cpu: time.Minute, wait: time.Hour}
		to := reading{at: from.at.Add(second), cpu: from.cpu + row.cpu, wait: from.wait + row.wait}
		if row.wait == unread {
			from.wait = unread
		}
		if got := choose(row.policy, from, to); got != row.want {
			t.Errorf("%s: %d, and not %d", row.name, got, row.want)
		}
	}
}

// TestPace follows one through a day: each change begins with a new reading, and an error is its last word.
func TestPace(t *testing.T) {
	var now reading
	looks := 0
	var set []osproc.Policy
	var failure error
	p := NewPace("auto", slog.New(slog.DiscardHandler))
	p.busy = func() (reading, error) { return now, failure }
	p.waits = func() (time.Duration, error) { looks++; return now.wait, nil }
	p.set = func(policy osproc.Policy) error { set = append(set, policy); return nil }
	now.at = time.Unix(1000, 0)
	pass := func(cpu, wait time.Duration) {
		now.at, now.cpu, now.wait = now.at.Add(time.Second), now.cpu+cpu, now.wait+wait
		p.Look()
	}
	pass(0, time.Hour) // nobody knows how long that took
	pass(time.Millisecond, 20*time.Millisecond)
	pass(time.Second, 0)
	pass(time.Second, 0)
	pass(time.Second, time.Hour)
	pass(0, time.Hour) // nor how much of this came when there was little to do
	pass(time.Millisecond, 20*time.Millisecond)
	if looks != 4 {
		t.Errorf("%d looks at the waits: they are for when there is little to do", looks)
	}
	if len(set) != 3 || set[0] != osproc.Normal || set[1] != osproc.Batch || set[2] != osproc.Normal {
		t.Errorf("%v", set)
	}
	failure = errors.New("no clock")
	pass(0, 0)
	failure = nil
	pass(time.Second, 0)
	pass(time.Second, 0)
	if len(set) != 3 {
		t.Errorf("after an error: %v", set)
	}
}

func TestPace_None(t *testing.T) {
	for _, policy := range []string{"batch", "other"} {
		p := NewPace(policy, nil)
		p.Look()
		if p != nil {
			t.Errorf("%s: there is one", policy)
		}
	}
}

// TestReadings: this process has been on a CPU, and its threads have waited for one.
func TestReadings(t *testing.T) {
	r, err := readCPU()
	if err != nil || r.cpu <= 0 || time.Since(r.at) > time.Minute {
		t.Errorf("%+v, %v", r, err)
	}
	if wait, err := readWaits(); err != nil || wait <= 0 {
		t.Errorf("%v, %v", wait, err)
	}
}
