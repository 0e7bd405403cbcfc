package server

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"penknife/configs"
	"penknife/sidecars"
)

// TestReloadSidecars_SaysWhy: a reload whose daemons and jobs cannot be taken over has its reason in the log.
func TestReloadSidecars_SaysWhy(t *testing.T) {
	var text bytes.Buffer
	s := &Server{log: slog.New(slog.NewTextHandler(&text, nil)), sidecars: sidecars.New(sidecars.Deps{Log: slog.New(slog.DiscardHandler)})}
	loaded := &configs.Loaded{}
	loaded.Config.App.Python = "/nonexistent/python"
	loaded.Config.Cron = []configs.CronJob{{Name: "j", Schedule: "@daily", Command: "true"}}
	s.reloadSidecars(loaded)
	loaded.Config.App.Python = ""
	loaded.Config.Cron[0].Schedule = "61 * * * *"
	s.reloadSidecars(loaded)
	for _, want := range []string{"/nonexistent/python", "61 * * * *"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in the log:\n%s", want, text.String())
		}
	}
	if err := s.sidecars.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}
