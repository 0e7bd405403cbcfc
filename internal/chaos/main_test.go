package chaos

import (
	"flag"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// full is set by `make chaos`.
var full = flag.Bool("full", false, "all rounds and the long pauses, not the short form")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rounds is how often something is done: fewer times in the short form.
func rounds(short, long int) int {
	if *full {
		return long
	}
	return short
}

// span is how long something lasts: shorter in the short form.
func span(short, long time.Duration) time.Duration {
	if *full {
		return long
	}
	return short
}

// thorough tells whether a scenario is to run that the short form leaves out, and says so if not.
func thorough(t *testing.T) bool {
	t.Helper()
	if !*full {
		t.Log("only make chaos runs this one")
	}
	return *full
}
