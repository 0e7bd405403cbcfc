package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"penknife/internal/testkit"
)

// TestForkedChildren: a child that the application forks in a request ends as a Python program ends, in whatever thread
// and wherever it was forked. It neither answers nor serves requests.
func TestForkedChildren(t *testing.T) {
	for _, threads := range []int{1, 2} {
		t.Run(fmt.Sprint(threads, " threads"), func(t *testing.T) {
			seen := filepath.Join(testkit.Dir(t), "seen")
			s := serve(t, "forking:application", testkit.Options{
				Threads: threads, Env: []string{"FORKING_SEEN=" + seen}})
			c := testkit.HTTPClient(s.HTTP)
			for _, step := range []struct{ how, status string }{
				{"none", "0"}, {"0", "0"}, {"3", "3"}, {"text", "1"}, {"raise", "1"}, {"answer", "0"},
			} {
				for range 4 { // so that each thread has its turn
					answer := c.Do(t, testkit.Call{Target: "/fork?" + step.how})
					expectBody(t, answer, step.status)
					if answer.Header.Get("X-Child") != "" {
						t.Errorf("%s: the child's head was sent", step.how)
					}
				}
				expectBody(t, c.Do(t, testkit.Call{Target: "/close?" + step.how}), "closing")
				testkit.Eventually(t, callTimeout, func() error {
					return contains(seen, "closed "+step.how+" "+step.status)
				})
			}
			if err := contains(seen, "atexit 3"); err != nil {
				t.Error(err)
			}
			s.AwaitOutput(t, "ValueError: the child cannot go on")
			s.AwaitOutput(t, "the child has a reason")
			expectBody(t, c.Do(t, testkit.Call{Target: "/plain"}), "none")
		})
	}
}

// contains tells whether a file has a line.
func contains(path, line string) error {
	text, err := os.ReadFile(path)
	if err == nil && !strings.Contains("\n"+string(text), "\n"+line+"\n") {
		err = fmt.Errorf("no line %q in %q", line, text)
	}
	return err
}
