package repocheck

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../.."

// source is one parsed Go file of the repository.
type source struct {
	path string // from the repository's top
	dir  string // its package's folder, from the top
	test bool   // a _test.go file
	file *ast.File
	set  *token.FileSet
}

// line gives "path:line" for messages.
func (s source) line(node ast.Node) string {
	position := s.set.Position(node.Pos())
	return s.path + ":" + itoa(position.Line)
}

// lines is how many lines a node covers.
func (s source) lines(node ast.Node) int {
	return s.set.Position(node.End()).Line - s.set.Position(node.Pos()).Line + 1
}

// files lists the repository's files with one of the suffixes: those that git knows and those it would add.
func files(t *testing.T, suffixes ...string) []string {
	t.Helper()
	command := exec.Command("git", "ls-files", "-co", "--exclude-standard")
	command.Dir = root
	out, err := command.Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	var found []string
	for path := range strings.SplitSeq(strings.TrimSpace(string(out)), "\n") {
		for _, suffix := range suffixes {
			if _, missing := os.Stat(filepath.Join(root, path)); strings.HasSuffix(path, suffix) && missing == nil {
				found = append(found, path)
			}
		}
	}
	if len(found) == 0 {
		t.Fatalf("no file ends with %v", suffixes)
	}
	return found
}

// sources parses every Go file.
func sources(t *testing.T) []source {
	t.Helper()
	set := token.NewFileSet()
	var parsed []source
	for _, path := range files(t, ".go") {
		file, err := parser.ParseFile(set, filepath.Join(root, path), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, source{
			path: path, dir: filepath.Dir(path), test: strings.HasSuffix(path, "_test.go"), file: file, set: set,
		})
	}
	return parsed
}

// productSources leaves the tests and the code that only tests use out.
func productSources(t *testing.T) []source {
	t.Helper()
	var product []source
	for _, s := range sources(t) {
		if !s.test && !strings.HasPrefix(s.dir, "internal/testkit") && s.dir != "internal/repocheck" &&
			!strings.HasPrefix(s.dir, "internal/interleave") { // it stands in for packages that know no instance
			product = append(product, s)
		}
	}
	return product
}

func readLines(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}
