package workers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"penknife/configs"
	"penknife/gateway"
	"penknife/internal/testkit"
)

// painted is a configuration whose application answers with a colour.
func painted(c Config, colour string) Config {
	c.App.Env = map[string]string{"COLOUR": colour, "PYTHONDONTWRITEBYTECODE": "1"}
	c.Workers.GracePeriod = 10 * time.Second
	return c
}

// answered is what became of a request.
type answered struct {
	body string
	err  error
}

func (m started) begin(t testing.TB, target string) <-chan answered {
	t.Helper()
	result := make(chan answered, 1)
	req := request(t, target)
	go func() { // ends with the request
		body, err := m.send(t, req)
		result <- answered{body, err}
	}()
	return result
}

func (m started) noneDraining() error {
	if d := m.Snapshot().Draining; len(d) > 0 {
		return fmt.Errorf("%d generations are left: %+v", len(d), d)
	}
	return nil
}

func TestReload_OldGenerationFinishesWhatItHolds(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	c.Workers.Processes = configs.FixedProcesses(1)
	m := startManager(t, c)
	gate := testkit.NewGate(t)
	running := m.begin(t, "/gate?"+gate.Path)
	testkit.Eventually(t, 5*time.Second, func() error { return m.log.contains("line=gate-reached") })
	waiting := m.begin(t, "/colour")
	testkit.Eventually(t, 5*time.Second, func() error {
		if n := m.Snapshot().InFlight; n != 2 {
			return fmt.Errorf("%d in flight", n)
		}
		return nil
	})
	old := m.pids()

	if err := m.Reload(t.Context(), painted(c, "blue")); err != nil {
		t.Fatal(err)
	}
	if got := m.get(t, "/colour"); got != "blue" {
		t.Errorf("after the reload: %q", got)
	}
	s := m.Snapshot()
	if s.Generation != 2 || len(s.Draining) != 1 || s.Draining[0].InFlight != 2 || s.Draining[0].Workers[0].Busy != 1 {
		t.Errorf("snapshot %+v", s)
	}
	gate.Pass(t, 1)
	for name, result := range map[string]<-chan answered{"the one that ran": running, "the one that waited": waiting} {
		if a := <-result; a.err != nil || a.body != "green" {
			t.Errorf("%s got %q, %v; want the old application's answer", name, a.body, a.err)
		}
	}
	testkit.Eventually(t, 5*time.Second, m.noneDraining)
	testkit.Eventually(t, 5*time.Second, gone(old...))
	if s := m.Snapshot(); s.Workers[0].Served != 1 {
		t.Errorf("the new worker has served %d", s.Workers[0].Served)
	}
}

// TestReload_BodyThatArrivesMeanwhile: an upload that began before the reload is for whoever serves when it is there.
func TestReload_BodyThatArrivesMeanwhile(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	m := startManager(t, c)
	upload, client := io.Pipe()
	req := request(t, "/body")
	req.Body, req.ContentLength = upload, -1
	result := make(chan answered, 1)
	go func() { // ends with the request
		body, err := m.send(t, req)
		result <- answered{body, err}
	}()
	if _, err := client.Write([]byte("before ")); err != nil {
		t.Fatal(err)
	}
	if err := m.Reload(t.Context(), painted(c, "blue")); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, 5*time.Second, m.noneDraining)
	if _, err := client.Write([]byte("after")); err != nil {
		t.Fatal(err)
	}
	_ = client.Close()
	if a := <-result; a.err != nil || a.body != "12 12 bef" {
		t.Errorf("got %q, %v", a.body, a.err)
	}
}

func TestReload_BrokenApplicationChangesNothing(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	m := startManager(t, c)
	before := m.pids()
	for name, change := range map[string]func(*Config){
		"import":      func(c *Config) { c.App.WSGI = "broken" },
		"worker":      func(c *Config) { c.App.WSGI, c.App.Preload = "broken", false },
		"interpreter": func(c *Config) { c.App.Python = "/bin/false" },
		"directory":   func(c *Config) { c.App.Chdir = "/no/such/dir" },
	} {
		broken := c
		change(&broken)
		err := m.Reload(t.Context(), broken)
		var start *StartError
		if !errors.As(err, &start) {
			t.Errorf("%s: %v", name, err)
		}
		if got := m.get(t, "/colour"); got != "green" {
			t.Errorf("%s: the old application answers %q", name, got)
		}
	}
	if after := m.pids(); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("processes %v became %v", before, after)
	}
	if err := m.Reload(t.Context(), painted(c, "red")); err != nil {
		t.Errorf("a reload after failed ones: %v", err)
	}
}

func TestReload_CanBeGivenUp(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	m := startManager(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	slow := c
	slow.App.WSGI = "slow"
	result := make(chan error, 1)
	go func() { result <- m.Reload(ctx, slow) }() // ended by cancel
	testkit.Eventually(t, 10*time.Second, func() error { return m.log.contains("line=importing") })
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	m.get(t, "/colour")
}

// cuts counts requests that a grace period has cut.
type cuts struct {
	noCounters
	n atomic.Int64
}

func (c *cuts) RequestsCut(requests int) { c.n.Add(int64(requests)) }

func TestReload_GracePeriodCutsTheRest(t *testing.T) {
	t.Parallel()
	c, counted := testConfig(t), &cuts{}
	m := startCounted(t, c, counted)
	gate := testkit.NewGate(t)
	running := m.begin(t, "/gate?"+gate.Path)
	testkit.Eventually(t, 5*time.Second, func() error { return m.log.contains("line=gate-reached") })
	old := m.pids()
	short := painted(c, "blue")
	short.Workers.GracePeriod = 100 * time.Millisecond
	if err := m.Reload(t.Context(), short); err != nil {
		t.Fatal(err)
	}
	if a := <-running; gateway.KindOf(a.err) != gateway.KindWorkerDied {
		t.Errorf("got %q, %v", a.body, a.err)
	}
	testkit.Eventually(t, 5*time.Second, gone(old...))
	testkit.Eventually(t, 5*time.Second, m.noneDraining)
	if n := counted.n.Load(); n != 1 {
		t.Errorf("%d requests count as cut", n)
	}
}

func TestShutdown_EndsReplacedGenerationsToo(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	m := startManager(t, c)
	gate := testkit.NewGate(t)
	running := m.begin(t, "/gate?"+gate.Path)
	testkit.Eventually(t, 5*time.Second, func() error { return m.log.contains("line=gate-reached") })
	pids := m.pids()
	if err := m.Reload(t.Context(), painted(c, "blue")); err != nil {
		t.Fatal(err)
	}
	pids = append(pids, m.pids()...)
	if took, _ := m.stop(t, 200*time.Millisecond); took > 2*time.Second {
		t.Errorf("took %v", took)
	}
	if a := <-running; a.err == nil {
		t.Errorf("got %q", a.body)
	}
	if err := gone(pids...)(); err != nil {
		t.Error(err)
	}
}

// TestReload_LosesNothingAndLeavesNothing: clients ask without a pause through several reloads. Afterwards there are
// as many descriptors and goroutines as before. Not parallel: it counts those of the whole process.
func TestReload_LosesNothingAndLeavesNothing(t *testing.T) {
	c := testConfig(t)
	m := startManager(t, c)
	m.get(t, "/colour")
	reload := func(i int) {
		if err := m.Reload(t.Context(), painted(c, fmt.Sprintf("shade-%d", i))); err != nil {
			t.Fatal(err)
		}
		testkit.Eventually(t, 5*time.Second, m.noneDraining)
	}
	reload(0) // whatever is made once is there now
	descriptors, goroutines := openDescriptors(t), runtime.NumGoroutine()

	stop := make(chan struct{})
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() { m.askUntil(t, stop) })
	}
	for i := range 5 {
		reload(i + 1)
	}
	close(stop)
	clients.Wait()
	if got := m.get(t, "/colour"); got != "shade-5" {
		t.Errorf("it ends with %q", got)
	}
	testkit.Eventually(t, 5*time.Second, func() error {
		if d, g := openDescriptors(t), runtime.NumGoroutine(); d > descriptors || g > goroutines {
			return fmt.Errorf("%d descriptors and %d goroutines became %d and %d", descriptors, goroutines, d, g)
		}
		return nil
	})
}

// askUntil sends requests one after the other; each must be answered.
func (m started) askUntil(t *testing.T, stop <-chan struct{}) {
	for n := 0; ; n++ {
		select {
		case <-stop:
			if n == 0 {
				t.Error("nothing was asked")
			}
			return
		default:
		}
		if body, err := m.send(t, request(t, "/colour")); err != nil || body == "" {
			t.Errorf("request %d: %q, %v", n, body, err)
			return
		}
	}
}

func openDescriptors(t *testing.T) int { return testkit.Descriptors(t, os.Getpid()) }
