package link

import "testing"

// TestWorkerDied_GivesTheWakeUpThatADeadWorkerTook: a worker takes the flag that Go sleeps, and is killed before it
// writes the eventfd. Nobody else would write it.
func TestWorkerDied_GivesTheWakeUpThatADeadWorkerTook(t *testing.T) {
	h := startHarness(t, testOptions())
	events := h.q.events
	waitFor(t, "the event reader sleeps", func() bool { return events.asleep.Load() == 1 })
	events.mem.u64(events.mem.offEvents + events.mem.summaryWords*8).Store(1)
	events.mem.u64(events.mem.offEvents).Store(1)
	events.asleep.Store(0)

	h.q.WorkerDied(events.mem.workers-1, "killed in between")
	waitFor(t, "the event is seen", func() bool { return !events.any() })
}
