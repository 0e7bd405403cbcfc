package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"penknife/internal/testkit"
)

// TestVirtualenvIsFound: $VIRTUAL_ENV, then .venv below --chdir, is the interpreter when --python says nothing.
func TestVirtualenvIsFound(t *testing.T) {
	home := testkit.Dir(t)
	for _, name := range []string{"active", "app/.venv"} {
		out, err := exec.Command(testkit.DefaultPython(t), "-m", "venv", "--without-pip", filepath.Join(home, name)).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	testkit.Write(t, home, "app/where.py", `import sys
def application(environ, start_response):
    start_response("200 OK", [])
    return [sys.prefix.encode()]
`)
	for name, test := range map[string]struct {
		env  []string
		want string
	}{
		"VIRTUAL_ENV": {[]string{"VIRTUAL_ENV=" + filepath.Join(home, "active")}, filepath.Join(home, "active")},
		".venv":       {[]string{"VIRTUAL_ENV="}, filepath.Join(home, "app", ".venv")},
	} {
		t.Run(name, func(t *testing.T) {
			address := testkit.FreeAddress(t)
			p := testkit.Start(t, home, append(test.env, "PYTHONDONTWRITEBYTECODE=1"), testkit.Binary(t), "serve", "where",
				"--chdir", filepath.Join(home, "app"), "--http", address, "--processes", "1")
			p.AwaitAccept(t, address)
			testkit.Eventually(t, callTimeout, func() error {
				answer, err := testkit.HTTPClient(address).Try(testkit.Call{})
				if err == nil && answer.Status == 503 {
					return errNotYet
				}
				if err == nil && string(answer.Body) != test.want {
					t.Errorf("runs in %s, want %s", answer.Body, test.want)
				}
				return err
			})
		})
	}
}

// TestOtherInterpreters: an interpreter that is none is a fault of the configuration; the message names it, with what it
// said itself.
func TestOtherInterpreters(t *testing.T) {
	other := testkit.Write(t, testkit.Dir(t), "python", "#!/bin/sh\necho 'this is no Python' >&2\nexit 1\n")
	if err := os.Chmod(other, 0o755); err != nil {
		t.Fatal(err)
	}
	code, output := testkit.Run(t, callTimeout, "serve", "hello", "--chdir", apps(t), "--python", other, "--http", testkit.FreeAddress(t))
	if code != 2 || !strings.Contains(output, "this is no Python") || !strings.Contains(output, other) ||
		!strings.Contains(output, "exited with status 1") {
		t.Errorf("exit code %d\n%s", code, output)
	}
}
