package server

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Each failed request is one line. When everything fails at once (an overload, a crash loop) the lines would only
// hide the cause and slow the front ends down, so they are limited; metrics count all of them.
const (
	limitedMessage = "request failed"
	linesPerSecond = 50
)

// limiter is a slog.Handler that drops what is too much of limitedMessage, and says how much in the next line.
type limiter struct {
	slog.Handler
	state *limiterState // shared by the handlers derived from one
}

type limiterState struct {
	mu         sync.Mutex // guards the rest
	second     int64
	lines      int
	suppressed int
}

func limitFailures(h slog.Handler) slog.Handler { return &limiter{h, &limiterState{}} }

// Handle implements slog.Handler.
func (l *limiter) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == limitedMessage {
		suppressed, ok := l.state.admit(r.Time)
		if !ok {
			return nil
		}
		if suppressed > 0 {
			r = r.Clone()
			r.AddAttrs(slog.Int("suppressed_before", suppressed))
		}
	}
	return l.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (l *limiter) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &limiter{l.Handler.WithAttrs(attrs), l.state}
}

// WithGroup implements slog.Handler.
func (l *limiter) WithGroup(name string) slog.Handler {
	return &limiter{l.Handler.WithGroup(name), l.state}
}

func (s *limiterState) admit(now time.Time) (suppressed int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if second := now.Unix(); second != s.second {
		s.second, s.lines = second, 0
	}
	if s.lines >= linesPerSecond {
		s.suppressed++
		return 0, false
	}
	s.lines++
	suppressed, s.suppressed = s.suppressed, 0
	return suppressed, true
}
