package testkit

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Sdist unpacks the source distribution of a Python package that `make venv` has fetched, in the version of
// requirements-test.txt, as the folder to/NAME. Its tests are not in what pip installs.
func Sdist(t testing.TB, name, to string) {
	t.Helper()
	folder := filepath.Join(Root(t), ".venv-test", "sdists")
	found, _ := filepath.Glob(filepath.Join(folder, "*.tar.gz"))
	for _, archive := range found {
		if !strings.HasPrefix(strings.ToLower(filepath.Base(archive)), strings.ToLower(name)+"-") {
			continue
		}
		into := filepath.Join(to, name)
		if err := os.MkdirAll(into, 0o755); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("tar", "-xzf", archive, "-C", into, "--strip-components=1").CombinedOutput()
		if err != nil {
			t.Fatalf("unpack %s: %v\n%s", archive, err, out)
		}
		return
	}
	t.Fatalf("no source distribution of %s in .venv-test/sdists: run `make venv` first", name)
}
