package configs

import (
	"bytes"
	"errors"
	"flag"
	"maps"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing")

func TestEveryKeyHasADocAndEveryDocAKey(t *testing.T) {
	known, flags := map[string]bool{}, map[string]string{}
	for _, key := range Keys() {
		known[key.Path] = true
		if key.Doc == "" || !strings.HasSuffix(key.Doc, ".") {
			t.Errorf("%s has no doc, or one that is no sentence: %q", key.Path, key.Doc)
		}
		if sectionDocs[key.Section()] == "" {
			t.Errorf("section %s has no doc", key.Section())
		}
		if other, twice := flags[key.Flag]; twice && key.Flag != "" {
			t.Errorf("--%s sets %s and %s", key.Flag, other, key.Path)
		}
		flags[key.Flag] = key.Path
	}
	for _, docs := range allDocs {
		for path := range docs {
			if !known[path] {
				t.Errorf("a doc for %s, which does not exist", path)
			}
		}
	}
	all := maps.Clone(foreign)
	maps.Copy(all, foreignFlags)
	for name, path := range all {
		if !known[path] {
			t.Errorf("%s is said to be %s, which does not exist", name, path)
		}
	}
}

// Flags that other programs start penknife with.
func TestFlagsOfTheContract(t *testing.T) {
	want := map[string]string{
		"http": "http", "uwsgi": "uwsgi", "processes": "workers.processes", "threads": "workers.threads",
		"chdir": "app.chdir", "python": "app.python", "admin": "admin.listen",
	}
	for _, key := range Keys() {
		if want[key.Flag] == key.Path {
			delete(want, key.Flag)
		}
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
}

func TestReference(t *testing.T) {
	const file = "../docs/configuration.md"
	got := Reference()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil { //nolint:gosec // a page for everybody
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/configuration.md is not what the table of keys says: run make gen")
	}
}

func TestExplain(t *testing.T) {
	chdirToFile(t, `
app: {wsgi: a:app}
http:
  - {listen: ":1"}
  - {listen: "unix:/run/a.sock", mode: "0600"}
workers: {request_timeout: 5s}
`)
	loaded := mustLoad(t, Options{})
	tests := []struct {
		key  string
		want []string
	}{
		{"workers.request_timeout", []string{
			"workers.request_timeout (duration)", "default  60s", "$PENKNIFE_WORKERS_REQUEST_TIMEOUT",
			"--request-timeout", "now      5s  (penknife.yaml:6)", "range    0s to 24h"}},
		{"http.mode", []string{"now [0]  0660  (default)", "now [1]  0600  (penknife.yaml:5)"}},
		{"http.listen", []string{"now [0]  :1  (penknife.yaml:4)"}},
		{"$PENKNIFE_WORKERS_REQUEST_TIMEOUT", []string{"workers.request_timeout (duration)"}},
		{"http.tls", []string{"http.tls.certificate (", "http.tls.key ("}},
		{"http", []string{"now      :1,unix:/run/a.sock  (penknife.yaml:3)", "http.trusted_proxies"}},
		{"app.python", []string{"default  -", "now      -  (default)"}},
	}
	for _, test := range tests {
		text, err := loaded.Explain(test.key)
		if err != nil {
			t.Fatalf("%s: %v", test.key, err)
		}
		for _, want := range test.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %q is not in\n%s", test.key, want, text)
			}
		}
	}
	if all := loaded.ExplainAll(); !strings.Contains(all, "penknife.yaml:6") || strings.Contains(all, "http.mode") {
		t.Errorf("all keys:\n%s", all)
	}
}

func TestExplainOfAKeyThatDoesNotExist(t *testing.T) {
	loaded := mustLoad(t, Options{Settings: []Setting{{Path: "app.wsgi", Name: "argument", Values: []string{"a:app"}}}})
	for key, want := range map[string]string{
		"workers.proceses": "did you mean workers.processes?",
		"threads":          "did you mean workers.threads?",
		"harakiri":         "here it is workers.request_timeout",
		"processes":        "did you mean workers.processes?",
		"stats-server":     "here it is stats",
		"reload-on-rss":    "here it is workers.max_rss",
		"tls":              "did you mean http.tls?",
	} {
		_, err := loaded.Explain(key)
		if !errors.Is(err, ErrNoSuchKey) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", key, err, want)
		}
	}
}

func TestSourceKindsHaveNames(t *testing.T) {
	for kind := SourceDefault; kind <= SourceFlag; kind++ {
		if kind.String() == "unknown" {
			t.Errorf("%d has no name", kind)
		}
	}
	if SourceKind(0).String() != "unknown" || (SourceFlag+1).String() != "unknown" {
		t.Error("a kind that does not exist has a name")
	}
}
