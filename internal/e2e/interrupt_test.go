package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// stuck is what the application stuck remembers.
type stuck struct {
	PID                       int
	Cleaned, Swallowed, After []string
}

const stuckLimit = "request_timeout: 500ms"

// TestInterrupt_WhateverTheWorkerHangsIn: 504 in time, the same worker answers the next request, finally has run, and
// what catches Exception to go on has not.
func TestInterrupt_WhateverTheWorkerHangsIn(t *testing.T) {
	s := serve(t, "stuck:application", testkit.Options{Errors: anOverdueRequest, Config: "workers: {" + stuckLimit + "}\n"})
	pid := decode[stuck](t, testkit.HTTPClient(s.HTTP).Get(t, "/")).PID
	var want []string
	for _, way := range []string{"/sleep", "/loop", "/lock", "/recv", "/queue", "/child"} {
		for _, c := range s.Fronts() {
			begin := time.Now()
			expectStatus(t, c.Do(t, testkit.Call{Target: way + "?token=1"}), 504)
			if took := time.Since(begin); took < 500*time.Millisecond || took > 5*time.Second {
				t.Errorf("%s: 504 after %s", way, took)
			}
			want = append(want, way)
			got := decode[stuck](t, c.Get(t, "/"))
			if got.PID != pid || !slices.Equal(got.Cleaned, want) || len(got.Swallowed) > 0 || len(got.After) > 0 {
				t.Fatalf("%s: %+v, want pid %d", way, got, pid)
			}
		}
	}
	record := s.AwaitOutput(t, "stack=\"spin (")
	for _, part := range []string{"msg=\"request timeout\"", "target=\"/loop?token=1\"", "method=GET", "age=", fmt.Sprintf("pid=%d", pid), "worker=0", "request="} {
		if !strings.Contains(record, part) {
			t.Errorf("the record lacks %s: %s", part, record)
		}
	}
	s.AwaitOutput(t, "outcome=interrupted")
	s.AwaitOutput(t, "penknife.RequestTimeout")
}

// TestInterrupt_HurtsNoOtherThread: the great gain where a worker has several.
func TestInterrupt_HurtsNoOtherThread(t *testing.T) {
	s := serve(t, "stuck:application", testkit.Options{Threads: 4, Errors: anOverdueRequest, Config: "workers: {" + stuckLimit + "}\n"})
	c := testkit.HTTPClient(s.HTTP)
	pid := decode[stuck](t, c.Get(t, "/")).PID
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() { // ends with the request
			if answer, err := c.Try(testkit.Call{Target: "/loop"}); err != nil || answer.Status != 504 {
				t.Errorf("%d, %v", answer.Status, err)
			}
		})
	}
	ticks := c.Get(t, "/ticks") // goes on for longer than the limit
	all.Wait()
	if n := strings.Count(string(ticks.Body), "tick"); n != 15 || ticks.Cut != nil || pidOf(t, ticks) != pid {
		t.Errorf("%d ticks, cut: %v, pid %d, was %d", n, ticks.Cut, pidOf(t, ticks), pid)
	}
	testkit.Eventually(t, callTimeout, func() error {
		if got := decode[stuck](t, c.Get(t, "/")); got.PID != pid || len(got.Cleaned) != 3 {
			return fmt.Errorf("%+v, want pid %d", got, pid)
		}
		return nil
	})
}

// TestInterrupt_LastsForItsGrace: an application that gives no way, and threads that wait in C, where only the main
// thread can be reached. The worker goes, and the counters tell.
func TestInterrupt_LastsForItsGrace(t *testing.T) {
	for _, c := range []struct {
		name, target string
		threads      int
	}{{"stubborn", "/stubborn", 1}, {"blocked in C", "/sleep", 4}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			admin := testkit.FreeAddress(t)
			s := serve(t, "stuck:application", testkit.Options{Threads: c.threads, Errors: aStubbornRequest,
				Config: "workers: {" + stuckLimit + ", interrupt_grace: 500ms}\nadmin: {listen: '" + admin + "'}\n"})
			client := testkit.HTTPClient(s.HTTP)
			pid := decode[stuck](t, client.Get(t, "/")).PID
			var all sync.WaitGroup
			for range c.threads {
				all.Go(func() { // ends with the request
					if answer, err := client.Try(testkit.Call{Target: c.target}); err != nil || answer.Status != 504 {
						t.Errorf("%d, %v", answer.Status, err)
					}
				})
			}
			all.Wait()
			testkit.Eventually(t, callTimeout, func() error {
				answer, err := client.Try(testkit.Call{})
				if err == nil && (answer.Status != 200 || pidOf(t, answer) == pid) {
					err = fmt.Errorf("%d", answer.Status)
				}
				return err
			})
			s.AwaitOutput(t, "did not give way")
			s.AwaitOutput(t, "outcome=replaced")
			page := string(testkit.HTTPClient(admin).Get(t, "/metrics").Body)
			for _, line := range []string{
				"penknife_overdue_outcomes_total{outcome=\"replaced\"} ",
				fmt.Sprintf("penknife_requests_overdue_total %d", c.threads),
				"penknife_request_errors_total{kind=\"request_timeout\"} ",
			} {
				if !strings.Contains(page, line) {
					t.Errorf("no %s in the metrics", line)
				}
			}
		})
	}
}

// TestInterrupt_InFrameworks: Flask's handler for every exception does not get it, its teardown does; Django rolls back.
func TestInterrupt_InFrameworks(t *testing.T) {
	t.Run("flask", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "stuck_flask:app", testkit.Options{Python: testkit.Virtualenv(t), Errors: anOverdueRequest, Config: "workers: {" + stuckLimit + "}\n"})
		type state struct {
			PID      int
			Pages    []string
			TornDown []string `json:"torn_down"`
		}
		c := testkit.HTTPClient(s.HTTP)
		before := decode[state](t, c.Get(t, "/"))
		expectStatus(t, c.Do(t, testkit.Call{Target: "/hang"}), 504)
		got := decode[state](t, c.Get(t, "/"))
		if got.PID != before.PID || len(got.Pages) != len(before.Pages) || !slices.Equal(got.TornDown, []string{"RequestTimeout"}) {
			t.Errorf("%+v", got)
		}
	})
	t.Run("django", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "stuck_django:application", testkit.Options{Python: testkit.Virtualenv(t), Errors: anOverdueRequest,
			Env: []string{"STUCK_DATABASE=" + filepath.Join(t.TempDir(), "db.sqlite3")}, Config: "workers: {request_timeout: 1s}\n"})
		c := testkit.HTTPClient(s.HTTP)
		expectStatus(t, c.Do(t, testkit.Call{Target: "/hang"}), 504)
		got := decode[struct {
			PID   int
			Lines [][]string
		}](t, c.Get(t, "/"))
		if len(got.Lines) != 1 || got.Lines[0][0] != "done" {
			t.Errorf("%+v", got)
		}
		if strings.Contains(s.Output(), "worker died") {
			t.Error("the worker was replaced")
		}
	})
}

// TestSlowRequests: the record is there before the answer is.
func TestSlowRequests(t *testing.T) {
	admin := testkit.FreeAddress(t)
	s := serve(t, "deaths:application", testkit.Options{
		Config: "log: {slow: 200ms}\nadmin: {listen: '" + admin + "'}\n"})
	gate := testkit.NewGate(t)
	c := testkit.HTTPClient(s.HTTP)
	exchange := send(t, c, target("/wait", "gate", gate.Path))
	record := s.AwaitOutput(t, "slow request")
	for _, part := range []string{"method=GET", "target=\"/wait?gate=", "age=", "worker=0", "pid=", "request=", "stack=\"", "wait_at ("} {
		if !strings.Contains(record, part) {
			t.Errorf("the record lacks %s: %s", part, record)
		}
	}
	gate.Pass(t, 1)
	if answer, err := exchange.Receive(); err != nil || answer.Status != 200 {
		t.Errorf("%d, %v", answer.Status, err)
	}
	if page := string(testkit.HTTPClient(admin).Get(t, "/metrics").Body); !strings.Contains(page, "penknife_requests_slow_total 1") {
		t.Error("it was not counted")
	}
}
