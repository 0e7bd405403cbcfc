package accesslog

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDocsNameEveryAtom: who writes a format has only the page.
func TestDocsNameEveryAtom(t *testing.T) {
	text, err := os.ReadFile("../docs/logs.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "### Atoms")
	section, _, _ = strings.Cut(section, "\n## ")
	gunicorn, uwsgi, own := Atoms()
	for _, names := range [][]string{gunicorn, uwsgi, own} {
		for _, name := range names {
			if !regexp.MustCompile("`([^`]*\\s)?" + name + "(\\s[^`]*)?`").MatchString(section) {
				t.Errorf("docs/logs.md has no atom %s", name)
			}
		}
	}
}
