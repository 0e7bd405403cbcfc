package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"penknife/control"
	"penknife/internal/testkit"
)

func statusOf(t testing.TB, s *testkit.Server) control.Status {
	t.Helper()
	var status control.Status
	code, output := testkit.Run(t, 30*time.Second, "status", "--json", "--uwsgi", "unix:"+s.Uwsgi)
	if err := json.Unmarshal([]byte(output), &status); err != nil || code != 0 {
		t.Fatalf("penknife status: %d, %v\n%s", code, err, output)
	}
	return status
}

// awaitRetired waits until so many workers had to leave for a reason.
func awaitRetired(t testing.TB, s *testkit.Server, reason string, n int) {
	t.Helper()
	testkit.Eventually(t, time.Minute, func() error {
		if got := statusOf(t, s).Current.Retired[reason]; got < n {
			return fmt.Errorf("%d of %d workers retired for %s", got, n, reason)
		}
		return nil
	})
}

// TestRecyclingUnderLoad: workers that are replaced after 200 requests, while clients ask over every way in. Every
// request is answered, and the server has as many workers at the end as at the start.
func TestRecyclingUnderLoad(t *testing.T) {
	s := serve(t, "leaky:application", testkit.Options{
		Processes: 2, Threads: 3, Config: "workers: {max_requests: 200}\n",
	})
	nginx := testkit.NginxPass(t, s.Uwsgi, "")
	pythons := len(s.Pythons())
	l := &load{stop: make(chan struct{})}
	http, uwsgi, through := testkit.HTTPClient(s.HTTP), testkit.UwsgiClient(s.Uwsgi), nginx.Client()
	for range 2 {
		l.run(t, "http", (&keepAlive{client: http, request: plainGet}).ask)
		l.run(t, "nginx", (&keepAlive{client: through, request: plainGet}).ask)
		l.run(t, "uwsgi", func() error {
			answer, err := uwsgi.Try(testkit.Call{})
			return errors.Join(err, versionIn(answer))
		})
	}
	for _, c := range []testkit.Client{http, uwsgi} {
		l.run(t, "slow", func() error {
			answer, err := c.Try(testkit.Call{Target: "/slow"})
			return errors.Join(err, versionIn(answer))
		})
	}
	awaitRetired(t, s, "max_requests", 20)
	close(l.stop)
	l.clients.Wait()
	t.Logf("%d requests", l.asked.Load())

	testkit.Eventually(t, callTimeout, func() error {
		current := statusOf(t, s).Current
		if n := len(s.Pythons()); n != pythons || len(current.Workers) != 2 {
			return fmt.Errorf("%d processes became %d; %+v", pythons, n, current.Workers)
		}
		return nil
	})
	if _, output := testkit.Run(t, 30*time.Second, "status", "--uwsgi", "unix:"+s.Uwsgi); !strings.Contains(output, " max_requests\n") {
		t.Errorf("penknife status:\n%s", output)
	}
}

// TestRecyclingOfALeak: an application that keeps a megabyte of each request is held at its limit, and no request fails.
func TestRecyclingOfALeak(t *testing.T) {
	s := serve(t, "leaky:application", testkit.Options{Config: "workers: {max_rss: 48MiB}\n"})
	pids := map[string]bool{}
	l := &load{stop: make(chan struct{})}
	c := testkit.HTTPClient(s.HTTP)
	l.run(t, "leak", func() error {
		answer, err := c.Try(testkit.Call{Target: "/leak"})
		pids[string(answer.Body)] = true
		<-time.After(10 * time.Millisecond) // or else two seconds of it would fill the machine
		return errors.Join(err, versionIn(answer))
	})
	awaitRetired(t, s, "max_rss", 2)
	close(l.stop)
	l.clients.Wait()
	if len(pids) < 2 {
		t.Errorf("%d processes answered", len(pids))
	}
	for pid := range pids {
		if _, err := strconv.Atoi(pid); err != nil {
			t.Errorf("odd body %q", pid)
		}
	}
}

// TestRecyclingByAge happens without any request, also when each worker imports the application itself.
func TestRecyclingByAge(t *testing.T) {
	s := serve(t, "leaky:application", testkit.Options{Config: "workers: {max_lifetime: 1s}\napp: {preload: false}\n"})
	before := string(testkit.HTTPClient(s.HTTP).Get(t, "/").Body)
	awaitRetired(t, s, "max_lifetime", 2)
	if after := string(testkit.HTTPClient(s.HTTP).Get(t, "/").Body); after == before {
		t.Errorf("%s still answers", after)
	}
}

// TestRecyclingByProcessorTime: who has used a second of it is replaced, two at a time, and no request fails.
func TestRecyclingByProcessorTime(t *testing.T) {
	s := serve(t, "leaky:application", testkit.Options{
		Processes: 3, Config: "workers: {max_cpu_time: 1s, max_unavailable: 2}\n",
	})
	l := &load{stop: make(chan struct{})}
	for _, path := range []string{"/burn", "/burn", "/slow"} {
		l.run(t, path, func() error {
			answer, err := testkit.HTTPClient(s.HTTP).Try(testkit.Call{Target: path})
			return errors.Join(err, versionIn(answer))
		})
	}
	awaitRetired(t, s, "max_cpu_time", 2)
	close(l.stop)
	l.clients.Wait()
	awaitWorkers(t, s, 3)
}
