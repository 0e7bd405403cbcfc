package incidents

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"
)

// logAt logs one record at a time of its own.
func logAt(t *testing.T, h slog.Handler, at time.Time, level slog.Level, message string, attrs ...any) {
	t.Helper()
	record := slog.NewRecord(at, level, message, 0)
	record.Add(attrs...)
	if err := h.Handle(context.Background(), record); err != nil {
		t.Fatal(err)
	}
}

func TestRing_CountsRepetitionsAndForgetsTheOldest(t *testing.T) {
	ring := NewRing(2)
	var passed strings.Builder
	h := ring.Watch(slog.NewTextHandler(&passed, nil)).WithAttrs([]slog.Attr{slog.Int("worker", 3)})
	at := time.Unix(1000, 0)
	logAt(t, h, at, slog.LevelWarn, "no error")
	logAt(t, h, at, slog.LevelError, "worker died", "exit", "signal 9")
	logAt(t, h, at.Add(1), slog.LevelError, "app", "request", 7, "text", "Traceback\nKeyError: 1\n")
	logAt(t, h, at.Add(2), slog.LevelError, "app", "request", 8, "text", "Traceback\nKeyError: 1\n")
	recent := ring.Recent()
	if len(recent) != 2 || ring.Total() != 3 {
		t.Fatalf("%+v, total %d", recent, ring.Total())
	}
	app := recent[0]
	if app.Count != 2 || app.Detail("request") != "8" || app.Detail("worker") != "3" || app.Text != "Traceback\nKeyError: 1" ||
		!app.First.Equal(at.Add(1)) || !app.Last.Equal(at.Add(2)) {
		t.Errorf("%+v", app)
	}
	logAt(t, h, at.Add(3), slog.LevelError, "worker died", "exit", "status 1")
	if recent = ring.Recent(); len(recent) != 2 || recent[0].Detail("exit") != "status 1" || recent[1].Message != "app" {
		t.Errorf("%+v", recent)
	}
	if lines := strings.Count(passed.String(), "\n"); lines != 5 {
		t.Errorf("%d lines were passed on", lines)
	}
}

func TestRing_JoinsTheLinesOfATraceback(t *testing.T) {
	ring := NewRing(10)
	base := ring.Watch(slog.DiscardHandler)
	one := base.WithAttrs([]slog.Attr{slog.Int("worker", 1), slog.String("stream", "stderr")})
	two := base.WithAttrs([]slog.Attr{slog.Int("worker", 2), slog.String("stream", "stderr")})
	at := time.Unix(1000, 0)
	for range 2 {
		logAt(t, one, at, slog.LevelError, "output", "line", "Traceback (most recent call last):")
		logAt(t, two, at, slog.LevelError, "output", "line", "Fatal Python error: Aborted")
		logAt(t, one, at, slog.LevelError, "output", "line", "ValueError: x")
	}
	recent := ring.Recent()
	if len(recent) != 2 || recent[0].Text != "Traceback (most recent call last):\nValueError: x" || recent[0].Count != 2 ||
		recent[1].Text != "Fatal Python error: Aborted" || recent[1].Count != 2 || ring.Total() != 4 {
		t.Errorf("%+v", recent)
	}
	logAt(t, one, at.Add(time.Minute), slog.LevelError, "output", "line", "late")
	if recent = ring.Recent(); recent[0].Text != "late" {
		t.Errorf("%+v", recent[0])
	}
}

func TestRing_IsBounded(t *testing.T) {
	ring := NewRing(5)
	h := ring.Watch(slog.DiscardHandler)
	for i := range 100 {
		logAt(t, h, time.Unix(int64(i), 0), slog.LevelError, "app", "text", strings.Repeat("é", maxText)+strconv.Itoa(i))
	}
	recent := ring.Recent()
	if len(recent) != 5 || ring.Total() != 100 {
		t.Fatalf("%d records, total %d", len(recent), ring.Total())
	}
	if text := recent[0].Text; len(text) > maxText+8 || !strings.HasSuffix(text, "99") || strings.ToValidUTF8(text, "?") != text {
		t.Errorf("%d bytes, ends %q", len(text), text[len(text)-4:])
	}
}
