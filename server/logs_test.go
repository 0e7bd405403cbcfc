package server

import (
	"io"
	"log/slog"
	"testing"

	"penknife/configs"
	"penknife/incidents"
	"penknife/logsinks"
)

// testLogger makes the logger of a configuration. flush ends it: everything is in out then.
func testLogger(t *testing.T, cfg configs.Log, out io.Writer) (log *slog.Logger, flush func()) {
	t.Helper()
	w := logsinks.New(logsinks.Options{Target: logsinks.Stream(out), Limit: 1 << 20})
	return newLogger(cfg, logLevels[cfg.Level], w, incidents.NewRing(1)), func() {
		if err := w.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
