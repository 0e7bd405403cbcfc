package repocheck

import (
	"go/ast"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// TestExportedIsDocumented asks for a doc comment on every exported symbol, method and struct's type.
func TestExportedIsDocumented(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		for _, declaration := range s.file.Decls {
			switch d := declaration.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && exportedReceiver(d) && d.Doc == nil {
					t.Errorf("%s: %s has no doc comment", s.line(d), d.Name.Name)
				}
			case *ast.GenDecl:
				checkGeneral(t, s, d)
			}
		}
	}
}

// exportedReceiver tells whether a function is no method, or one of an exported type.
func exportedReceiver(function *ast.FuncDecl) bool {
	if function.Recv == nil {
		return true
	}
	kind := function.Recv.List[0].Type
	for {
		switch k := kind.(type) {
		case *ast.StarExpr:
			kind = k.X
		case *ast.IndexExpr:
			kind = k.X
		case *ast.IndexListExpr:
			kind = k.X
		case *ast.Ident:
			return k.IsExported()
		default:
			return false
		}
	}
}

// checkGeneral accepts a comment on the group, on the line, or at its end.
func checkGeneral(t *testing.T, s source, general *ast.GenDecl) {
	t.Helper()
	if general.Tok == token.IMPORT || general.Doc != nil {
		return
	}
	for _, spec := range general.Specs {
		switch sp := spec.(type) {
		case *ast.TypeSpec:
			if sp.Name.IsExported() && sp.Doc == nil && sp.Comment == nil {
				t.Errorf("%s: type %s has no doc comment", s.line(sp), sp.Name.Name)
			}
		case *ast.ValueSpec:
			for _, name := range sp.Names {
				if name.IsExported() && sp.Doc == nil && sp.Comment == nil {
					t.Errorf("%s: %s has no doc comment", s.line(sp), name.Name)
				}
			}
		}
	}
}

// TestPackagesAreDocumented asks for a doc.go that has the package comment, in every package but main's.
func TestPackagesAreDocumented(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t) {
		documented[s.dir] = documented[s.dir] || s.file.Doc != nil && !s.test
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s has no package comment", dir)
		}
	}
}

// TestLocksAreNamed asks for each lock, as Type.field, in the doc.go of its package: who adds a lock says what it is for.
func TestLocksAreNamed(t *testing.T) {
	docs, locks := map[string]string{}, map[string][]string{}
	for _, s := range productSources(t) {
		dir := filepath.Dir(s.path)
		if filepath.Base(s.path) == "doc.go" {
			docs[dir] = s.file.Doc.Text()
		}
		ast.Inspect(s.file, func(node ast.Node) bool {
			if named, ok := node.(*ast.TypeSpec); ok {
				locks[dir] = append(locks[dir], locksOf(named)...)
			}
			return true
		})
	}
	for dir, names := range locks {
		for _, name := range names {
			if !strings.Contains(docs[dir], name) {
				t.Errorf("%s/doc.go does not name the lock %s", dir, name)
			}
		}
	}
}

func locksOf(named *ast.TypeSpec) (names []string) {
	kind, ok := named.Type.(*ast.StructType)
	if !ok {
		return nil
	}
	for _, field := range kind.Fields.List {
		of, ok := field.Type.(*ast.SelectorExpr)
		if !ok || nameOf(of.X) != "sync" || !strings.HasSuffix(of.Sel.Name, "Mutex") {
			continue
		}
		for _, name := range field.Names {
			names = append(names, named.Name.Name+"."+name.Name)
		}
	}
	return names
}
