package e2e

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// TestPublicHealth_WhileEveryWorkerIsBusy: on both fronts penknife answers by itself, in no time, and without a line in
// the access log; other methods and paths are the application's.
func TestPublicHealth_WhileEveryWorkerIsBusy(t *testing.T) {
	s := serve(t, "statuspage:application", testkit.Options{
		Config: "admin: {public_livez: /livez, public_readyz: /check/ready}\nlog: {access: combined}\n",
	})
	gate := testkit.NewGate(t)
	busy, err := testkit.HTTPClient(s.HTTP).Send(testkit.Call{Target: target("/wait", "gate", gate.Path)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = busy.Close() }()
	eachFront(t, s, func(t *testing.T, client testkit.Client) {
		expectBody(t, client.Do(t, testkit.Call{Target: "/livez"}), "alive\n")
		expectBody(t, client.Do(t, testkit.Call{Target: "/check/ready"}), "ready\n")
		expectBody(t, client.Do(t, testkit.Call{Target: "/check/ready", Method: "HEAD"}), "")
		expectBody(t, client.Do(t, testkit.Call{Target: "/livez", Body: []byte("a body that nobody reads")}), "alive\n")
	})
	gate.Pass(t, 1)
	if answer, err := busy.Receive(); err != nil || answer.Status != 200 {
		t.Errorf("%d, %v", answer.Status, err)
	}
	expectBody(t, testkit.HTTPClient(s.HTTP).Do(t, testkit.Call{Method: "POST", Target: "/livez"}), "fine")
	s.AwaitOutput(t, `"POST /livez HTTP/1.1" 200`)
	for _, unwanted := range []string{`"GET /livez`, `/check/ready`} {
		if strings.Contains(s.Output(), unwanted) {
			t.Errorf("%s is in the access log", unwanted)
		}
	}
}

// TestPublicHealth_SaysWhenTheServerStops: while requests are finished, whoever sends requests is told to send them
// elsewhere, over a connection that is open already.
func TestPublicHealth_SaysWhenTheServerStops(t *testing.T) {
	w := serveWatched(t, "statuspage:application", "", testkit.Options{})
	gate := testkit.NewGate(t)
	busy, err := testkit.HTTPClient(w.HTTP).Send(testkit.Call{Target: target("/wait", "gate", gate.Path)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = busy.Close() }()
	testkit.Eventually(t, 10*time.Second, func() error {
		if !strings.Contains(w.status(t), `"path":"/wait`) {
			return errNotYet
		}
		return nil
	})
	expectBody(t, testkit.HTTPClient(w.admin).Do(t, testkit.Call{Target: "/readyz"}), "ready\n")
	w.Signal(t, syscall.SIGTERM)
	testkit.Eventually(t, 10*time.Second, func() error {
		answer, err := testkit.HTTPClient(w.admin).Try(testkit.Call{Target: "/readyz"})
		if err == nil && answer.Status != 503 {
			return errNotYet
		}
		return err
	})
	expectBody(t, testkit.HTTPClient(w.admin).Do(t, testkit.Call{Target: "/livez"}), "alive\n")
	gate.Pass(t, 1)
	if answer, err := busy.Receive(); err != nil || answer.Status != 200 {
		t.Errorf("%d, %v", answer.Status, err)
	}
	if code := w.Wait(t, 20*time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
