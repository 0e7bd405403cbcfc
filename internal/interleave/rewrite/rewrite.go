package rewrite

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Change replaces a text that occurs exactly once in a file. Without a line break at its ends it may be a part of a line.
type Change struct {
	File, Old, New string
}

// explorer is what takes the place of sync and of sync/atomic, and is imported as interleave where a Change needs it.
const explorer = "penknife/internal/interleave"

// Text applies the changes that are for a file. It fails when an old text is not there, or more than once: then the change
// has to be looked at again.
func Text(file, text string, changes []Change) (string, error) {
	for _, c := range changes {
		if c.File != file {
			continue
		}
		if n := strings.Count(text, c.Old); n != 1 {
			return "", fmt.Errorf("%s: %q occurs %d times, must be once", file, c.Old, n)
		}
		text = strings.Replace(text, c.Old, c.New, 1)
	}
	return text, nil
}

// Source gives a file of Go code with the explorer in place of sync and sync/atomic. It fails when something is left that
// the explorer would not see.
func Source(file, text string, changes []Change) (string, error) {
	text, err := Text(file, text, changes)
	if err != nil {
		return "", err
	}
	text = strings.Replace(text, "\t\"sync\"\n", "\tsync \""+explorer+"\"\n", 1)
	text = strings.Replace(text, "\t\"sync/atomic\"\n", "\tatomic \""+explorer+"\"\n", 1)
	text = strings.Replace(text, "import \"sync/atomic\"", "import atomic \""+explorer+"\"", 1)
	if strings.Contains(text, "interleave.") {
		end := strings.Index(text, "\n\n") // of the package clause or the comment above it
		if at := strings.Index(text, "\npackage "); at >= 0 || strings.HasPrefix(text, "package ") {
			end = at + 1 + strings.Index(text[at+1:], "\n")
		}
		text = text[:end] + "\n\nimport interleave \"" + explorer + "\"\n" + text[end:]
	}
	return text, unseen(file, text)
}

// unseen finds statements that wait or start goroutines by themselves.
func unseen(file, text string) error {
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, text, 0)
	if err != nil {
		return err
	}
	var found []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		what := ""
		switch n := n.(type) {
		case *ast.GoStmt:
			what = "go"
		case *ast.SelectStmt:
			what = "select"
		case *ast.SendStmt:
			what = "a send"
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				what = "a receive"
			}
		case *ast.CallExpr:
			what = forbiddenCall(n)
		}
		if what != "" {
			found = append(found, fmt.Sprintf("%s: %s", set.Position(n.Pos()), what))
		}
		return true
	})
	if len(found) > 0 {
		return fmt.Errorf("the explorer does not see: %s", strings.Join(found, "; "))
	}
	return nil
}

// forbiddenCall names calls that the explorer has its own of.
func forbiddenCall(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		if f.Name == "close" {
			return "close"
		}
	case *ast.SelectorExpr:
		if x, ok := f.X.(*ast.Ident); ok && x.Name == "time" && (f.Sel.Name == "Now" || strings.HasPrefix(f.Sel.Name, "New") ||
			strings.HasPrefix(f.Sel.Name, "After") || f.Sel.Name == "Sleep") {
			return "time." + f.Sel.Name
		}
	}
	return ""
}

// Plan says how a package is made one that can be explored.
type Plan struct {
	Dir     string   // of the package, absolute
	Before  []Change // made first: a fault that must be found
	Changes []Change // how what waits is said to the explorer
	Whole   []string // files that stay as they are: they take no part
	Tests   []string // test files that stay; all others are left out
}

// Overlay writes the changed files to a directory, and gives the file for go build's -overlay.
func Overlay(p Plan, out string) (string, error) {
	replaced := map[string]string{}
	paths, err := filepath.Glob(filepath.Join(p.Dir, "*.go"))
	if err != nil {
		return "", err
	}
	for _, path := range paths {
		name := filepath.Base(path)
		switch {
		case slices.Contains(p.Whole, name) || slices.Contains(p.Tests, name):
		case strings.HasSuffix(name, "_test.go"):
			replaced[path] = ""
		default:
			changed := filepath.Join(out, name)
			if err := p.rewrite(path, changed); err != nil {
				return "", err
			}
			replaced[path] = changed
		}
	}
	return writeOverlay(replaced, out)
}

func (p *Plan) rewrite(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	faulty, err := Text(filepath.Base(from), string(text), p.Before)
	if err != nil {
		return err
	}
	changed, err := Source(filepath.Base(from), faulty, p.Changes)
	if err != nil {
		return err
	}
	return os.WriteFile(to, []byte(changed), 0o644)
}

func writeOverlay(replaced map[string]string, out string) (string, error) {
	text, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		return "", err
	}
	path := filepath.Join(out, "overlay.json")
	return path, os.WriteFile(path, text, 0o644)
}
