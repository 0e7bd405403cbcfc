package logsinks

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestFile_AppendsAndBeginsAnewAfterARename(t *testing.T) {
	dir := t.TempDir()
	path, old := filepath.Join(dir, "a.log"), filepath.Join(dir, "a.log.1")
	if err := os.WriteFile(path, []byte("before\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	target, err := File{Path: path, Mode: 0o640, UID: -1, GID: -1}.Open()
	if err != nil {
		t.Fatal(err)
	}
	w := New(Options{Target: target, Limit: 1 << 20})
	w.Start()
	line(w, "one")
	if err := os.Rename(path, old); err != nil {
		t.Fatal(err)
	}
	line(w, "two") // still goes to the renamed file
	if err := w.Reopen(t.Context()); err != nil {
		t.Fatal(err)
	}
	line(w, "three")
	if err := w.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{old: "before\none\ntwo\n", path: "three\n"} {
		if got, err := os.ReadFile(name); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestFile_ModeAndOwnerOfANewFile(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	path := filepath.Join(t.TempDir(), "a.log")
	uid, gid := os.Getuid(), os.Getgid()
	if uid == 0 {
		uid, gid = 12, 34 // root may give a file away
	}
	target, err := File{Path: path, Mode: 0o664, UID: uid, GID: gid}.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = target.Close() }()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if owner := info.Sys().(*syscall.Stat_t); info.Mode().Perm() != 0o664 || int(owner.Uid) != uid || int(owner.Gid) != gid {
		t.Errorf("%v, owner %d:%d", info.Mode(), owner.Uid, owner.Gid)
	}
}

func TestFile_GoesOnWhenItCannotBeginAnew(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sub")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	target, err := File{Path: filepath.Join(dir, "a.log"), Mode: 0o640, UID: -1, GID: -1}.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = target.Close() }()
	moved := dir + ".moved"
	if err := os.Rename(dir, moved); err != nil {
		t.Fatal(err)
	}
	if err := target.Reopen(); !os.IsNotExist(err) {
		t.Errorf("reopen: %v", err)
	}
	if _, err := target.Write([]byte("x\n")); err != nil {
		t.Error(err)
	}
	if got, _ := os.ReadFile(filepath.Join(moved, "a.log")); string(got) != "x\n" {
		t.Errorf("%q", got)
	}
	if _, err := (File{Path: filepath.Join(dir, "no", "where"), Mode: 0o640}).Open(); err == nil {
		t.Error("a file in no directory was opened")
	}
}

func TestFile_APipeWithoutAReaderIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (File{Path: path, Mode: 0o640}).Open(); !errors.Is(err, syscall.ENXIO) {
		t.Errorf("%v", err)
	}
}
