package workers

import (
	"context"
	"fmt"
	"testing"
	"time"

	"penknife/internal/testkit"
	"penknife/workers/link"
)

// TestRunning_KnowsEveryGeneration: a request that a reload has left in the old generation is listed with the others.
func TestRunning_KnowsEveryGeneration(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	c.Workers.GracePeriod = 300 * time.Millisecond
	m := startManager(t, c)
	req, ended := request(t, "/hang"), make(chan error, 1)
	go func() { // ends with the generation's grace period
		_, err := m.Serve(req)
		ended <- err
	}()
	working := func(generation uint64) func() error {
		return func() error {
			for _, r := range m.Running() {
				if r.Generation == generation && r.State == link.Working && r.Path == "/hang" {
					return nil
				}
			}
			return fmt.Errorf("%+v", m.Running())
		}
	}
	testkit.Eventually(t, 5*time.Second, working(1))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := m.Reload(ctx, c); err != nil {
		t.Fatal(err)
	}
	if err := working(1)(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil {
		t.Error("an answer of an application that hangs")
	}
}
