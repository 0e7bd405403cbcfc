package metrics

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestDocsNameEveryMetric compares the tables of docs/metrics.md with the names in this package, both ways.
func TestDocsNameEveryMetric(t *testing.T) {
	text, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(penknife_[a-z_]+)` \\|").FindAllSubmatch(text, -1) {
		if documented[string(row[1])] {
			t.Errorf("%s has two rows", row[1])
		}
		documented[string(row[1])] = true
	}
	for name := range namesInSource(t) {
		if !documented[name] {
			t.Errorf("docs/metrics.md has no row for %s", name)
		}
		delete(documented, name)
	}
	for name := range documented {
		t.Errorf("docs/metrics.md has %s, and there is no such metric", name)
	}
}

// namesInSource finds every string of the package that is the name of a metric.
func namesInSource(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	whole := regexp.MustCompile(`^penknife_[a-z_]+[a-z]$`)
	names := map[string]bool{}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				if text, err := strconv.Unquote(literal.Value); err == nil && whole.MatchString(text) {
					names[text] = true
				}
			}
			return true
		})
	}
	if len(names) < 40 {
		t.Fatalf("only %d names were found", len(names))
	}
	return names
}
