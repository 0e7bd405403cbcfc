package logsinks

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"penknife/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stuck takes a write only when told to.
type stuck struct {
	entered chan int
	proceed chan struct{}
}

func newStuck() *stuck { return &stuck{make(chan int, 8), make(chan struct{})} }

func (s *stuck) Write(p []byte) (int, error) {
	s.entered <- len(p)
	<-s.proceed
	return len(p), nil
}

func line(w *Writer, text string) { w.Append([]byte(text+"\n"), SeverityInfo, time.Now()) }

func TestWriter_DropsRatherThanBlocks(t *testing.T) {
	out := newStuck()
	var missing int
	w := New(Options{Target: Stream(out), Limit: 1000, Dropped: func(n int, err error) {
		missing += n
		if err != nil {
			t.Error(err)
		}
	}})
	w.Start()
	line(w, "first")
	<-out.entered // the goroutine is stuck in its first write from here on
	for range 300 {
		line(w, strings.Repeat("x", 9))
	}
	close(out.proceed)
	if err := w.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if got := <-out.entered; got > 1010 || missing != 300-got/10 {
		t.Errorf("%d bytes waited, %d lines were counted as dropped", got, missing)
	}
	line(w, "late") // dropped, and no panic
}

func TestWriter_GivesUpOnTime(t *testing.T) {
	out := newStuck()
	w := New(Options{Target: Stream(out), Limit: 1000})
	line(w, "x")
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- w.Shutdown(ctx) }() // ended by cancel
	<-out.entered
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("shutdown: %v", err)
	}
	if err := w.Reopen(ctx); err == nil {
		t.Error("reopened while the output is stuck")
	}
	close(out.proceed)
	<-w.done
	if err := w.Reopen(t.Context()); !errors.Is(err, ErrStopped) {
		t.Errorf("reopen after the end: %v", err)
	}
}

func TestWriter_GathersForItsDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out testkit.Buffer
		w := New(Options{Target: Stream(&out), Limit: 1 << 20, Delay: time.Second})
		w.Start()
		line(w, "one")
		time.AfterFunc(500*time.Millisecond, func() { line(w, "two") })
		wait := func(d time.Duration) { <-time.After(d); synctest.Wait() }
		wait(999 * time.Millisecond)
		if got := out.String(); got != "" {
			t.Errorf("written early: %q", got)
		}
		wait(2 * time.Millisecond)
		if got := out.String(); got != "one\ntwo\n" {
			t.Errorf("after the delay: %q", got)
		}
		line(w, strings.Repeat("x", flushSize))
		synctest.Wait()
		if got := out.String(); len(got) < flushSize {
			t.Error("a full buffer waits")
		}
		line(w, "three")
		if err := w.Reopen(t.Context()); err != nil || !strings.HasSuffix(out.String(), "three\n") {
			t.Errorf("reopen: %v, %q", err, out.String()[flushSize:])
		}
		if err := w.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// failing fails after some bytes.
type failing struct{ room int }

func (f *failing) Write(p []byte) (int, error) {
	n := min(f.room, len(p))
	f.room -= n
	if n < len(p) {
		return n, io.ErrShortWrite
	}
	return n, nil
}

func TestWriter_CountsWhatTheTargetLost(t *testing.T) {
	lost, problem := 0, error(nil)
	w := New(Options{Target: Stream(&failing{room: 6}), Limit: 1000, Dropped: func(n int, err error) { lost, problem = lost+n, err }})
	for range 4 {
		line(w, "xyz")
	}
	if err := w.Shutdown(t.Context()); err != nil || lost != 3 || !errors.Is(problem, io.ErrShortWrite) {
		t.Errorf("%v, %d lost, %v", err, lost, problem)
	}
}

func TestHandler_GivesEachLevelItsSeverity(t *testing.T) {
	target := &frames{}
	w := New(Options{Target: target, Limit: 1 << 20})
	log := slog.New(NewHandler(w, func(out io.Writer) slog.Handler {
		return slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}})
	})).With("k", "v").WithGroup("g")
	log.Debug("d")
	log.Info("i", "a", 1)
	log.Warn("w")
	log.Error("e")
	if err := w.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{"7 level=DEBUG msg=d k=v", "6 level=INFO msg=i k=v g.a=1", "4 level=WARN msg=w k=v", "3 level=ERROR msg=e k=v"}
	if got := strings.Join(target.got, "|"); got != strings.Join(want, "|") {
		t.Errorf("%s", got)
	}
}

// frames is a framed target that remembers.
type frames struct{ got []string }

func (f *frames) Framed() bool  { return true }
func (f *frames) Reopen() error { return nil }
func (f *frames) Close() error  { return nil }

func (f *frames) Write(records []byte) (int, error) {
	for len(records) > 0 {
		var m message
		m, records = nextFrame(records)
		f.got = append(f.got, string('0'+rune(m.severity))+" "+string(m.text))
	}
	return 0, nil
}
