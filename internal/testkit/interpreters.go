package testkit

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Interpreter is one CPython found on the machine.
type Interpreter struct {
	// Version is "3.12"; Path the executable itself, not a wrapper.
	Version, Path string
}

// supported are the versions that the accelerator is built and tested for.
var supported = []string{"3.10", "3.11", "3.12", "3.13"}

// Interpreters finds every CPython of a supported version on PATH and among pyenv's, one of each version.
func Interpreters(t testing.TB) []Interpreter {
	t.Helper()
	var found []Interpreter
	for _, version := range supported {
		for _, candidate := range candidates(version) {
			path, ok := identify(candidate, version)
			if ok {
				found = append(found, Interpreter{Version: version, Path: path})
				break
			}
		}
	}
	if len(found) == 0 {
		t.Fatalf("no CPython of %v was found", supported)
	}
	return found
}

// DefaultPython is the executable behind the first python3 of PATH.
func DefaultPython(t testing.TB) string {
	t.Helper()
	for _, version := range supported {
		if path, ok := identify("python3", version); ok {
			return path
		}
	}
	return Interpreters(t)[0].Path
}

func candidates(version string) []string {
	names := []string{"python" + version, "python3"}
	for _, root := range pyenvRoots() {
		inside, _ := filepath.Glob(filepath.Join(root, "versions", version+".*", "bin", "python3"))
		slices.Reverse(inside)
		names = append(names, inside...)
	}
	return names
}

func pyenvRoots() []string {
	var roots []string
	if root := os.Getenv("PYENV_ROOT"); root != "" {
		roots = append(roots, root)
	}
	if out, err := exec.Command("pyenv", "root").Output(); err == nil {
		roots = append(roots, strings.TrimSpace(string(out)))
	}
	if home, err := os.UserHomeDir(); err == nil {
		roots = append(roots, filepath.Join(home, ".pyenv"))
	}
	return roots
}

// identify asks an interpreter who it is; pyenv's wrappers on PATH fail for versions that are not switched on.
func identify(command, version string) (path string, ok bool) {
	const question = `import sys; print(sys.implementation.name, "%d.%d" % sys.version_info[:2], sys.executable)`
	out, err := exec.Command(command, "-c", question).Output()
	if err != nil {
		return "", false
	}
	path, ok = strings.CutPrefix(strings.TrimSpace(string(out)), "cpython "+version+" ")
	return path, ok && path != ""
}

// Virtualenv is the interpreter of the environment that `make test` installs the frameworks into.
func Virtualenv(t testing.TB) string {
	t.Helper()
	path := filepath.Join(Root(t), ".venv-test", "bin", "python")
	if _, err := os.Stat(path); err != nil {
		t.Fatalf(".venv-test is missing: run `make venv` first (%v)", err)
	}
	return path
}
