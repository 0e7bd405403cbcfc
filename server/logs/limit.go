package logs

import (
	"context"
	"errors"
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

// While the application starts, probes and impatient clients would write lines all the time that say nothing new.
const startingEvery = 10 * time.Second

// limiter is a slog.Handler that drops what is too much of limitedMessage, and says how much in the next line.
type limiter struct {
	slog.Handler
	early           error         // the failure of a request that came before the application was there
	usual, starting *limiterState // shared by the handlers derived from one
}

// limiterState admits so many lines in each period.
type limiterState struct {
	most  int
	every time.Duration

	mu         sync.Mutex // guards the rest
	period     int64
	lines      int
	suppressed int
}

// limitFailures limits the lines about failed requests, and more so those about early.
func limitFailures(h slog.Handler, early error) slog.Handler {
	return &limiter{h, early, &limiterState{most: linesPerSecond, every: time.Second}, &limiterState{most: 1, every: startingEvery}}
}

// Handle implements slog.Handler.
func (l *limiter) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == limitedMessage {
		state := l.usual
		if l.becauseEarly(r) {
			state = l.starting
		}
		suppressed, ok := state.admit(r.Time)
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
	return &limiter{l.Handler.WithAttrs(attrs), l.early, l.usual, l.starting}
}

// WithGroup implements slog.Handler.
func (l *limiter) WithGroup(name string) slog.Handler {
	return &limiter{l.Handler.WithGroup(name), l.early, l.usual, l.starting}
}

// becauseEarly tells whether a record is about a request that came before the application was there.
func (l *limiter) becauseEarly(r slog.Record) (is bool) {
	r.Attrs(func(a slog.Attr) bool {
		err, _ := a.Value.Any().(error)
		is = errors.Is(err, l.early)
		return !is
	})
	return is
}

func (s *limiterState) admit(now time.Time) (suppressed int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if period := now.UnixNano() / int64(s.every); period != s.period {
		s.period, s.lines = period, 0
	}
	if s.lines >= s.most {
		s.suppressed++
		return 0, false
	}
	s.lines++
	suppressed, s.suppressed = s.suppressed, 0
	return suppressed, true
}
