package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// become runs `penknife exec` and gives what would have been executed.
func become(t *testing.T, line string, environ []string, fails error) (code int, stderr string, got []string, env []string) {
	t.Helper()
	var out bytes.Buffer
	p := program{environ: append(environ, "TMPDIR="+t.TempDir()), stdout: &out, stderr: &out}
	p.become = func(path string, arguments, environ []string) error {
		got, env = append([]string{path}, arguments...), environ
		return fails
	}
	code = p.run(t.Context(), words(line))
	return code, out.String(), got, env
}

func TestExec(t *testing.T) {
	t.Chdir(t.TempDir())
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for line, socket := range map[string]string{
		"exec --control unix:run/c.sock -- /bin/sh --http x": filepath.Join(here, "run/c.sock"),
		"exec --uwsgi unix:/run/a.sock /bin/sh --http x":     "/run/a.sock.control",
		"exec --control unix:@name -- /bin/sh --http x":      "@name",
	} {
		code, stderr, got, env := become(t, line, []string{"A=1", "PYTHONPATH=/lib/a"}, nil)
		if code != 0 || stderr != "" || !slices.Equal(got, words("/bin/sh /bin/sh --http x")) {
			t.Errorf("%s: %d %q %v", line, code, stderr, got)
		}
		if !slices.Contains(env, "_PENKNIFE_CALLS="+socket) || !slices.Contains(env, "A=1") {
			t.Errorf("%s: %v", line, env)
		}
		at := slices.IndexFunc(env, func(entry string) bool { return strings.HasPrefix(entry, "PYTHONPATH=") })
		zip, rest, _ := strings.Cut(strings.TrimPrefix(env[at], "PYTHONPATH="), ":")
		if info, err := os.Stat(zip); err != nil || info.Mode().Perm() != 0o600 || rest != "/lib/a" {
			t.Errorf("%s: %s %v", line, env[at], err)
		}
	}
}

func TestExecThatCannotBe(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, test := range []struct {
		line  string
		fails error
		code  int
		want  string
	}{
		{"exec", nil, 2, "which command?"},
		{"exec --control off -- /bin/sh", nil, 2, "no control socket"},
		{"exec --no-such-flag -- /bin/sh", nil, 2, "--no-such-flag"},
		{"exec -- ./nothing", nil, 127, "./nothing"},
		{"exec -- /usr", nil, 126, "is a directory"},
		{"exec -- /bin/sh", syscall.ENOEXEC, 126, "exec format error"},
		{"exec -- /bin/sh", syscall.ENOENT, 127, "no such file"}, // its interpreter is missing
	} {
		code, stderr, _, _ := become(t, test.line, nil, test.fails)
		if code != test.code || !strings.Contains(stderr, test.want) {
			t.Errorf("%s: %d %q", test.line, code, stderr)
		}
	}
}

// TestExecWithABadConfiguration says so and goes on: the server may run with an earlier state of the file.
func TestExecWithABadConfiguration(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile("penknife.yaml", []byte("workers: {threads: many}\nhttp: [{listen: 'unix:/run/h.sock'}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stderr, got, env := become(t, "exec -- /bin/sh", nil, nil)
	if code != 0 || got == nil || !strings.Contains(stderr, "threads") || !slices.Contains(env, "_PENKNIFE_CALLS=/run/h.sock.control") {
		t.Errorf("%d %q %v", code, stderr, env)
	}
	if e := (&execError{errors.New("x")}); e.exitCode() != exitCannotRun {
		t.Error(e.exitCode())
	}
}
