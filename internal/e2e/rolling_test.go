package e2e

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"penknife/control"
	"penknife/internal/testkit"
)

// rollingConfig replaces one worker at a time.
const rollingConfig = "workers: {reload: rolling}\n"

// mostWorkers looks at a server until it is told to stop, and gives the most workers that there were at once, over all
// generations, and the fewest that were ready.
func mostWorkers(t *testing.T, s *testkit.Server) func() (most, fewest int) {
	t.Helper()
	client := control.NewClient(s.Uwsgi + ".control")
	stop := make(chan struct{})
	most, fewest := 0, 1000
	var watching sync.WaitGroup
	watching.Go(func() { // ended by the returned function
		for {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
			status, err := client.Status(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			n, ready := 0, 0
			for _, g := range status.Generations() {
				n += len(g.Workers)
				for _, w := range g.Workers {
					if w.State == "ready" {
						ready++
					}
				}
			}
			most, fewest = max(most, n), min(fewest, ready)
		}
	})
	return func() (int, int) {
		close(stop)
		watching.Wait()
		return most, fewest
	}
}

// TestRollingReloadUnderLoad: workers are replaced one by one, while clients ask over every way in. Every request is
// answered, there is never a worker less than usual, and not twice as many.
func TestRollingReloadUnderLoad(t *testing.T) {
	const processes = 4
	v := serveVersioned(t, testkit.Options{Processes: processes, Threads: 2, Config: rollingConfig})
	nginx := testkit.NginxPass(t, v.Uwsgi, "")
	l := startLoad(t, v, nginx)
	watched := mostWorkers(t, v.Server)
	for n := 2; n <= 4; n++ {
		v.write(t, strconv.Itoa(n))
		v.reload(t)
		for _, c := range v.Fronts() {
			expectBody(t, c.Do(t, testkit.Call{}), strconv.Itoa(n))
		}
		v.awaitQuiet(t)
	}
	most, fewest := watched()
	close(l.stop)
	l.clients.Wait()
	t.Logf("%d requests, %d of them streams; %d to %d workers", l.asked.Load(), l.streams.Load(), fewest, most)
	// One starts while nobody leaves, and one leaves while nobody starts; the last one of a generation is replaced with it.
	if most > processes+2 || fewest < processes {
		t.Errorf("there were %d workers at once, and %d ready at the least", most, fewest)
	}
	if current := awaitWorkers(t, v.Server, processes); current.Number != 4 {
		t.Errorf("generation %d", current.Number)
	}
}

// TestRollingReloadThatFails: at its first worker, and at a later one. The old code serves on with all its workers, no
// request fails, and the command says why.
func TestRollingReloadThatFails(t *testing.T) {
	v := serveVersioned(t, testkit.Options{Processes: 3, Errors: aFailedRolling, Config: rollingConfig + "app: {env: {COLOUR: green}}\n"})
	l := &load{stop: make(chan struct{})}
	for range 2 {
		l.run(t, "http", (&keepAlive{client: testkit.HTTPClient(v.HTTP), request: plainGet}).ask)
	}
	v.write(t, "two")
	if code, output := v.command(t, "reload"); code != 3 || !strings.Contains(output, "ValueError") {
		t.Errorf("a broken version: %d\n%s", code, output)
	}
	awaitWorkers(t, v.Server, 3)

	// Its zygote imports it, its third worker does not get on.
	v.write(t, "2")
	testkit.Write(t, v.Dir, "penknife.yaml", rollingConfig+"app: {env: {COLOUR: green, BROKEN_WORKER: \"1\"}}\n")
	if code, output := v.command(t, "reload"); code != 3 || !strings.Contains(output, "a worker died before the server was ready") {
		t.Errorf("a broken worker: %d\n%s", code, output)
	}
	for range 10 {
		expectBody(t, testkit.HTTPClient(v.HTTP).Get(t, "/"), "1")
	}
	close(l.stop)
	l.clients.Wait()
	status := v.awaitQuiet(t)
	if status.Current.Number != 1 || status.Reloads.Failed != 2 || status.Joining != nil {
		t.Errorf("%+v", status)
	}
	awaitWorkers(t, v.Server, 3)

	testkit.Write(t, v.Dir, "penknife.yaml", rollingConfig)
	v.reload(t)
	expectBody(t, testkit.HTTPClient(v.HTTP).Get(t, "/"), "2")
}

// TestScaleDuringARollingReload waits for its end: a worker that has a long request holds it up.
func TestScaleDuringARollingReload(t *testing.T) {
	v := serveVersioned(t, testkit.Options{Processes: 2, Config: rollingConfig, Leaves: workers(2)})
	var streams []*testkit.Exchange
	for range 2 { // both workers
		exchange := send(t, testkit.HTTPClient(v.HTTP), "/stream")
		readHead(t, exchange)
		streams = append(streams, exchange)
	}
	reloaded := make(chan error, 1)
	go func() { // ends with the streams, which take a second
		code, output := v.command(t, "reload")
		if code != 0 {
			reloaded <- fmt.Errorf("%d\n%s", code, output)
		}
		close(reloaded)
	}()
	testkit.Eventually(t, callTimeout, func() error {
		if v.status(t).Joining == nil {
			return errNotYet
		}
		return nil
	})
	v.Signal(t, syscall.SIGTTIN) // does not wait
	v.AwaitOutput(t, "a rolling reload is under way")
	scaled := make(chan string, 1)
	go func() { // ends after the reload
		code, output := v.command(t, "scale", "4")
		scaled <- fmt.Sprint(code, " ", output)
	}()
	v.AwaitOutput(t, "command=/scale")
	for _, exchange := range streams {
		readUntil(t, exchange, "0\r\n\r\n") // its last chunk
	}
	if err := <-reloaded; err != nil {
		t.Error(err)
	}
	if text := <-scaled; !strings.HasPrefix(text, "0 4 workers") {
		t.Errorf("penknife scale: %s", text)
	}
	if joining := v.status(t).Joining; joining != nil {
		t.Errorf("scaled before the reload was over: %+v", joining)
	}
}
