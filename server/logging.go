package server

import (
	"io"
	"log/slog"

	"penknife/configs"
	"penknife/incidents"
)

var logLevels = map[string]slog.Level{
	"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
}

// rememberedErrors is how many different errors the status page can show.
const rememberedErrors = 50

// newLogger makes the logger of the whole process. One record is one write. Errors are remembered in errors.
func newLogger(cfg configs.Log, out io.Writer, errors *incidents.Ring) *slog.Logger {
	options := &slog.HandlerOptions{Level: logLevels[cfg.Level]}
	var handler slog.Handler = lineByLine{slog.NewTextHandler(out, options)}
	if cfg.Format == "json" {
		handler = slog.NewJSONHandler(out, options)
	}
	return slog.New(limitFailures(errors.Watch(handler)))
}
