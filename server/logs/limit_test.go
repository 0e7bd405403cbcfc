package logs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

var errEarly = errors.New("the application starts")

func TestLimiter_DropsTheFloodAndCountsIt(t *testing.T) {
	var out bytes.Buffer
	h := limitFailures(slog.NewTextHandler(&out, nil), errEarly).WithAttrs([]slog.Attr{slog.String("k", "v")})
	now := time.Unix(1000, 0)
	log := func(message string) {
		if err := h.Handle(context.Background(), slog.NewRecord(now, slog.LevelWarn, message, 0)); err != nil {
			t.Fatal(err)
		}
	}
	for range linesPerSecond + 7 {
		log(limitedMessage)
	}
	log("something else")
	if lines := strings.Count(out.String(), "\n"); lines != linesPerSecond+1 {
		t.Errorf("%d lines, want %d", lines, linesPerSecond+1)
	}
	now = now.Add(time.Second)
	log(limitedMessage)
	log(limitedMessage)
	if n := strings.Count(out.String(), "suppressed_before=7"); n != 1 {
		t.Errorf("the suppressed lines are told %d times, want once", n)
	}
}

func TestLimiter_ProbesDuringTheStartAreOneLine(t *testing.T) {
	var out bytes.Buffer
	h := limitFailures(slog.NewTextHandler(&out, nil), errEarly)
	now := time.Unix(1000, 0)
	for range 25 {
		r := slog.NewRecord(now, slog.LevelWarn, limitedMessage, 0)
		r.AddAttrs(slog.Int("request", 1), slog.Any("error", fmt.Errorf("no answer: %w", errEarly)))
		if err := h.Handle(context.Background(), r); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Second)
	}
	if lines := strings.Count(out.String(), "\n"); lines != 3 || strings.Count(out.String(), "suppressed_before=9") != 2 {
		t.Errorf("%d lines of 25 seconds:\n%s", lines, &out)
	}
}
