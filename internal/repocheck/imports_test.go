package repocheck

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

// module is the prefix of the repository's own import paths.
const module = "penknife/"

// bottom is the row that everyone may import and whose packages never import each other.
var bottom = []string{"gateway", "uwsgiproto", "configs", "metrics", "python", "sockets", "control", "httpdate", "watch", "incidents", "requestids", "logsinks",
	"osproc", "handover", "proxyproto", "clients", "certs", "streams"}

// middle is the row of front ends and engines: each imports the bottom row and what is inside itself.
var middle = []string{"httpfront", "uwsgifront", "workers", "static", "cache", "admin", "appcalls", "sidecars", "accesslog",
	"tracing", "uwsgistats", "top", "access"}

// testOnly may be imported by tests alone.
var testOnly = []string{"internal/testkit", "internal/testkit/acmeca", "internal/repocheck", "internal/e2e", "internal/chaos",
	"internal/interleave", "internal/interleave/native", "internal/interleave/rewrite"}

// TestImportsPointDown walks every import of the repository's own packages.
func TestImportsPointDown(t *testing.T) {
	for _, s := range sources(t) {
		for _, spec := range s.file.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			imported, own := strings.CutPrefix(path, module)
			if imported == "gateway" && spec.Name != nil && spec.Name.Name == "_" {
				continue // nothing but its error on other platforms (platform_other.go)
			}
			if own && !allowed(s, imported) {
				t.Errorf("%s imports %s: the import graph (ARCHITECTURE.md) has no such edge", s.line(spec), imported)
			}
		}
	}
}

func allowed(s source, imported string) bool {
	if slices.Contains(testOnly, imported) {
		return s.test || s.dir == imported || strings.HasPrefix(s.dir, imported+"/") ||
			s.dir == "internal/interleave" && row(imported) == "internal"
	}
	importer, target := row(s.dir), row(imported)
	if importer == target {
		return true // within one package's own folders
	}
	switch {
	case importer == "bench" || strings.HasPrefix(importer, "internal"):
		return true // beside the graph
	case slices.Contains(bottom, importer):
		return s.test && slices.Contains(bottom, target)
	case slices.Contains(middle, importer):
		return slices.Contains(bottom, target)
	case importer == "server":
		return slices.Contains(bottom, target) || slices.Contains(middle, target)
	case importer == "cmd":
		return target == "server" || target == "top" || slices.Contains(bottom, target)
	}
	return false
}

// row is a folder's first element: workers/link belongs to workers.
func row(dir string) string {
	first, _, _ := strings.Cut(dir, "/")
	return first
}

// TestTheGraphRefuses shows that the rule above can fail.
func TestTheGraphRefuses(t *testing.T) {
	for _, edge := range [][2]string{
		{"gateway", "configs"}, {"httpfront", "workers"}, {"uwsgifront", "httpfront"}, {"workers", "server"},
		{"cmd/penknife", "workers"}, {"server", "internal/testkit"}, {"workers/link", "admin"}, {"unknown", "gateway"},
	} {
		if allowed(source{dir: edge[0]}, edge[1]) {
			t.Errorf("%s may import %s", edge[0], edge[1])
		}
	}
}

// TestTestingStaysInTests keeps the testing package out of what is shipped.
func TestTestingStaysInTests(t *testing.T) {
	for _, s := range productSources(t) {
		for _, spec := range s.file.Imports {
			if spec.Path.Value == `"testing"` {
				t.Errorf("%s imports testing", s.line(spec))
			}
		}
	}
}
