package workers

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"penknife/configs"
)

// executable makes a file that can be executed, and its directories.
func executable(t *testing.T, parts ...string) string {
	t.Helper()
	path := filepath.Join(parts...)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFindInterpreter(t *testing.T) {
	chdir, other := t.TempDir(), t.TempDir()
	onPath := executable(t, other, "path", "python3")
	t.Setenv("PATH", filepath.Dir(onPath))
	active := executable(t, other, "active", "bin", "python")
	find := func(python, virtualEnv string) string {
		t.Helper()
		path, err := findInterpreter(configs.App{Python: python}, chdir, func(name string) string {
			return map[string]string{"VIRTUAL_ENV": virtualEnv}[name]
		})
		if err != nil {
			t.Error(err)
		}
		return path
	}
	if got := find("", ""); got != onPath {
		t.Errorf("on PATH: %s", got)
	}
	local := executable(t, chdir, ".venv", "bin", "python")
	for _, test := range []struct{ python, virtualEnv, want string }{
		{"", "", local},
		{"", filepath.Join(other, "active"), active},
		{".venv/bin/python", filepath.Join(other, "active"), local},
		{active, "", active},
		{filepath.Join(other, "active"), "", active}, // the directory of a virtual environment
		{".venv", "", local},
		{"python3", "", onPath},
	} {
		if got := find(test.python, test.virtualEnv); got != test.want {
			t.Errorf("python %q, VIRTUAL_ENV %q: %s, want %s", test.python, test.virtualEnv, got, test.want)
		}
	}
}

func TestFindInterpreter_NeverTakesAnotherThanAskedFor(t *testing.T) {
	chdir := t.TempDir()
	t.Setenv("PATH", chdir)
	plain := filepath.Join(chdir, "plain")
	if err := os.WriteFile(plain, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/nowhere/python", filepath.Join(chdir, "dangling")); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ python, virtualEnv, want string }{
		{"missing/python", "", "does not exist"},
		{"python9", "", "does not exist"},
		{"./plain", "", "is not executable"},
		{"./dangling", "", "points to /nowhere/python"},
		{"", "/no/such/env", "VIRTUAL_ENV is /no/such/env"},
		{"", "", "no python3 on PATH"},
	} {
		_, err := findInterpreter(configs.App{Python: test.python}, chdir, func(string) string { return test.virtualEnv })
		var start *StartError
		if !errors.As(err, &start) || start.Kind != StartInterpreter || !strings.Contains(err.Error(), test.want) {
			t.Errorf("python %q, VIRTUAL_ENV %q: %v, want %q", test.python, test.virtualEnv, err, test.want)
		}
	}
}

func TestEnvironment(t *testing.T) {
	got := environment([]string{"A=1", "B=2", "PWD=/old", "odd"}, map[string]string{"B": "3=4", "C": ""}, "/srv")
	if want := []string{"A=1", "B=3=4", "C=", "PWD=/srv", "SERVER_SOFTWARE=penknife"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if got = environment([]string{"SERVER_SOFTWARE=mine"}, nil, "/srv"); !slices.Contains(got, "SERVER_SOFTWARE=mine") {
		t.Errorf("got %q", got)
	}
}

// TestNotExecuted: the kernel's error is the same for both, so the one that is to blame has to be found.
func TestNotExecuted(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone")
	if err := notExecuted("/usr/bin/python3", gone, syscall.ENOENT); err.Kind != StartDirectory || !strings.Contains(err.Reason, gone) {
		t.Errorf("%v: %v", err.Kind, err)
	}
	if err := notExecuted("/usr/bin/python3", t.TempDir(), syscall.EACCES); err.Kind != StartInterpreter ||
		!strings.Contains(err.Reason, "/usr/bin/python3") {
		t.Errorf("%v: %v", err.Kind, err)
	}
}
