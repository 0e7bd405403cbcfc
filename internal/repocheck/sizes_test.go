package repocheck

import (
	"go/ast"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// The budgets, in lines.
const (
	maxFunction     = 80
	p90Function     = 30
	maxFile         = 500
	maxDecision     = 40
	maxArchitecture = 250
)

func itoa(n int) string { return strconv.Itoa(n) }

// TestFunctionSizes holds each function to 80 lines, and nine of ten of a package's functions to 30.
func TestFunctionSizes(t *testing.T) {
	sizes := map[string][]int{}
	for _, s := range sources(t) {
		for _, declaration := range s.file.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok || function.Body == nil {
				continue
			}
			n := s.lines(function)
			if n > maxFunction {
				t.Errorf("%s: %s has %d lines, %d are the limit", s.line(function), function.Name.Name, n, maxFunction)
			}
			if !s.test {
				sizes[s.dir] = append(sizes[s.dir], n)
			}
		}
	}
	for dir, all := range sizes {
		slices.Sort(all)
		if p90 := all[len(all)*9/10]; p90 > p90Function && len(all) >= 10 {
			t.Errorf("%s: p90 of %d functions is %d lines, %d is the limit", dir, len(all), p90, p90Function)
		}
	}
}

// TestFileSizes holds every source file to 500 lines.
func TestFileSizes(t *testing.T) {
	for _, path := range files(t, ".go", ".py", ".c", ".h") {
		if n := len(readLines(t, path)); n > maxFile {
			t.Errorf("%s has %d lines, %d are the limit", path, n, maxFile)
		}
	}
}

// TestDocumentSizes holds a decision to 40 lines and the architecture to 250.
func TestDocumentSizes(t *testing.T) {
	decisions, err := filepath.Glob(filepath.Join(root, "docs", "decisions", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range decisions {
		checkLength(t, path, maxDecision)
	}
	checkLength(t, filepath.Join(root, "ARCHITECTURE.md"), maxArchitecture)
}

func checkLength(t *testing.T, path string, limit int) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
		return
	}
	relative, err := filepath.Rel(root, path)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(readLines(t, relative)); n > limit {
		t.Errorf("%s has %d lines, %d are the limit", relative, n, limit)
	}
}
