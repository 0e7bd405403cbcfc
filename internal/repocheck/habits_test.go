package repocheck

import (
	"go/ast"
	"go/token"
	"regexp"
	"strings"
	"testing"
)

// TestNoInit refuses init functions: nothing runs because a package is linked.
func TestNoInit(t *testing.T) {
	for _, s := range sources(t) {
		for _, declaration := range s.file.Decls {
			if function, ok := declaration.(*ast.FuncDecl); ok && function.Recv == nil && function.Name.Name == "init" {
				t.Errorf("%s: an init function", s.line(function))
			}
		}
	}
}

// TestPackageVariables permits errors, tables and embeds, and nothing that changes.
func TestPackageVariables(t *testing.T) {
	product := productSources(t)
	makers := literalMakers(product)
	for _, s := range product {
		for _, declaration := range s.file.Decls {
			general, ok := declaration.(*ast.GenDecl)
			if !ok || general.Tok != token.VAR {
				continue
			}
			for _, spec := range general.Specs {
				value := spec.(*ast.ValueSpec)
				if !isEmbed(general, value) && !isConstantLike(value, makers[s.dir]) {
					t.Errorf("%s: package-level variable %s is no error, table or embed", s.line(value), value.Names[0].Name)
				}
			}
		}
	}
}

// literalMakers lists, for each package, its own functions that only return one composite literal or its address: a
// table written with them is still a table.
func literalMakers(product []source) map[string]map[string]bool {
	makers := map[string]map[string]bool{}
	for _, s := range product {
		if makers[s.dir] == nil {
			makers[s.dir] = map[string]bool{}
		}
		for _, declaration := range s.file.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok || function.Body == nil || len(function.Body.List) != 1 {
				continue
			}
			statement, ok := function.Body.List[0].(*ast.ReturnStmt)
			if ok && len(statement.Results) == 1 && isTable(statement.Results[0], nil) {
				makers[s.dir][function.Name.Name] = true
			}
		}
	}
	return makers
}

// isEmbed tells a variable that //go:embed fills.
func isEmbed(general *ast.GenDecl, value *ast.ValueSpec) bool {
	for _, group := range []*ast.CommentGroup{general.Doc, value.Doc} {
		if group == nil {
			continue
		}
		for _, comment := range group.List {
			if strings.HasPrefix(comment.Text, "//go:embed ") {
				return true
			}
		}
	}
	return false
}

// isConstantLike tells "_ Interface = …" assertions, errors, composite literals, compiled patterns, points in time, and
// in package main the version that the linker sets.
func isConstantLike(value *ast.ValueSpec, makers map[string]bool) bool {
	for i, name := range value.Names {
		if name.Name == "_" || name.Name == "version" {
			continue
		}
		if i >= len(value.Values) || !isTable(value.Values[i], makers) {
			return false
		}
	}
	return true
}

func isTable(expression ast.Expr, makers map[string]bool) bool {
	switch e := expression.(type) {
	case *ast.CompositeLit:
		return true
	case *ast.UnaryExpr:
		_, literal := e.X.(*ast.CompositeLit)
		return e.Op == token.AND && literal
	case *ast.CallExpr:
		switch nameOf(e.Fun) {
		case "errors.New", "fmt.Errorf", "regexp.MustCompile", "strings.NewReplacer", "gateway.Errorf", "gateway.PublicErrorf", "time.Unix", "time.Date":
			return true
		}
		_, conversion := e.Fun.(*ast.ArrayType) // []byte("text")
		_, literal := e.Fun.(*ast.FuncLit)      // a table that a function literal computes
		return conversion || literal || makers[nameOf(e.Fun)]
	}
	return false
}

// nameOf gives "package.Function" or "Function" of what is called.
func nameOf(expression ast.Expr) string {
	switch e := expression.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok {
			return x.Name + "." + e.Sel.Name
		}
	}
	return ""
}

// TestFuzzBodiesDoNotRecover: a fuzz target that swallows panics finds nothing.
func TestFuzzBodiesDoNotRecover(t *testing.T) {
	for _, s := range sources(t) {
		if !s.test {
			continue
		}
		for _, declaration := range s.file.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok || !strings.HasPrefix(function.Name.Name, "Fuzz") {
				continue
			}
			forEachCall(function, func(call *ast.CallExpr) {
				if nameOf(call.Fun) == "recover" {
					t.Errorf("%s: recover in %s", s.line(call), function.Name.Name)
				}
			})
		}
	}
}

// TestNoSleepInTests: a test waits for a state, never for a time.
func TestNoSleepInTests(t *testing.T) {
	for _, s := range sources(t) {
		if !s.test && s.dir != "internal/testkit" {
			continue
		}
		forEachCall(s.file, func(call *ast.CallExpr) {
			if nameOf(call.Fun) == "time.Sleep" {
				t.Errorf("%s: time.Sleep in a test", s.line(call))
			}
		})
	}
}

func forEachCall(node ast.Node, visit func(*ast.CallExpr)) {
	ast.Inspect(node, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			visit(call)
		}
		return true
	})
}

// TestGoStatementsAreExplained asks for a comment directly before each go statement, or on its line: it says who
// stops the goroutine.
func TestGoStatementsAreExplained(t *testing.T) {
	for _, s := range productSources(t) {
		commented := map[int]bool{}
		for _, group := range s.file.Comments {
			commented[s.set.Position(group.End()).Line] = true
		}
		ast.Inspect(s.file, func(node ast.Node) bool {
			statement, ok := node.(*ast.GoStmt)
			if !ok {
				return true
			}
			line := s.set.Position(statement.Pos()).Line
			if !commented[line] && !commented[line-1] {
				t.Errorf("%s: a go statement without a comment that says who stops it", s.line(statement))
			}
			return true
		})
	}
}

// marker is put together so that this file does not have what it looks for. The second half is what git leaves in a file that it
// could not merge.
var marker = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X|HA` + `CK)\b|^(<{7}|>{7})( |$)`)

// TestNoMarkers: what is left to do is an issue, not a comment, and merges are finished.
func TestNoMarkers(t *testing.T) {
	for _, path := range files(t, ".go", ".py", ".c", ".h", ".sh", ".md", "Makefile", ".mk") {
		for i, line := range readLines(t, path) {
			if marker.MatchString(line) {
				t.Errorf("%s:%d: %s", path, i+1, strings.TrimSpace(line))
			}
		}
	}
}
