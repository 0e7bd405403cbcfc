package e2e

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// TestShutdownDelay as Kubernetes needs it: after TERM nobody is turned away while the load balancer learns of it, and
// clients with a connection are told to leave.
func TestShutdownDelay(t *testing.T) {
	admin := filepath.Join(testkit.Dir(t), "admin.sock")
	s := serve(t, "hello:application", testkit.Options{Config: "admin: {listen: 'unix:" + admin + "'}\n",
		Flags: []string{"--shutdown-delay", "1500ms"}})
	ready := func() int {
		answer, err := testkit.HTTPClient(admin).Try(testkit.Call{Target: "/readyz"})
		if err != nil {
			return -1
		}
		return answer.Status
	}
	if ready() != 200 {
		t.Error("not ready before")
	}
	begin := time.Now()
	s.Signal(t, syscall.SIGTERM)
	testkit.Eventually(t, callTimeout, func() error {
		if ready() != 503 {
			return errNotYet
		}
		return nil
	})
	if took := time.Since(begin); took > 500*time.Millisecond {
		t.Errorf("/readyz noticed after %v", took)
	}
	for _, c := range s.Fronts() {
		expectBody(t, c.Do(t, testkit.Call{}), "hello\n")
	}
	exchange, err := testkit.HTTPClient(s.HTTP).Send(testkit.Call{Headers: []string{"Connection: keep-alive"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = exchange.Close() }()
	if answer, err := exchange.Receive(); err != nil || answer.Header.Get("Connection") != "close" {
		t.Errorf("%v, %v", answer.Lines, err)
	}
	if code := s.Wait(t, testkit.Grace); code != 0 || time.Since(begin) < 1500*time.Millisecond {
		t.Errorf("exit code %d after %v", code, time.Since(begin))
	}
}

// TestShutdownDelayIsSkipped by a second TERM, and by `penknife stop --fast`.
func TestShutdownDelayIsSkipped(t *testing.T) {
	for name, stop := range map[string]func(*versioned){
		"TERM TERM": func(v *versioned) {
			v.Signal(t, syscall.SIGTERM)
			v.AwaitOutput(t, "still serving before the stop")
			v.Signal(t, syscall.SIGTERM)
		},
		"stop --fast": func(v *versioned) {
			if code, output := v.command(t, "stop", "--fast"); code != 0 {
				t.Errorf("%d\n%s", code, output)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := serveVersioned(t, testkit.Options{Flags: []string{"--shutdown-delay", "1h"}})
			stop(v)
			if code := v.Wait(t, 5*time.Second); code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}
