package e2e

import (
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// TestChangesCollide: reloads, upgrades and orders for another number of workers, all asked for at the same time and under
// load. Each is done or refused with a word, no request fails, and it ends in one generation of one process.
func TestChangesCollide(t *testing.T) {
	v := serveUpgradable(t, testkit.Options{Processes: 2, Threads: 4, Errors: []string{"no upgrade"},
		Config: "workers: {grace_period: 10s, max_processes: 4}\n"})
	nginx := testkit.NginxPass(t, v.Uwsgi, "")
	l := startLoad(t, v, nginx)
	upgraded := 0
	for n := 2; n <= 3; n++ {
		v.write(t, strconv.Itoa(n))
		var mu sync.Mutex
		var orders sync.WaitGroup
		for _, order := range [][]string{{"reload"}, {"upgrade"}, {"reload"}, {"scale", "3"}, {"upgrade"}, {"scale", "2"}} {
			orders.Go(func() { // ends with the command
				code, output := v.command(t, order...)
				mu.Lock()
				defer mu.Unlock()
				if code != 0 && code != 1 || code == 1 && output == "" {
					t.Errorf("%v: %d\n%s", order, code, output)
				}
				if order[0] == "upgrade" && code == 0 {
					upgraded++
				}
			})
		}
		orders.Wait()
		if code, output := v.command(t, "reload"); code != 0 {
			t.Errorf("a reload afterwards: %d\n%s", code, output)
		}
		for _, c := range v.Fronts() {
			expectBody(t, c.Do(t, testkit.Call{}), strconv.Itoa(n))
		}
	}
	close(l.stop)
	l.clients.Wait()
	t.Logf("%d requests, %d of them streams; %d upgrades", l.asked.Load(), l.streams.Load(), upgraded)
	if upgraded == 0 {
		t.Error("no upgrade was done")
	}
	v.awaitQuiet(t)
	testkit.Eventually(t, 20*time.Second, func() error {
		if s := v.status(t); s.State != "running" || len(s.Generations()) != 1 || len(s.Current.Workers) != s.Current.Scaling.Wanted {
			return fmt.Errorf("%s, %d generations, %d workers of %d", s.State, len(s.Generations()), len(s.Current.Workers), s.Current.Scaling.Wanted)
		}
		return nil
	})
}
