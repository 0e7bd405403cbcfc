package server

import (
	"context"
	"io"
	"log/slog"

	"penknife/configs"
	"penknife/incidents"
	"penknife/logsinks"
)

var logLevels = map[string]slog.Level{
	"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
}

// rememberedErrors is how many different errors the status page can show.
const rememberedErrors = 50

// newLogger makes the logger of the whole process. Errors are remembered in errors.
func newLogger(handler slog.Handler, errors *incidents.Ring) *slog.Logger {
	return slog.New(limitFailures(errors.Watch(handler)))
}

// newHandler makes what writes records to out, each as one message; prefixed for a stream that systemd reads.
func newHandler(cfg configs.Log, level slog.Leveler, out *logsinks.Writer, prefixed bool) slog.Handler {
	options := &slog.HandlerOptions{Level: level}
	var handler slog.Handler
	text := func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, options) }
	switch {
	case logsToJournal(cfg.Output, cfg.File):
		handler = logsinks.NewJournalHandler(out, level)
	case cfg.Format == "json":
		options.ReplaceAttr = durationsInSeconds
		handler = logsinks.NewHandler(out, func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, options) })
	case prefixed:
		handler = lineByLine{logsinks.NewPrefixHandler(out, text)}
	default:
		handler = lineByLine{logsinks.NewHandler(out, text)}
	}
	if cfg.AppFormat == "raw" {
		handler = rawOutput{handler, out}
	}
	return handler
}

// durationsInSeconds is for JSON, where log/slog writes nanoseconds and everybody else seconds.
func durationsInSeconds(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.Float64Value(a.Value.Duration().Seconds())
	}
	return a
}

// rawOutput is a slog.Handler that writes a line of the application's output as it came, and not as a message with the
// line in it. What penknife says about the application, tracebacks that it raised included, stays a message.
type rawOutput struct {
	slog.Handler
	out *logsinks.Writer
}

// Handle implements slog.Handler.
func (h rawOutput) Handle(ctx context.Context, r slog.Record) error {
	if r.Message != "output" && (r.Message != "app" || r.Level >= slog.LevelError) {
		return h.Handler.Handle(ctx, r)
	}
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "line" || a.Key == linesKey {
			h.out.Append([]byte(a.Value.String()+"\n"), logsinks.SeverityOf(r.Level), r.Time)
		}
		return true
	})
	return nil
}

// WithAttrs implements slog.Handler.
func (h rawOutput) WithAttrs(attrs []slog.Attr) slog.Handler {
	return rawOutput{h.Handler.WithAttrs(attrs), h.out}
}

// WithGroup implements slog.Handler.
func (h rawOutput) WithGroup(name string) slog.Handler {
	return rawOutput{h.Handler.WithGroup(name), h.out}
}
