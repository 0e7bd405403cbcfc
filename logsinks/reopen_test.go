package logsinks

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestFile_ReopenIsTriedAgain: the directory cannot be entered when the log is rotated. The lines of that time are in the
// renamed file, and when it can be, the next ones are in a new one, although nobody asks for it a second time.
func TestFile_ReopenIsTriedAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "a.log")
	target, err := File{Path: path, Mode: 0o640, UID: -1, GID: -1}.Open()
	if err != nil {
		t.Fatal(err)
	}
	f, now := target.(*file), time.Unix(1e9, 0)
	f.now = func() time.Time { return now }
	write := func(text string) {
		t.Helper()
		if _, err := f.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	write("one\n")
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	if f.Reopen() == nil {
		t.Fatal("a file was opened in a directory that is not there")
	}
	write("two\n")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write("three\n") // too early to try again
	now = now.Add(reopenPause)
	write("four\n")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{filepath.Join(dir+".away", "a.log"): "one\ntwo\nthree\n", path: "four\n"} {
		if got, err := os.ReadFile(name); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
