package e2e

import (
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// TestTermDrains: after SIGTERM nobody new is accepted, who is in flight is answered, then it exits with 0.
func TestTermDrains(t *testing.T) {
	s := serve(t, "streams:application", testkit.Options{Processes: 2, Config: "workers: {grace_period: 20s}\n"})
	gate := testkit.NewGate(t)
	var held []*testkit.Exchange
	for _, c := range s.Fronts() {
		exchange := send(t, c, target("/gated", "gate", gate.Path))
		readHead(t, exchange)
		held = append(held, exchange)
	}
	s.Signal(t, syscall.SIGTERM)
	testkit.Eventually(t, 5*time.Second, func() error {
		for _, c := range s.Fronts() {
			if exchange, err := c.Dial(); err == nil {
				_ = exchange.Close()
				return errNotYet
			}
		}
		return nil
	})
	if s.Exited() {
		t.Error("it left before its requests were answered")
	}
	gate.Pass(t, len(held))
	for _, exchange := range held {
		readUntil(t, exchange, "second")
	}
	if code := s.Wait(t, testkit.Grace); code != 0 {
		t.Errorf("exit code %d", code)
	}
	s.CheckSocketsGone(t)
}

// readHead reads the head of an answer and leaves the body.
func readHead(t testing.TB, exchange *testkit.Exchange) {
	t.Helper()
	if answer, err := exchange.ReceiveHead(); err != nil || answer.Status != 200 {
		t.Fatalf("%d, %v", answer.Status, err)
	}
}

// TestHardStops: a second TERM, and INT and QUIT at once, give up whoever is in flight, in well under a second.
func TestHardStops(t *testing.T) {
	for name, signals := range map[string][]syscall.Signal{
		"INT": {syscall.SIGINT}, "QUIT": {syscall.SIGQUIT}, "TERM TERM": {syscall.SIGTERM, syscall.SIGTERM},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, "streams:application", testkit.Options{Config: "workers: {grace_period: 60s}\n"})
			gate := testkit.NewGate(t)
			exchange := send(t, testkit.HTTPClient(s.HTTP), target("/gated", "gate", gate.Path))
			readHead(t, exchange)
			below := s.Pythons()
			var start time.Time
			for i, signal := range signals {
				if i > 0 {
					awaitNoListener(t, s)
				}
				start = time.Now()
				s.Signal(t, signal)
			}
			s.Wait(t, 5*time.Second)
			if took := time.Since(start); took > 900*time.Millisecond {
				t.Errorf("it left after %v\n%s", took, s.Output())
			}
			if strings.Contains(s.Output(), "workers.grace_period") {
				t.Errorf("the grace period of a minute is blamed:\n%s", s.Output())
			}
			s.CheckNobodyLeft(t, below)
			s.CheckSocketsGone(t)
		})
	}
}

func awaitNoListener(t testing.TB, s *testkit.Server) {
	t.Helper()
	testkit.Eventually(t, 5*time.Second, func() error {
		exchange, err := testkit.HTTPClient(s.HTTP).Dial()
		if err != nil {
			return nil
		}
		_ = exchange.Close()
		return errNotYet
	})
}

// TestGracePeriodEnds: a request that never ends does not keep penknife from leaving.
func TestGracePeriodEnds(t *testing.T) {
	s := serve(t, "streams:application", testkit.Options{Config: "workers: {grace_period: 1s}\n"})
	gate := testkit.NewGate(t)
	exchange := send(t, testkit.HTTPClient(s.HTTP), target("/gated", "gate", gate.Path))
	readHead(t, exchange)
	below := s.Pythons()
	start := time.Now()
	s.Signal(t, syscall.SIGTERM)
	s.Wait(t, testkit.Grace)
	if took := time.Since(start); took < 900*time.Millisecond || took > 5*time.Second {
		t.Errorf("it left after %v", took)
	}
	s.CheckNobodyLeft(t, below)
}

// TestIdleKeepAliveDoesNotDelayTheStop: connections that wait for a next request are closed.
func TestIdleKeepAliveDoesNotDelayTheStop(t *testing.T) {
	s := serve(t, "hello:application", testkit.Options{})
	exchange, err := testkit.HTTPClient(s.HTTP).Send(testkit.Call{Headers: []string{"Connection: keep-alive"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = exchange.Close() }()
	if _, err = exchange.Receive(); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if code := s.Terminate(t, testkit.Grace); code != 0 || time.Since(start) > 3*time.Second {
		t.Errorf("exit code %d after %v", code, time.Since(start))
	}
}

// TestTermBreaksNoConnection: clients that ask again and again on their connections are answered until they are told that
// it was the last answer, or find nobody who listens. A connection that is closed without an answer breaks such a client.
func TestTermBreaksNoConnection(t *testing.T) {
	for _, delay := range []string{"0s", "300ms"} {
		t.Run("shutdown_delay "+delay, func(t *testing.T) {
			v := serveVersioned(t, testkit.Options{Processes: 2, Config: "process: {shutdown_delay: " + delay + "}\n"})
			var clients sync.WaitGroup
			var asked, parted, broken atomic.Int64
			for range 16 {
				clients.Go(func() { // ends when nobody listens
					c := &keepAlive{client: testkit.HTTPClient(v.HTTP), request: plainGet}
					for {
						connected := c.exchange != nil
						err := c.ask()
						switch {
						case err == nil:
						case c.exchange == nil: // nobody listens
							return
						case !connected: // the kernel has no way to close a listener without breaking who connects in this instant
							broken.Add(1)
							return
						default:
							t.Error(err)
							return
						}
						if asked.Add(1); c.exchange == nil {
							parted.Add(1)
						}
					}
				})
			}
			testkit.Eventually(t, callTimeout, func() error {
				if asked.Load() < 500 {
					return errNotYet
				}
				return nil
			})
			if code := v.Terminate(t, testkit.Grace); code != 0 {
				t.Errorf("exit code %d", code)
			}
			clients.Wait()
			if parted.Load() < 16 || broken.Load() > 1 {
				t.Errorf("%d clients were told that it was the last answer, %d new connections were broken", parted.Load(), broken.Load())
			}
		})
	}
}

// TestSocketModes: what the config says is what the file has.
func TestSocketModes(t *testing.T) {
	path := testkit.Dir(t) + "/mode.sock"
	s := serve(t, "hello:application", testkit.Options{
		NoUwsgi: true, Config: "uwsgi: [{listen: \"unix:" + path + "\", mode: \"0604\"}]\n"})
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o604 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	expectBody(t, testkit.UwsgiClient(path).Do(t, testkit.Call{}), "hello\n")
	s.Terminate(t, testkit.Grace)
	if _, err = os.Stat(path); err == nil {
		t.Error("the socket is left behind")
	}
}
