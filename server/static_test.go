package server

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"penknife/configs"
)

// TestStaticIsThereBeforeTheApplication: the chain asks for files before it asks whether the workers are ready.
func TestStaticIsThereBeforeTheApplication(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "a.txt"), []byte("a"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, func(c *configs.Config) {
		mount := configs.DefaultStatic()
		mount.URL, mount.Root = "/static/", root
		c.Static = []configs.Static{mount}
	}).start()
	for path, want := range map[string]string{"/static/a.txt": "200", "/static/none": "404", "/other": "503"} {
		if got := receive(t, b.ask(path)); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	eventually(t, "the answers are counted", func() bool {
		_, text := b.adminGet("/metrics")
		return strings.Contains(text, `penknife_static_requests_total{outcome="disk"} 1`) &&
			strings.Contains(text, `penknife_static_requests_total{outcome="missed"} 1`) &&
			strings.Contains(text, "penknife_static_memory_bytes ")
	})
	b.signals <- syscall.SIGTERM
	if err := b.wait(); err != nil {
		t.Errorf("ended with %v", err)
	}
}
