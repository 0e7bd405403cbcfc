package python_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"penknife/python"
)

func write(t *testing.T, places ...string) python.Copy {
	t.Helper()
	c, err := python.Places(places).Write()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Lock.Close() })
	return c
}

func TestCopyIsWhatTheBinaryHas(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "place")
	want, err := python.Package()
	if err != nil {
		t.Fatal(err)
	}
	first := write(t, dir)
	// Whatever happened to the file, the next one to ask gets the package; a good file stays the same one.
	before, _ := os.Stat(first.Path)
	if again := write(t, dir); again.Path != first.Path {
		t.Errorf("%s and %s", first.Path, again.Path)
	}
	if after, _ := os.Stat(first.Path); !os.SameFile(before, after) {
		t.Error("a good file was replaced")
	}
	other := filepath.Join(t.TempDir(), "other")
	for name, damage := range map[string]func() error{
		"removed":    func() error { return os.Remove(first.Path) },
		"other text": func() error { return os.WriteFile(first.Path, bytes.Repeat([]byte("x"), len(want)), 0o600) },
		"cut":        func() error { return os.Truncate(first.Path, 10) },
		"open":       func() error { return os.Chmod(first.Path, 0o666) },
		"a link": func() error {
			return errors.Join(os.WriteFile(other, want, 0o600), os.Remove(first.Path), os.Symlink(other, first.Path))
		},
		"a pipe":      func() error { return errors.Join(os.Remove(first.Path), syscall.Mkfifo(first.Path, 0o600)) },
		"a directory": func() error { return errors.Join(os.RemoveAll(dir)) },
	} {
		if err := damage(); err != nil {
			t.Fatal(name, err)
		}
		c := write(t, dir)
		info, err := os.Lstat(c.Path)
		got, readErr := os.ReadFile(c.Path)
		if err != nil || readErr != nil || !info.Mode().IsRegular() || info.Mode().Perm() != 0o600 || !bytes.Equal(got, want) {
			t.Errorf("%s: %v %v %v", name, info, err, readErr)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".python-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestPlacesOfOthers(t *testing.T) {
	base := t.TempDir()
	open := filepath.Join(base, "open")
	for _, dir := range []string{open, filepath.Join(base, "loose")} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(base, "link")
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	places := python.Places{filepath.Join(open, "below"), open, link, filepath.Join(base, "a:b"), filepath.Join(base, "no", "parent")}
	_, err := places.Write()
	if !errors.Is(err, python.ErrNoPlace) {
		t.Fatal(err)
	}
	for _, want := range []string{"which others can change", "nobody else can write", link, "$PYTHONPATH", "no/parent"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s is missing in %v", want, err)
		}
	}
	good := filepath.Join(base, "good")
	if c := write(t, append(places, good)...); filepath.Dir(c.Path) != good {
		t.Error(c.Path)
	}
	if err := os.Chmod(open, os.ModeSticky|0o777); err != nil { // as /tmp
		t.Fatal(err)
	}
	if c := write(t, places...); filepath.Dir(c.Path) != places[0] {
		t.Error(c.Path)
	}
}

// TestTheDirectoryIsInUse: systemd-tmpfiles takes an exclusive lock of what it would remove.
func TestTheDirectoryIsInUse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "place")
	c := write(t, dir)
	cleaner, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cleaner.Close() }()
	lock := func() error { return syscall.Flock(int(cleaner.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
	if err := lock(); !errors.Is(err, syscall.EWOULDBLOCK) {
		t.Errorf("the cleaner's lock: %v", err)
	}
	_ = c.Lock.Close()
	if err := lock(); err != nil {
		t.Errorf("after the end: %v", err)
	}
}

func TestEnviron(t *testing.T) {
	c := python.Copy{Path: "/p/python-0123456789abcdef.zip"}
	for _, test := range []struct {
		environ []string
		socket  string
		want    []string
	}{
		{nil, "", []string{"PYTHONPATH=" + c.Path, "_PENKNIFE_CALLS=off"}},
		{[]string{"A=b", "PYTHONPATH="}, "/s", []string{"A=b", "PYTHONPATH=" + c.Path, "_PENKNIFE_CALLS=/s"}},
		{[]string{"PYTHONPATH=/x:/y", "_PENKNIFE_CALLS=/other"}, "@s", []string{"PYTHONPATH=" + c.Path + ":/x:/y", "_PENKNIFE_CALLS=@s"}},
		{[]string{"PYTHONPATH=/q/python-fedcba9876543210.zip:/x"}, "/s", []string{"PYTHONPATH=" + c.Path + ":/x", "_PENKNIFE_CALLS=/s"}},
		{[]string{"PYTHONPATH=/q/python-fedcba9876543210.zip"}, "/s", []string{"PYTHONPATH=" + c.Path, "_PENKNIFE_CALLS=/s"}},
	} {
		if got := c.Environ(test.environ, test.socket); !slices.Equal(got, test.want) {
			t.Errorf("%v: %v, want %v", test.environ, got, test.want)
		}
	}
}

func TestUsualPlaces(t *testing.T) {
	got := python.UsualPlaces([]string{"TMPDIR=/t", "XDG_RUNTIME_DIR=/x"})
	if got[len(got)-1] != "/x/penknife" || !strings.HasPrefix(got[len(got)-2], "/t/penknife-") {
		t.Error(got)
	}
	got = python.UsualPlaces([]string{"TMPDIR=relative", "XDG_RUNTIME_DIR="})
	if !strings.HasPrefix(got[len(got)-1], "/tmp/penknife-") {
		t.Error(got)
	}
}
