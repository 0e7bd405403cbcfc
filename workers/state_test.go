package workers

import (
	"testing"
)

// TestTransitionsWalk holds the legality table to what a worker's life can be, pair by pair.
func TestTransitionsWalk(t *testing.T) {
	legal := map[[2]State]bool{
		{Starting, Ready}: true, {Starting, Draining}: true, {Starting, Stopping}: true, {Starting, Exited}: true,
		{Ready, Suspended}: true, {Ready, Draining}: true, {Ready, Stopping}: true, {Ready, Exited}: true,
		{Suspended, Ready}: true, {Suspended, Draining}: true, {Suspended, Stopping}: true, {Suspended, Exited}: true,
		{Draining, Stopping}: true, {Draining, Exited}: true,
		{Stopping, Exited}: true,
	}
	for from := Starting; from <= Exited; from++ {
		for to := Starting; to <= Exited; to++ {
			if got := from.mayBecome(to); got != legal[[2]State{from, to}] {
				t.Errorf("%v -> %v: %v", from, to, got)
			}
		}
		if _, ok := transitions[from]; !ok {
			t.Errorf("%v is not in the table", from)
		}
	}
}

// TestNames walks every enum: each value has a name of its own, and the one after the last has none.
func TestNames(t *testing.T) {
	walk := func(enum string, last int, name func(int) string) {
		t.Helper()
		seen := map[string]bool{"unknown": true, "": true}
		for value := 1; value <= last; value++ {
			text := name(value)
			if seen[text] && (enum != "ExitCause" || value != last) {
				t.Errorf("%s %d has the name %q", enum, value, text)
			}
			seen[text] = true
		}
		if got := name(last + 1); got != "unknown" {
			t.Errorf("%s %d, after the last, is called %q", enum, last+1, got)
		}
	}
	walk("State", int(Exited), func(v int) string { return State(v).String() })
	walk("RetireReason", int(RetireSuspended), func(v int) string { return RetireReason(v).String() })
	walk("StartKind", int(StartSystem), func(v int) string { return StartKind(v).String() })
	walk("ExitCause", int(ExitUnknown), func(v int) string { return ExitCause(v).String() }) // the last is "unknown"
	walk("ScaleMode", int(ScaleQueue), func(v int) string { return ScaleMode(v).String() })
	walk("ScaleReason", int(ScaledForCalm), func(v int) string { return ScaleReason(v).String() })
	if RetireReason(0).String() != "" {
		t.Error("no reason has a name")
	}
}

func TestWaitedExit(t *testing.T) {
	for _, test := range []struct {
		code, status int32
		want         exit
	}{
		{1, 0, exit{ExitClean, "exited with status 0"}},
		{1, 3, exit{ExitStatus, "exited with status 3"}},
		{2, 9, exit{ExitKilled, "killed by SIGKILL"}},
		{2, 15, exit{ExitKilled, "killed by SIGTERM"}},
		{3, 11, exit{ExitSignal, "killed by SIGSEGV (core dumped)"}},
		{2, 60, exit{ExitSignal, "killed by signal 60"}},
	} {
		if got := waitedExit(test.code, test.status); got != test.want {
			t.Errorf("code %d, status %d: %+v, want %+v", test.code, test.status, got, test.want)
		}
	}
}
