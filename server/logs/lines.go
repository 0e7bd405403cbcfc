package logs

import (
	"context"
	"log/slog"
	"strings"
)

// linesKey is the attribute that may hold several lines: a traceback, or what an application wrote to wsgi.errors.
const linesKey = "text"

// lineByLine is a slog.Handler that makes a record for each line of such a text, so that a person can read a traceback
// in the text format, which would otherwise show it as one long line with \n in it.
type lineByLine struct{ slog.Handler }

// Handle implements slog.Handler.
func (l lineByLine) Handle(ctx context.Context, r slog.Record) error {
	text := ""
	others := make([]slog.Attr, 0, r.NumAttrs())
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == linesKey && a.Value.Kind() == slog.KindString {
			text = strings.TrimRight(a.Value.String(), "\n")
		} else {
			others = append(others, a)
		}
		return true
	})
	if !strings.Contains(text, "\n") {
		return l.Handler.Handle(ctx, r)
	}
	for line := range strings.SplitSeq(text, "\n") {
		one := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
		one.AddAttrs(others...)
		one.AddAttrs(slog.String(linesKey, line))
		if err := l.Handler.Handle(ctx, one); err != nil {
			return err
		}
	}
	return nil
}

// WithAttrs implements slog.Handler.
func (l lineByLine) WithAttrs(attrs []slog.Attr) slog.Handler {
	return lineByLine{l.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (l lineByLine) WithGroup(name string) slog.Handler { return lineByLine{l.Handler.WithGroup(name)} }
