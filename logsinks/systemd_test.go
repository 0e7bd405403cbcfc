package logsinks

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestPrefixHandler writes to what JOURNAL_STREAM names: systemd takes <N> for the severity of a line.
func TestPrefixHandler(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "stream"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var stat syscall.Stat_t
	if err := syscall.Fstat(int(f.Fd()), &stat); err != nil {
		t.Fatal(err)
	}
	for variable, want := range map[string]bool{
		fmt.Sprintf("%d:%d", stat.Dev, stat.Ino): true, fmt.Sprintf("%d:%d", stat.Dev, stat.Ino+1): false, "": false, "x": false,
	} {
		if got := IsJournalStream(f, variable); got != want {
			t.Errorf("%q: %v", variable, got)
		}
	}
	if IsJournalStream(&strings.Builder{}, "1:2") {
		t.Error("no file, and still the journal")
	}
	w := New(Options{Target: Stream(f), Limit: 1 << 20})
	log := slog.New(NewPrefixHandler(w, func(out io.Writer) slog.Handler { return slog.NewTextHandler(out, nil) })).With("k", "v")
	log.Info("one")
	log.Error("two")
	if err := w.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(f.Name())
	lines := strings.Split(string(text), "\n")
	if err != nil || len(lines) != 3 || !strings.HasPrefix(lines[0], "<6>time=") || !strings.HasPrefix(lines[1], "<3>time=") {
		t.Errorf("%v, %q", err, text)
	}
}
