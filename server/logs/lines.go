package logs

import (
	"context"
	"log/slog"
	"strings"
)

// linesKey is the attribute that may hold several lines: a traceback, or what an application wrote to wsgi.errors.
const linesKey = "text"

// tracebackKey is the attribute of a record about a failure that has the application's traceback.
const tracebackKey = "traceback"

// lineByLine is a slog.Handler that makes a record for each line of such a text, so that a person can read a traceback
// in the text format, which would otherwise show it as one long line with \n in it. A record with a traceback stays one
// record, which may be counted, and the traceback's lines follow it.
type lineByLine struct{ slog.Handler }

// Handle implements slog.Handler.
func (l lineByLine) Handle(ctx context.Context, r slog.Record) error {
	text, traceback, ended := "", "", false
	others := make([]slog.Attr, 0, r.NumAttrs())
	r.Attrs(func(a slog.Attr) bool {
		switch {
		case a.Key == linesKey && a.Value.Kind() == slog.KindString:
			text = strings.TrimRight(a.Value.String(), "\n")
			ended = len(text) < len(a.Value.String())
		case a.Key == tracebackKey && a.Value.Kind() == slog.KindString:
			traceback = strings.TrimRight(a.Value.String(), "\n")
		default:
			others = append(others, a)
		}
		return true
	})
	if strings.Contains(traceback, "\n") {
		return l.withTraceback(ctx, r, others, traceback)
	}
	if !strings.Contains(text, "\n") && !ended {
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

// withTraceback writes the record without its traceback, and then that.
func (l lineByLine) withTraceback(ctx context.Context, r slog.Record, others []slog.Attr, traceback string) error {
	first := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	first.AddAttrs(others...)
	if err := l.Handler.Handle(ctx, first); err != nil {
		return err
	}
	lines := slog.NewRecord(r.Time, r.Level, "app", r.PC) // as for what it raises in a request
	lines.AddAttrs(slog.String(linesKey, traceback))
	return l.Handle(ctx, lines)
}

// WithAttrs implements slog.Handler.
func (l lineByLine) WithAttrs(attrs []slog.Attr) slog.Handler {
	return lineByLine{l.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (l lineByLine) WithGroup(name string) slog.Handler { return lineByLine{l.Handler.WithGroup(name)} }
