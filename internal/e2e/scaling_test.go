package e2e

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"penknife/control"
	"penknife/internal/testkit"
)

// awaitWorkers waits until so many workers are wanted and ready, and no other is there.
func awaitWorkers(t testing.TB, s *testkit.Server, n int) control.Generation {
	t.Helper()
	client := control.NewClient(s.Uwsgi + ".control")
	var current control.Generation
	testkit.Eventually(t, callTimeout, func() error {
		status, err := client.Status(t.Context())
		if err != nil {
			return err
		}
		current = status.Current
		if current.Scaling.Wanted != n || len(current.Workers) != n {
			return fmt.Errorf("%+v: %+v", current.Scaling, current.Workers)
		}
		for _, w := range current.Workers {
			if w.State != "ready" {
				return fmt.Errorf("%+v", w)
			}
		}
		return nil
	})
	return current
}

// TestScaleUnderLoad: more and fewer workers, by command and by signal, while clients ask over every way in. Every
// request is answered, streams too.
func TestScaleUnderLoad(t *testing.T) {
	v := serveVersioned(t, testkit.Options{Processes: 2, Threads: 4})
	nginx := testkit.NginxPass(t, v.Uwsgi, "")
	scale := func(want string, arguments ...string) {
		t.Helper()
		code, output := v.command(t, append([]string{"scale"}, arguments...)...)
		if code != 0 || strings.TrimSpace(output) != want {
			t.Errorf("penknife scale %v: %d, %q", arguments, code, output)
		}
	}
	l := startLoad(t, v, nginx)
	for range 3 {
		scale("6 workers (by hand)", "6")
		scale("1 worker (by hand)", "1")
		scale("4 workers (by hand)", "+3")
	}
	v.Signal(t, syscall.SIGTTIN)
	awaitWorkers(t, v.Server, 5)
	v.Signal(t, syscall.SIGTTOU)
	awaitWorkers(t, v.Server, 4)
	if code, output := v.command(t, "scale", "9"); code != 2 || !strings.Contains(output, "there can be 1 to 8 (workers.max_processes)") {
		t.Errorf("penknife scale 9: %d, %s", code, output)
	}
	if code, output := v.command(t, "reload"); code != 0 || !strings.Contains(output, "generation 2 serves with 4 workers (by hand)") {
		t.Errorf("penknife reload: %d, %s", code, output)
	}
	scale("2 workers", "auto")
	close(l.stop)
	l.clients.Wait()
	t.Logf("%d requests, %d of them streams", l.asked.Load(), l.streams.Load())
	v.awaitQuiet(t)
	if current := awaitWorkers(t, v.Server, 2); current.Scaling.Mode != "fixed" {
		t.Errorf("%+v", current.Scaling)
	}
}

// TestScaleOfTheOnlyProcess: an application for which one process was asked gets no second one by accident.
func TestScaleOfTheOnlyProcess(t *testing.T) {
	v := serveVersioned(t, testkit.Options{Leaves: workers(2), Config: "app: {env: {COLOUR: green}}\n"})
	if code, output := v.command(t, "scale", "2"); code != 2 || !strings.Contains(output, "there can only be 1 (workers.max_processes)") {
		t.Errorf("%d, %s", code, output)
	}
	v.Signal(t, syscall.SIGTTIN)
	testkit.Eventually(t, callTimeout, func() error {
		if !strings.Contains(v.Output(), "there can only be 1 (workers.max_processes)") {
			return errNotYet
		}
		return nil
	})
	testkit.Write(t, v.Dir, "penknife.yaml", "workers: {max_processes: 3}\n")
	v.reload(t)
	if code, output := v.command(t, "scale", "3"); code != 0 {
		t.Errorf("%d, %s", code, output)
	}
	awaitWorkers(t, v.Server, 3)
}

// TestReloadAndTheNumber: what was asked for by hand outlives a reload, until the configuration changes.
func TestReloadAndTheNumber(t *testing.T) {
	v := serveVersioned(t, testkit.Options{Processes: 2, Config: "workers: {max_processes: 4}\n"})
	if code, output := v.command(t, "scale", "3"); code != 0 {
		t.Fatalf("%d, %s", code, output)
	}
	if code, output := v.command(t, "reload"); code != 0 || !strings.Contains(output, "with 3 workers (by hand)") {
		t.Errorf("%d, %s", code, output)
	}
	awaitWorkers(t, v.Server, 3)
	testkit.Write(t, v.Dir, "penknife.yaml", "workers: {max_processes: 5}\n")
	if code, output := v.command(t, "reload"); code != 0 || !strings.Contains(output, "with 2 workers,") {
		t.Errorf("%d, %s", code, output)
	}
	if code, output := v.command(t, "status"); code != 0 || !strings.Contains(output, "2 workers, 1 to 5 are possible") {
		t.Errorf("%d, %s", code, output)
	}
}

// TestAutoscaling: a burst of requests brings workers within a second, under load there are as many as may be, and calm
// takes them away again. No request fails.
func TestAutoscaling(t *testing.T) {
	for _, algorithm := range []string{"busyness", "queue"} {
		t.Run(algorithm, func(t *testing.T) {
			config := "workers: {scaling: {algorithm: " + algorithm + ", down_after: 300ms}}\n"
			watched := serveWatched(t, "leaky:application", config, testkit.Options{Flags: []string{"--processes", "1-6"}})
			s := watched.Server
			awaitWorkers(t, s, 1)
			client := control.NewClient(s.Uwsgi + ".control")
			l := &load{stop: make(chan struct{})}
			begin := time.Now()
			for range 12 {
				l.run(t, "slow", func() error {
					answer, err := testkit.HTTPClient(s.HTTP).Try(testkit.Call{Target: "/slow"})
					return errors.Join(err, versionIn(answer))
				})
			}
			var more time.Duration
			testkit.Eventually(t, callTimeout, func() error {
				status, err := client.Status(t.Context())
				ready := 0
				for _, w := range status.Current.Workers {
					if w.State == "ready" {
						ready++
					}
				}
				if ready > 1 && more == 0 {
					more = time.Since(begin)
				}
				if err != nil || ready < 6 {
					return fmt.Errorf("%d ready, %v", ready, err)
				}
				return nil
			})
			all := time.Since(begin)
			t.Logf("the second worker was ready after %v, the sixth after %v", more, all)
			if more > time.Second {
				t.Errorf("the second worker was ready after %v", more)
			}
			close(l.stop)
			l.clients.Wait()
			awaitWorkers(t, s, 1)
			scraped := watched.scrape(t)
			for _, want := range []string{
				"\npenknife_workers_wanted 1\n", "\npenknife_workers_max 6\n", `penknife_scaling_total{direction="up",reason="`,
				`penknife_scaling_total{direction="down",reason="calm"} 5`,
			} {
				if !strings.Contains(scraped, want) {
					t.Errorf("no %q on /metrics", want)
				}
			}
		})
	}
}

// TestScaleOfABrokenApplication tells that the workers do not come, and the ones that are there go on.
func TestScaleOfABrokenApplication(t *testing.T) {
	v := serveVersioned(t, testkit.Options{Errors: aCrashLoop, Processes: 2, Config: "app: {preload: false}\n"})
	v.write(t, "broken")
	code, output := v.command(t, "scale", "4")
	if code != 1 || !strings.Contains(output, "new ones keep dying, 2 are ready") {
		t.Errorf("%d, %s", code, output)
	}
	expectBody(t, testkit.HTTPClient(v.HTTP).Get(t, "/"), "1")
	if code, output := v.command(t, "scale", "2"); code != 0 {
		t.Errorf("%d, %s", code, output)
	}
	if code, output := v.command(t, "status"); code != 0 || !strings.Contains(output, "2 workers (by hand), 1 to 8 are possible") {
		t.Errorf("%d, %s", code, output)
	}
}
