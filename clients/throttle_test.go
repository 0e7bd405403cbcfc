package clients

import (
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestThrottle(t *testing.T) {
	var text strings.Builder
	log := slog.New(slog.NewTextHandler(&text, nil))
	var throttle Throttle
	now := time.Unix(100, 0)
	for range 5 * maxLines {
		throttle.warn(now, log, "nonsense")
	}
	if shown := strings.Count(text.String(), "\n"); shown != maxLines {
		t.Errorf("%d lines", shown)
	}
	throttle.warn(now.Add(time.Second), log, "nonsense", "client", "a")
	throttle.warn(now.Add(time.Second), log, "nonsense", "client", "b")
	if !strings.Contains(text.String(), "client=a suppressed=40\n") || !strings.HasSuffix(text.String(), "client=b\n") {
		t.Errorf("%s", text.String())
	}
}
