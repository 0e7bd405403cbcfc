package e2e

import (
	"fmt"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// rule is one of the 49 rules for servers that PEP 3333 states, numbered in the order of its text.
type rule struct {
	number int
	name   string
	check  func(*testing.T, *testkit.Server)
}

func rules() []rule {
	var all []rule
	for _, part := range [][]rule{callRules(), environRules(), streamRules(), startRules(), bodyRules(), httpRules(), fileRules()} {
		all = append(all, part...)
	}
	return all
}

// TestPEP3333 runs every rule against one server with one process and one thread; rules that need another one start
// it themselves.
func TestPEP3333(t *testing.T) {
	s := serve(t, "pep3333:application", testkit.Options{})
	for _, rule := range rules() {
		t.Run(fmt.Sprintf("rule_%02d_%s", rule.number, rule.name), func(t *testing.T) { rule.check(t, s) })
	}
}

// TestPEP3333IsComplete checks that each number from 1 to 49 is there once.
func TestPEP3333IsComplete(t *testing.T) {
	seen := map[int]int{}
	for _, rule := range rules() {
		seen[rule.number]++
	}
	for number := 1; number <= 49; number++ {
		if seen[number] != 1 {
			t.Errorf("rule %d is there %d times", number, seen[number])
		}
	}
	if len(seen) != 49 {
		t.Errorf("%d rules", len(seen))
	}
}

// key names the records of one subtest.
func key(t testing.TB) string { return t.Name() }

// records asks the application for what it noted under a key.
func records[T any](t testing.TB, s *testkit.Server, name string) []T {
	t.Helper()
	return decode[[]T](t, testkit.HTTPClient(s.HTTP).Get(t, target("/records", "key", name)))
}

// awaitRecords waits until the application has noted exactly want.
func awaitRecords(t testing.TB, s *testkit.Server, name string, want ...string) {
	t.Helper()
	testkit.Eventually(t, 5*time.Second, func() error {
		if got := records[string](t, s, name); fmt.Sprint(got) != fmt.Sprint(want) {
			return fmt.Errorf("noted %q, want %q", got, want)
		}
		return nil
	})
}
