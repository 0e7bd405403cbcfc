package server

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The log of a stop names what took time or went wrong, and nothing else.
func TestStopLogsWhatMatters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		start := func(context.Context) error { return nil }
		ends := func(after time.Duration, err error) func(context.Context) error {
			return func(context.Context) error {
				<-time.After(after)
				return err
			}
		}
		s := stages{log: slog.New(slog.NewTextHandler(&out, nil)), list: []stage{
			{name: "quick", start: start, stop: ends(99*time.Millisecond, nil)},
			{name: "slow", start: start, stop: ends(100*time.Millisecond, nil)},
			{name: "wrong", start: start, stop: ends(0, errors.New("cut off"))},
			{name: "hushed", quiet: true, start: start, stop: ends(time.Second, nil)},
		}}
		if err := s.start(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.stop(t.Context(), time.Now().Add(time.Minute))
		for name, want := range map[string]bool{"quick": false, "slow": true, "wrong": true, "hushed": false} {
			if got := strings.Contains(out.String(), "stage="+name); got != want {
				t.Errorf("%s is in the log: %v\n%s", name, got, out.String())
			}
		}
	})
}

// Who asks twice hears once that nothing is waited for, not of each stage that it did not wait.
func TestStopWithoutPatienceBlamesNoStage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		hard, cancel := context.WithCancel(t.Context())
		cancel()
		s := stages{log: slog.New(slog.NewTextHandler(&out, nil)), list: []stage{
			{name: "hurried", stop: func(ctx context.Context) error { return ctx.Err() }},
			{name: "wrong", stop: func(context.Context) error { return errors.New("disk") }},
		}, started: 2}
		s.stop(hard, time.Now().Add(time.Minute))
		if log := out.String(); strings.Contains(log, "hurried") || !strings.Contains(log, "stage=wrong") {
			t.Errorf("the log:\n%s", log)
		}
	})
}
