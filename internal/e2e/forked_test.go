package e2e

import (
	"strings"
	"testing"

	"penknife/internal/testkit"
)

// TestThreadsOfImport: threads that the import has started and that a fork would lose are named in the log. Those of a library that
// ends them before each fork (OpenBLAS under numpy), or starts them in each child (OpenTelemetry), are no news.
func TestThreadsOfImport(t *testing.T) {
	const warning = "started threads when it was imported"
	for aware, wanted := range map[string]bool{"yes": false, "anew": false, "no": true} {
		t.Run("aware "+aware, func(t *testing.T) {
			s := serve(t, "forkaware", testkit.Options{Processes: 1, Config: "app: {env: {FORKAWARE: \"" + aware + "\"}}\n"})
			expectBody(t, testkit.HTTPClient(s.HTTP).Get(t, "/"), "forked\n")
			if log := s.Output(); strings.Contains(log, warning) != wanted || strings.Contains(log, "threads=[]") {
				t.Errorf("wanted the warning: %v\n%s", wanted, log)
			}
		})
	}
}

// TestChildrenEndAtOnce: a child that the application forks takes a signal from its first moment on as any process does. One that
// was swallowed while the child was not itself yet kept Pool.terminate waiting for ever. SIGINT is
// Python's own to take, and CPython loses one that comes so early without penknife, too.
func TestChildrenEndAtOnce(t *testing.T) {
	for threads := 1; threads <= 2; threads++ {
		s := serve(t, "forkterm", testkit.Options{Threads: threads})
		for _, signal := range []string{"SIGTERM", "SIGHUP"} {
			expectBody(t, testkit.HTTPClient(s.HTTP).Get(t, "/"+signal), "0 left\n")
		}
	}
}
