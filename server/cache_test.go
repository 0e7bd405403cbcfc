package server

import (
	"testing"
	"time"

	"penknife/configs"
)

// Nobody waits for another request longer than for a worker.
func TestCacheWaitIsBounded(t *testing.T) {
	for _, test := range []struct{ wait, queue, want time.Duration }{
		{10 * time.Second, 30 * time.Second, 10 * time.Second},
		{10 * time.Second, 2 * time.Second, 2 * time.Second},
		{10 * time.Second, 0, 10 * time.Second}, // no limit
	} {
		cfg := configs.Default()
		cfg.Cache.Wait, cfg.Workers.QueueTimeout = test.wait, test.queue
		if got := boundedCache(cfg).Wait; got != test.want {
			t.Errorf("%v: %v", test, got)
		}
	}
}
