package e2e

import (
	"regexp"
	"strings"
	"testing"

	"penknife/internal/testkit"
)

// expectNotLogged fails for each text that the log has.
func expectNotLogged(t testing.TB, s *testkit.Server, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(s.Output(), text) {
			t.Errorf("the log has %q", text)
		}
	}
}

// TestOutputOfTheApplication: everything that the application writes, to whatever place, is in the log, a line for a
// line, and says which worker it comes from.
func TestOutputOfTheApplication(t *testing.T) {
	s := serve(t, "talk:validated", testkit.Options{})
	expectBody(t, testkit.HTTPClient(s.HTTP).Do(t, testkit.Call{}), "said")
	named := regexp.MustCompile(`worker\w*["=: ]+\d`)
	for _, word := range []string{"word-of-print", "word-of-stderr", "word-of-logging", "word-of-fd-one", "word-of-c",
		"word-of-wsgi-errors"} {
		line := s.AwaitOutput(t, word)
		if !named.MatchString(line) {
			t.Errorf("no worker in %q", line)
		}
		if strings.Count(line, "word-of") != 1 {
			t.Errorf("several lines in one: %q", line)
		}
	}
	s.Terminate(t, testkit.Grace)
	s.AwaitOutput(t, "word-without-line-end")
}
