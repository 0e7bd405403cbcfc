package repocheck

import (
	"go/ast"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// papers are the pages whose promises are checked here.
var papers = []string{"docs/limits.md", "docs/failure-modes.md", "SECURITY.md"}

// spans finds what a page has in backquotes.
var spans = regexp.MustCompile("`([^`\n]+)`")

// TestPapersNameMetricsThatExist: each metric that they name is one, and so is each value of a label.
func TestPapersNameMetricsThatExist(t *testing.T) {
	texts := literals(t)
	names := metricNames(texts)
	metric := regexp.MustCompile(`^(penknife_[a-z_]+)(?:\{([a-z_]+)(?:="([^"]+)")?\})?$`)
	found := 0
	for _, page := range papers {
		for n, line := range readLines(t, page) {
			for _, span := range spans.FindAllStringSubmatch(line, -1) {
				parts := metric.FindStringSubmatch(span[1])
				if parts == nil {
					if strings.HasPrefix(span[1], "penknife_") {
						t.Errorf("%s:%d: %q is no metric with one label", page, n+1, span[1])
					}
					continue
				}
				found++
				if !names[parts[1]] {
					t.Errorf("%s:%d: there is no metric %s", page, n+1, parts[1])
				}
				if parts[2] != "" && !texts[parts[2]] || parts[3] != "" && !texts[parts[3]] {
					t.Errorf("%s:%d: nothing says %s=%q", page, n+1, parts[2], parts[3])
				}
			}
		}
	}
	if found < 40 {
		t.Errorf("only %d metrics were found", found)
	}
}

// metricNames picks the names of metrics out of the literals of the product.
func metricNames(texts map[string]bool) map[string]bool {
	names := map[string]bool{}
	for text := range texts {
		if strings.HasPrefix(text, "penknife_") {
			names[text] = true
		}
	}
	return names
}

// TestPagesNameMetricsThatExist: so does every other page; `penknife_app_cache_*` stands for several.
func TestPagesNameMetricsThatExist(t *testing.T) {
	names := metricNames(literals(t))
	metric := regexp.MustCompile("`(penknife_[a-z_]+)([*{`]| )")
	found := 0
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range pages {
		page, err := filepath.Rel(root, path)
		if err != nil {
			t.Fatal(err)
		}
		for n, line := range readLines(t, page) {
			for _, parts := range metric.FindAllStringSubmatch(line, -1) {
				found++
				if !names[parts[1]] && parts[2] != "*" {
					t.Errorf("%s:%d: there is no metric %s", page, n+1, parts[1])
				}
			}
		}
	}
	if found < 150 {
		t.Errorf("only %d metrics were found", found)
	}
}

// TestPapersQuoteMessages: what the column "log" of a table quotes is in the code.
func TestPapersQuoteMessages(t *testing.T) {
	var all strings.Builder
	for text := range literals(t) {
		all.WriteString(text + "\x00")
	}
	messages := all.String()
	found := 0
	for _, page := range papers {
		column := -1
		for n, line := range readLines(t, page) {
			cells := strings.Split(strings.Trim(line, "|"), "|")
			if !strings.HasPrefix(line, "|") {
				column = -1
				continue
			}
			for i, cell := range cells {
				if strings.TrimSpace(cell) == "log" {
					column = i
				}
			}
			if column < 0 || column >= len(cells) {
				continue
			}
			for _, span := range spans.FindAllStringSubmatch(cells[column], -1) {
				if strings.Contains(span[1], "=") {
					continue // an attribute
				}
				found++
				if !strings.Contains(messages, span[1]) {
					t.Errorf("%s:%d: nothing logs %q", page, n+1, span[1])
				}
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d messages were found", found)
	}
}

// TestPapersNameTestsThatExist: who holds a promise is there.
func TestPapersNameTestsThatExist(t *testing.T) {
	tests := map[string]bool{}
	for _, s := range sources(t) {
		if !s.test {
			continue
		}
		for _, declaration := range s.file.Decls {
			if function, ok := declaration.(*ast.FuncDecl); ok && function.Recv == nil {
				tests[function.Name.Name] = true
			}
		}
	}
	name := regexp.MustCompile(`^(?:Test|Fuzz)[A-Z]\w*$`)
	for _, page := range papers {
		found := 0
		for n, line := range readLines(t, page) {
			for _, span := range spans.FindAllStringSubmatch(line, -1) {
				if !name.MatchString(span[1]) {
					continue
				}
				found++
				if !tests[span[1]] {
					t.Errorf("%s:%d: there is no %s", page, n+1, span[1])
				}
			}
		}
		if found < 10 && page != "docs/limits.md" {
			t.Errorf("%s names %d tests", page, found)
		}
	}
}

// TestLimitsWithoutAKeyExist: the constants of the last table of docs/limits.md are where it says.
func TestLimitsWithoutAKeyExist(t *testing.T) {
	place := regexp.MustCompile("`([a-z/]+\\.go)` ((?:`\\w+`(?:, )?)+)")
	found := 0
	for n, line := range readLines(t, "docs/limits.md") {
		parts := place.FindStringSubmatch(line)
		if parts == nil {
			continue
		}
		text := strings.Join(readLines(t, parts[1]), "\n")
		for _, constant := range spans.FindAllStringSubmatch(parts[2], -1) {
			found++
			if !regexp.MustCompile(`(?m)^\s*(?:const )?` + constant[1] + `\s*(?:\w+ )?=`).MatchString(text) {
				t.Errorf("docs/limits.md:%d: %s has no %s", n+1, parts[1], constant[1])
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d constants were found", found)
	}
}

// literals gives every string literal of the product, those of sums of literals joined. What only writes the papers does
// not count.
func literals(t *testing.T) map[string]bool {
	t.Helper()
	texts := map[string]bool{}
	for _, s := range productSources(t) {
		if s.path == "configs/limitdocs.go" {
			continue
		}
		ast.Inspect(s.file, func(node ast.Node) bool {
			if expression, ok := node.(ast.Expr); ok {
				if text, ok := textOf(expression); ok {
					texts[text] = true
				}
			}
			return true
		})
	}
	return texts
}

// textOf gives the value of a string literal, or of a sum of them.
func textOf(expression ast.Expr) (string, bool) {
	switch e := expression.(type) {
	case *ast.BasicLit:
		if e.Kind != token.STRING {
			return "", false
		}
		text, err := strconv.Unquote(e.Value)
		return text, err == nil
	case *ast.BinaryExpr:
		left, ok := textOf(e.X)
		right, ok2 := textOf(e.Y)
		return left + right, ok && ok2 && e.Op == token.ADD
	}
	return "", false
}
