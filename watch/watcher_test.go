package watch

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench watches files in a directory; what was told arrives in told.
type bench struct {
	*Watcher
	t    *testing.T
	dir  string
	told chan []string
}

func newBench(t *testing.T, poll time.Duration) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir(), told: make(chan []string, 16)}
	var err error
	b.Watcher, err = New(Options{Changed: func(paths []string) { b.told <- paths }, Poll: poll, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

func (b *bench) write(name, text string) {
	b.t.Helper()
	if err := os.WriteFile(b.path(name), []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// expect waits until exactly these names were told, in one or more calls.
func (b *bench) expect(names ...string) {
	b.t.Helper()
	missing := map[string]bool{}
	for _, name := range names {
		missing[b.path(name)] = true
	}
	deadline := time.After(10 * time.Second)
	for len(missing) > 0 {
		select {
		case paths := <-b.told:
			for _, path := range paths {
				if !slices.Contains(names, filepath.Base(path)) {
					b.t.Fatalf("%s was told, want %q", path, names)
				}
				delete(missing, path)
			}
		case <-deadline:
			b.t.Fatalf("not told: %v", missing)
		}
	}
}

func TestWatcher_TellsChanges(t *testing.T) {
	b := newBench(t, 0)
	b.write("a", "1")
	b.write("b", "1")
	b.Watch(b.path("a"), b.path("b"), b.path("comes"))
	b.write("a", "22")
	b.expect("a")
	b.write("other", "nobody asked")
	b.write("comes", "now")
	b.expect("comes")
	// As editors and deploys do it.
	b.write("next", "new")
	if err := os.Rename(b.path("next"), b.path("b")); err != nil {
		t.Fatal(err)
	}
	b.expect("b")
	// As `touch` does it.
	if err := os.Chtimes(b.path("a"), time.Now(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	b.expect("a")
}

// TestWatcher_IgnoresWhatIsNoChange: reading, permissions, and a file that is gone for a moment.
func TestWatcher_IgnoresWhatIsNoChange(t *testing.T) {
	b := newBench(t, 0)
	b.write("a", "1")
	b.write("b", "1")
	b.Watch(b.path("a"), b.path("b"))
	if err := os.Chmod(b.path("a"), 0o400); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(b.path("a")); err != nil {
		t.Fatal(err)
	}
	b.write("b", "22")
	b.expect("b")
	b.write("a", "back")
	b.expect("a")
}

func TestWatcher_Only(t *testing.T) {
	b := newBench(t, 0)
	b.write("a", "1")
	b.Watch(b.path("a"))
	b.Only(b.path("b"))
	b.write("a", "22")
	b.write("b", "1")
	b.expect("b")
}

// TestWatcher_Polls: where the kernel tells nothing. The directory is not there when the file is named, so that there is
// no watch.
func TestWatcher_Polls(t *testing.T) {
	b := newBench(t, 10*time.Millisecond)
	b.Watch(b.path("later/file"))
	if err := os.Mkdir(b.path("later"), 0o700); err != nil {
		t.Fatal(err)
	}
	b.write("later/file", "x")
	if got := <-b.told; len(got) != 1 || got[0] != b.path("later/file") {
		t.Errorf("told: %q", got)
	}
}
