package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// TestWorkerDeathTakesOnlyItsRequests kills one of two workers while each holds a request.
func TestWorkerDeathTakesOnlyItsRequests(t *testing.T) {
	s := serve(t, "deaths:application", testkit.Options{Processes: 2, Errors: aDeadWorker})
	gate := testkit.NewGate(t)
	for _, c := range s.Fronts() {
		held := send(t, c, target("/wait", "gate", gate.Path))
		dying := send(t, c, "/kill")
		answer, err := dying.Receive()
		if err != nil || answer.Status != 502 {
			t.Errorf("%s: the killed request: %d, %v", c.Name, answer.Status, err)
		}
		gate.Pass(t, 1)
		answer, err = held.Receive()
		if err != nil || answer.Status != 200 || answer.Cut != nil {
			t.Errorf("%s: the other worker's request: %d, %v", c.Name, answer.Status, err)
		}
	}
	s.AwaitOutput(t, "SIGKILL")
}

// send makes a call whose answer is read later.
func send(t testing.TB, c testkit.Client, target string) *testkit.Exchange {
	t.Helper()
	exchange, err := c.Send(testkit.Call{Target: target})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = exchange.Close() })
	return exchange
}

// replaceTime is how soon after a worker's death the next request must be answered.
const replaceTime = 300 * time.Millisecond

// TestWaysToDie: every way ends in 502 for the request alone, and a new worker answers soon after.
func TestWaysToDie(t *testing.T) {
	s := serve(t, "deaths:application", testkit.Options{Errors: aCrashLoop})
	c := testkit.HTTPClient(s.HTTP)
	for _, path := range []string{"/kill", "/exit", "/exit0", "/segfault", "/abort"} {
		t.Run(path[1:], func(t *testing.T) {
			old := pidOf(t, c.Get(t, "/"))
			expectStatus(t, c.Do(t, testkit.Call{Target: path}), 502)
			died := time.Now()
			var answer testkit.Answer
			testkit.Eventually(t, callTimeout, func() (err error) {
				if answer, err = c.Try(testkit.Call{}); err == nil && answer.Status != 200 {
					err = fmt.Errorf("status %d", answer.Status)
				}
				return err
			})
			if took := time.Since(died); took > replaceTime {
				t.Errorf("the next answer came after %v", took)
			}
			if fresh := pidOf(t, answer); fresh == old {
				t.Errorf("process %d is alive", old)
			}
		})
	}
	for _, path := range []string{"/systemexit", "/sysexit", "/interrupt"} {
		old := pidOf(t, c.Get(t, "/"))
		expectStatus(t, c.Do(t, testkit.Call{Target: path}), 500)
		if pidOf(t, c.Get(t, "/")) != old {
			t.Errorf("%s ended the worker", path)
		}
	}
}

// TestCrashLoop: an application that dies at import is retried with growing pauses, 503 meanwhile, and is there
// again once its fault is gone.
func TestCrashLoop(t *testing.T) {
	crash := filepath.Join(testkit.Dir(t), "crash")
	s := serve(t, "crashloop:application", testkit.Options{
		Errors: aCrashLoop, Env: []string{"CRASH=" + crash}, Config: "app: {preload: false}\n"})
	c := testkit.HTTPClient(s.HTTP)
	pid := pidOf(t, c.Get(t, "/"))
	testkit.Write(t, filepath.Dir(crash), "crash", "")
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, callTimeout, func() error {
		answer, err := c.Try(testkit.Call{})
		if err == nil && (answer.Status != 503 || answer.Header.Get("Retry-After") == "") {
			err = fmt.Errorf("%d %v", answer.Status, answer.Lines)
		}
		return err
	})
	uwsgi := testkit.UwsgiClient(s.Uwsgi).Do(t, testkit.Call{})
	if uwsgi.Status != 503 || uwsgi.Header.Get("Retry-After") == "" {
		t.Errorf("uwsgi: %d %v", uwsgi.Status, uwsgi.Lines)
	}
	if err := os.Remove(crash); err != nil {
		t.Fatal(err)
	}
	s.AwaitReady(t, 30*time.Second)
	expectBody(t, c.Do(t, testkit.Call{}), "hello\n")
}

// TestKilledServerLeavesNoPython: SIGKILL gives penknife no chance to clean up; the kernel does it.
func TestKilledServerLeavesNoPython(t *testing.T) {
	s := serve(t, "hello:application", testkit.Options{Processes: 3})
	below := s.Pythons()
	if len(below) < 3 {
		t.Fatalf("only %v below penknife", below)
	}
	s.Signal(t, syscall.SIGKILL)
	s.Wait(t, 5*time.Second)
	s.CheckNobodyLeft(t, below)
	// The socket files are left, and must be no obstacle for the next one.
	again := testkit.Start(t, s.Dir, nil, testkit.Binary(t), "serve", "hello:application", "--chdir", apps(t),
		"--python", testkit.DefaultPython(t), "--uwsgi", "unix:"+s.Uwsgi, "--http", s.HTTP, "--processes", "1")
	again.AwaitAccept(t, s.Uwsgi)
	again.Signal(t, syscall.SIGTERM)
	if code := again.Wait(t, testkit.Grace); code != 0 {
		t.Errorf("exit code %d\n%s", code, again.Output())
	}
}

// TestRequestTimeout: 504 for the client, the stacks of all threads in the log, and a new worker. interrupt_test.go has
// what happens before that by default.
func TestRequestTimeout(t *testing.T) {
	s := serve(t, "deaths:application", testkit.Options{
		Config: "workers: {request_timeout: 500ms, interrupt: false}\n", Errors: aStubbornRequest})
	gate := testkit.NewGate(t)
	for _, c := range s.Fronts() {
		old := pidOf(t, c.Get(t, "/"))
		expectStatus(t, c.Do(t, testkit.Call{Target: target("/wait", "gate", gate.Path)}), 504)
		s.AwaitOutput(t, "wait_at")
		testkit.Eventually(t, callTimeout, func() error {
			answer, err := c.Try(testkit.Call{})
			if err == nil && (answer.Status != 200 || pidOf(t, answer) == old) {
				err = fmt.Errorf("%d", answer.Status)
			}
			return err
		})
	}
}

// TestQueueIsBounded: with one worker and two places, three of six requests have one. The others are told so at once, although there
// might be more workers one day.
func TestQueueIsBounded(t *testing.T) {
	s := serve(t, "deaths:application", testkit.Options{Processes: 1, Config: "workers: {queue: 2, max_processes: 8}\n"})
	gate := testkit.NewGate(t)
	c := testkit.HTTPClient(s.HTTP)
	type result struct {
		answer testkit.Answer
		err    error
	}
	results := make(chan result, 6)
	for range 6 {
		exchange := send(t, c, target("/wait", "gate", gate.Path))
		go func() { // ends with the answer
			answer, err := exchange.Receive()
			results <- result{answer, err}
		}()
	}
	expect := func(status int, retry bool) {
		t.Helper()
		for range 3 {
			r := <-results
			if r.err != nil || r.answer.Status != status || r.answer.Header.Get("Retry-After") != "" != retry {
				t.Fatalf("%d, Retry-After %q, %v; want %d", r.answer.Status, r.answer.Header.Get("Retry-After"), r.err, status)
			}
		}
	}
	expect(503, true)
	gate.Pass(t, 3)
	expect(200, false)
}
