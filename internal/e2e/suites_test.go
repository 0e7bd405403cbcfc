package e2e

import (
	"strings"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// TestCacheSuitesOfOthers runs Django's and cachelib's own tests of caches in a worker, against penknife's classes.
func TestCacheSuitesOfOthers(t *testing.T) {
	for _, suite := range []struct {
		path, sdist string
		passed      string // in the report: that tests ran
	}{
		{"/django", "django", "test_get_or_set_racing"}, {"/django/located", "django", "test_get_or_set_racing"},
		{"/cachelib", "cachelib", "test_inc_dec_after_set"},
	} {
		t.Run(suite.path[1:], func(t *testing.T) {
			t.Parallel()
			sources := t.TempDir()
			testkit.Sdist(t, suite.sdist, sources)
			s := serve(t, "suites:application", testkit.Options{
				Python: testkit.Virtualenv(t), Env: []string{"SOURCES=" + sources},
			})
			exchange, err := testkit.HTTPClient(s.HTTP).Send(testkit.Call{Target: suite.path})
			if err != nil {
				t.Fatal(err)
			}
			defer exchange.Close()
			_ = exchange.SetDeadline(time.Now().Add(time.Minute))
			answer, err := exchange.Receive()
			if err != nil || answer.Status != 200 || !strings.Contains(string(answer.Body), suite.passed) {
				t.Errorf("%d, %v\n%s", answer.Status, err, answer.Body)
			}
			t.Logf("%s", testkit.Tail(string(answer.Body), 100))
		})
	}
}
