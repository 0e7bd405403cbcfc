package logs

import (
	"io"
	"log/slog"

	"penknife/configs"
	"penknife/logsinks"
)

// levels are the words of log.level.
var levels = map[string]slog.Level{
	"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
}

// newLogger makes the logger of the whole process.
func newLogger(handler slog.Handler, d Deps) *slog.Logger {
	return slog.New(limitFailures(d.Errors.Watch(handler), d.Starting))
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
