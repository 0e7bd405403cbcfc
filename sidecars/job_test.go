package sidecars

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"penknife/configs"
	"penknife/internal/testkit"
)

// every is a job that is due each second, the shortest time that the syntax knows.
func every(name, command string) configs.CronJob {
	return configs.CronJob{Name: name, Schedule: "@every 1s", Command: command}
}

func TestJob_Runs(t *testing.T) {
	t.Parallel()
	b := newBench(t).start(nil, []configs.CronJob{every("good", "echo run >> good"), every("bad", "exit 4")})
	b.eventually("two runs", func() bool { return len(b.lines("good")) >= 2 && b.count("bad failed") >= 1 })
	good, bad := b.job(0), b.job(1)
	if good.Failures != 0 || good.LastOutcome != "exit status 0" || good.Next.IsZero() || good.LastBegin.IsZero() {
		t.Errorf("good: %+v", good)
	}
	if bad.Failures == 0 || bad.LastOutcome != "exit status 4" {
		t.Errorf("bad: %+v", bad)
	}
}

// TestJob_DoesNotOverlap, also across a reload; and does if it is asked to.
func TestJob_DoesNotOverlap(t *testing.T) {
	t.Parallel()
	long := every("long", "echo x >> long; exec sleep 1000")
	both := every("both", "echo x >> both; exec sleep 1000")
	both.Overlap = true
	b := newBench(t).start(nil, []configs.CronJob{long, both})
	b.eventually("a second run was skipped", func() bool { return b.count("long skipped") >= 1 && len(b.lines("both")) >= 2 })
	changed := long
	changed.Timeout = time.Hour
	if err := b.Apply(Config{Cron: []configs.CronJob{changed}, Place: b.place}); err != nil {
		t.Fatal(err)
	}
	before := b.count("long skipped")
	b.eventually("the changed one waits for the old one", func() bool { return b.count("long skipped") > before })
	if got := len(b.lines("long")); got != 1 {
		t.Errorf("%d runs began, want 1", got)
	}
}

func TestJob_Timeout(t *testing.T) {
	t.Parallel()
	late := every("late", "exec sleep 1000")
	late.Timeout = 20 * time.Millisecond
	b := newBench(t).start(nil, []configs.CronJob{late})
	b.eventually("it was ended", func() bool { return b.count("late timeout") >= 1 })
	if got := b.job(0).LastOutcome; !strings.Contains(got, "cron.timeout") {
		t.Errorf("outcome %q does not name the limit", got)
	}
}

func TestJob_CallsPython(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	module := "import os\nclass tools:\n    def clean():\n        open('called', 'a').write(os.environ['PENKNIFE_TEST'] + '\\n')\ndef fails():\n    raise ValueError('no way')\n"
	if err := os.WriteFile(filepath.Join(b.dir, "jobs.py"), []byte(module), 0o600); err != nil {
		t.Fatal(err)
	}
	good := configs.CronJob{Name: "good", Schedule: "@every 1s", Call: "jobs:tools.clean"}
	bad := configs.CronJob{Name: "bad", Schedule: "@every 1s", Call: "jobs:fails"}
	b.start(nil, []configs.CronJob{good, bad})
	b.eventually("both ran", func() bool { return b.count("good succeeded") >= 1 && b.count("bad failed") >= 1 })
	if got := b.lines("called"); got[0] != "yes" {
		t.Errorf("the function wrote %q", got)
	}
	if !strings.Contains(b.journal.String(), "ValueError: no way") {
		t.Error("the traceback is not in the log")
	}
}

// TestPause: a server that stops begins nothing new, and its stop ends what runs.
func TestPause(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if err := b.Apply(Config{Cron: []configs.CronJob{every("j", "echo $$ >> pids; exec sleep 1000")}, Place: b.place}); err != nil {
		t.Fatal(err)
	}
	b.eventually("it runs", func() bool { return len(b.lines("pids")) == 1 })
	b.Pause()
	if err := b.shutdown(patience); err != nil {
		t.Error(err)
	}
	if isThere(b.lines("pids")[0]) {
		t.Error("the job is still there")
	}
	if s := b.job(0); s.Running != 0 || s.Runs != 1 {
		t.Errorf("status %+v", s)
	}
}

func TestApply_BadSchedule(t *testing.T) {
	t.Parallel()
	b := newBench(t).start(nil, []configs.CronJob{every("j", "true")})
	err := b.Apply(Config{Cron: []configs.CronJob{{Name: "k", Schedule: "61 * * * *", Command: "true"}}, Place: b.place})
	if !errors.Is(err, ErrNotReplaced) || b.job(0).Name != "j" {
		t.Errorf("%v, %+v", err, b.job(0))
	}
}

// TestBeginDue_MakesUpOnce: a machine that slept through many times runs the job once.
func TestBeginDue_MakesUpOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t).start(nil, []configs.CronJob{{Name: "j", Schedule: "@yearly", Command: "echo x >> runs"}})
	b.Manager.mu.Lock()
	b.jobs[0].next = time.Now().Add(-time.Hour)
	b.Manager.mu.Unlock()
	if next := b.beginDue(time.Now()); !next.After(time.Now()) {
		t.Errorf("next at %v", next)
	}
	b.beginDue(time.Now())
	b.eventually("it ran", func() bool { return b.count("j succeeded") == 1 })
	if got := len(b.lines("runs")); got != 1 {
		t.Errorf("%d runs", got)
	}
}

// TestBeginDue_TheClockIsSetBack: who runs each minute goes on within a minute, whatever the date has become; what runs once a day
// does not run twice because the clock was set right by an hour, and is not late by a year because it was wrong by one.
func TestBeginDue_TheClockIsSetBack(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	jobs, err := b.makeJobs(Config{Place: b.place, Cron: []configs.CronJob{ // nobody but the test asks what is due
		{Name: "minutely", Schedule: "* * * * *", Command: "true"}, {Name: "every", Schedule: "@every 30m", Command: "true"},
		{Name: "daily", Schedule: "0 3 * * *", Command: "true"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	b.Manager.jobs = jobs
	next := func() (list [3]time.Time) {
		_, jobs := b.Status()
		for i, j := range jobs {
			list[i] = j.Next.Round(0)
		}
		return list
	}
	now, before := time.Now(), next()
	b.beginDue(now)
	for _, step := range []struct {
		back     time.Duration
		replaced [3]bool
	}{
		{2 * time.Second, [3]bool{}}, // as a clock is corrected: what has just begun must not begin again
		{10 * time.Minute, [3]bool{true, false, false}},
		{time.Hour, [3]bool{true, true, false}},
		{48 * time.Hour, [3]bool{true, true, true}},
		{400 * 24 * time.Hour, [3]bool{true, true, true}},
	} {
		now = testkit.Stepped(now, -step.back)
		b.beginDue(now)
		after := next()
		for i, name := range []string{"minutely", "every", "daily"} {
			if changed := !after[i].Equal(before[i]); changed != step.replaced[i] {
				t.Errorf("%v back: %s: %v became %v", step.back, name, before[i], after[i])
			}
			if wait := after[i].Sub(now.Round(0)); step.replaced[i] && (wait < 0 || wait > []time.Duration{time.Minute, 30 * time.Minute, 25 * time.Hour}[i]) {
				t.Errorf("%v back: %s waits for %v", step.back, name, wait)
			}
		}
		before = after
	}
	if n := strings.Count(b.journal.String(), "the clock was set back"); n != 9 {
		t.Errorf("the log says so %d times", n)
	}
}

func TestStates(t *testing.T) {
	for s := State(1); int(s) < len(stateNames); s++ {
		if s.String() == "" || s.String() == "unknown" {
			t.Errorf("state %d has no name", s)
		}
	}
	if State(0).String() != "unknown" || State(99).String() != "unknown" {
		t.Error("what is no state has a name")
	}
}

func TestLines(t *testing.T) {
	var j journal
	l := &lines{log: newTextLog(&j)}
	for _, piece := range []string{"one\ntw", "o\r\n", strings.Repeat("x", maxLine+10), "\nlast"} {
		if n, err := l.Write([]byte(piece)); n != len(piece) || err != nil {
			t.Errorf("wrote %d, %v", n, err)
		}
	}
	l.flush()
	text := j.String()
	for _, want := range []string{"line=one\n", "line=two\n", "line=" + strings.Repeat("x", maxLine) + "\n", "line=xxxxxxxxxx\n", "line=last\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%.20q is missing", want)
		}
	}
}
