package server

import (
	"io"
	"log/slog"

	"penknife/configs"
)

var logLevels = map[string]slog.Level{
	"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
}

// newLogger makes the logger of the whole process. One record is one write.
func newLogger(cfg configs.Log, out io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: logLevels[cfg.Level]}
	if cfg.Format == "json" {
		return slog.New(limitFailures(slog.NewJSONHandler(out, options)))
	}
	return slog.New(limitFailures(lineByLine{slog.NewTextHandler(out, options)}))
}
