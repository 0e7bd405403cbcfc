package logs

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"penknife/configs"
	"penknife/incidents"
	"penknife/logsinks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testLogger makes the logger of a configuration. flush ends it: everything is in out then.
func testLogger(t *testing.T, cfg configs.Log, out io.Writer) (log *slog.Logger, flush func()) {
	t.Helper()
	w := logsinks.New(logsinks.Options{Target: logsinks.Stream(out), Limit: 1 << 20})
	return newLogger(newHandler(cfg, levels[cfg.Level], w, false), Deps{Errors: incidents.NewRing(1)}), func() {
		if err := w.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// TestMessagesUnderSystemdHaveTheirPriority: only on the stream that systemd names, and only where it is the output.
func TestMessagesUnderSystemdHaveTheirPriority(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "stream"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	stat := info.Sys().(*syscall.Stat_t)
	d := outputs{stderr: f, stdout: io.Discard, environ: []string{fmt.Sprintf("JOURNAL_STREAM=%d:%d", stat.Dev, stat.Ino)}}
	for name, test := range map[string]struct {
		cfg  configs.Log
		want bool
	}{
		"stderr": {configs.Log{Output: "stderr"}, true}, "stdout": {configs.Log{Output: "stdout"}, false},
		"file": {configs.Log{Output: "stderr", File: "x"}, false}, "syslog": {configs.Log{Output: "syslog"}, false},
	} {
		if got := d.readBySystemd(test.cfg); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestLoggerObeysLevelAndFormat(t *testing.T) {
	var out bytes.Buffer
	log, flush := testLogger(t, configs.Log{Level: "warn", Format: "json"}, &out)
	log.Info("quiet")
	log.Warn("loud")
	flush()
	if got := out.String(); !strings.HasPrefix(got, "{") || strings.Contains(got, "quiet") || !strings.Contains(got, "loud") {
		t.Errorf("got %s", got)
	}
	for level := range levels {
		if !slices.Contains([]string{"debug", "info", "warn", "error"}, level) {
			t.Errorf("level %s", level)
		}
	}
}
