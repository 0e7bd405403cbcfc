package configs

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// otherNumbers are the keys with a number that end nothing and refuse nothing.
var otherNumbers = map[string]string{
	"workers.processes":                  "how many there are",
	"workers.max_processes":              "how many may be ordered by hand",
	"workers.threads":                    "how many there are",
	"workers.scaling.busy_low":           "when workers go",
	"workers.scaling.busy_high":          "when workers come",
	"workers.scaling.queue_target":       "when workers come",
	"workers.scaling.down_after":         "when workers go",
	"workers.oom_score_adj":              "whom the kernel ends first",
	"workers.max_requests_jitter":        "how much earlier",
	"workers.max_unavailable":            "how many at a time",
	"cache.default_ttl":                  "how long an answer is fresh",
	"cache.heuristic":                    "how long an answer is fresh",
	"cache.stale_while_revalidate":       "how long a stale answer is sent",
	"cache.stale_if_error":               "how long a stale answer is sent",
	"cache.keep_stale":                   "how long an answer is kept",
	"cache.uncacheable_for":              "how long a fact is remembered",
	"cache.rules.ttl":                    "how long an answer is fresh",
	"cache.rules.stale_while_revalidate": "how long a stale answer is sent",
	"cache.rules.stale_if_error":         "how long a stale answer is sent",
	"process.shutdown_delay":             "how long a stop waits",
	"log.access_delay":                   "how long lines are gathered",
	"log.access_status":                  "which lines are written",
	"log.access_slow":                    "which lines are written",
	"tracing.sample":                     "which requests are recorded",
}

// TestReferenceOfLimits compares docs/limits.md with what the configuration says.
func TestReferenceOfLimits(t *testing.T) {
	const file = "../docs/limits.md"
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want, err := LimitsPage(page)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, want, 0o644); err != nil { //nolint:gosec // a page for everybody
			t.Fatal(err)
		}
	} else if !bytes.Equal(page, want) {
		t.Error("the tables of docs/limits.md are not what package configs says: run make gen")
	}
}

// TestEveryNumberIsALimitOrNot: who adds a key with a number says what happens there, or that nothing does.
func TestEveryNumberIsALimitOrNot(t *testing.T) {
	numeric := map[string]bool{
		typeNumber: true, typeSize: true, typeDuration: true, typeProcesses: true, typePercent: true, typeRatio: true,
	}
	known := map[string]bool{}
	for _, key := range Keys() {
		known[key.Path] = true
		_, limit := limitOf(key.Path)
		if other := otherNumbers[key.Path] != ""; numeric[key.Type] && limit == other {
			t.Errorf("%s: in limitdocs.go: %v, in the list of numbers that are no limits: %v", key.Path, limit, other)
		}
	}
	for path := range otherNumbers {
		if !known[path] {
			t.Errorf("%s does not exist", path)
		}
	}
	for _, table := range limitTables {
		for path, d := range table.docs {
			if !known[path] {
				t.Errorf("%s, in the table %s, does not exist", path, table.name)
			}
			if d.what == "" || d.client == "" || d.log == "" || d.counter == "" && !strings.HasPrefix(d.client, nothing) {
				t.Errorf("%s does not say enough: %+v", path, d)
			}
		}
	}
}

func TestLimitsPageNeedsItsMarks(t *testing.T) {
	if _, err := LimitsPage([]byte("<!-- limits: clients -->\n")); err == nil {
		t.Error("a page without marks is content")
	}
}
