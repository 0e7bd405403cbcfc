package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"penknife/internal/testkit"
)

// Errors that tests cause on purpose (testkit.Options.Errors).
var (
	anOverdueRequest      = []string{"request timeout", "stacks of all threads"}
	aStubbornRequest      = append([]string{"request timeout: the application did not give way to the exception", "worker died"}, anOverdueRequest...)
	aDeadWorker           = []string{"worker died"}
	aCrashLoop            = []string{"worker died", "workers keep dying at once"}
	aFailedReload         = []string{"reload failed; everything stays as it was"}
	aFailedUpgrade        = []string{"upgrade failed; everything stays as it was", "no upgrade"}
	aFailedReloadAndDeath = append(aDeadWorker, aFailedReload...)
	aFailedRolling        = append([]string{"rolling reload failed; the generation before gets its workers back", "no worker could be forked"},
		aFailedReloadAndDeath...)
)

// apps is the folder of the fixture applications.
func apps(t testing.TB) string { return filepath.Join(testkit.Root(t), "internal", "e2e", "apps") }

// serve starts penknife with a fixture application, one process with one thread unless options say otherwise.
func serve(t testing.TB, app string, options testkit.Options) *testkit.Server {
	t.Helper()
	options.App = app
	if options.Chdir == "" {
		options.Chdir = apps(t)
	}
	options.Env = append(options.Env, "PYTHONDONTWRITEBYTECODE=1")
	return testkit.Penknife(t, options)
}

// eachFront runs a check as a subtest for each front end.
func eachFront(t *testing.T, s *testkit.Server, check func(*testing.T, testkit.Client)) {
	t.Helper()
	for _, client := range s.Fronts() {
		t.Run(client.Name, func(t *testing.T) { check(t, client) })
	}
}

// decode reads a JSON answer.
func decode[T any](t testing.TB, answer testkit.Answer) T {
	t.Helper()
	var value T
	if answer.Status/100 != 2 || answer.Cut != nil {
		t.Fatalf("%d, cut: %v: %s", answer.Status, answer.Cut, answer.Body)
	}
	if err := json.Unmarshal(answer.Body, &value); err != nil {
		t.Fatalf("%v in %q", err, answer.Body)
	}
	return value
}

// probed is what the probe application answers.
type probed struct {
	Environ map[string]any
	Size    int64
	SHA256  string
	PID     int
	Python  string
}

// text gives one CGI variable, and fails the test when it is missing or no string.
func (p probed) text(t testing.TB, key string) string {
	t.Helper()
	value, ok := p.Environ[key].(string)
	if !ok {
		t.Errorf("environ has no %s", key)
	}
	return value
}

// channels is what n threads of the application leave open that call penknife.
func channels(n int) testkit.Footprint {
	return testkit.Footprint{Descriptors: n, Python: n, Goroutines: 2 * n}
}

// workers is what n workers more than at the start hold.
func workers(n int) testkit.Footprint {
	return testkit.Footprint{Processes: n, Descriptors: 7 * n, Goroutines: 5 * n}
}

// expectBody checks status 200 and the exact body.
func expectBody(t testing.TB, answer testkit.Answer, want string) {
	t.Helper()
	if answer.Status != 200 || answer.Cut != nil || string(answer.Body) != want {
		t.Errorf("got %d %q (cut: %v), want 200 %q", answer.Status, clip(answer.Body), answer.Cut, want)
	}
}

// expectStatus checks the status of a complete answer.
func expectStatus(t testing.TB, answer testkit.Answer, want int) {
	t.Helper()
	if answer.Status != want || answer.Cut != nil {
		t.Errorf("got %d (cut: %v), want %d: %q", answer.Status, answer.Cut, want, clip(answer.Body))
	}
}

func clip(body []byte) string { return string(body[:min(len(body), 300)]) }

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// pattern is n bytes that differ from place to place.
func pattern(n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(i*7 + i>>8*13 + i>>16)
	}
	return data
}

// target builds path?name=value&… from pairs.
func target(path string, pairs ...string) string {
	var query []string
	for i := 0; i+1 < len(pairs); i += 2 {
		query = append(query, url.QueryEscape(pairs[i])+"="+url.QueryEscape(pairs[i+1]))
	}
	if len(query) == 0 {
		return path
	}
	return path + "?" + strings.Join(query, "&")
}

// pidOf reads the X-Pid header.
func pidOf(t testing.TB, answer testkit.Answer) int {
	t.Helper()
	var pid int
	if _, err := fmt.Sscan(answer.Header.Get("X-Pid"), &pid); err != nil {
		t.Fatalf("X-Pid: %v (status %d)", err, answer.Status)
	}
	return pid
}
