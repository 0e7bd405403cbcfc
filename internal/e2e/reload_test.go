package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"penknife/control"
	"penknife/internal/testkit"
)

// versioned is a penknife whose application answers with the content of a file.
type versioned struct {
	*testkit.Server
	file    string
	control string // of a control socket that has another place than usual
}

func serveVersioned(t *testing.T, options testkit.Options) *versioned {
	t.Helper()
	v := &versioned{file: testkit.Write(t, testkit.Dir(t), "version", "1")}
	options.Env = append(options.Env, "VERSION="+v.file)
	v.Server = serve(t, "versioned:application", options)
	return v
}

func (v *versioned) write(t testing.TB, text string) {
	t.Helper()
	if err := os.WriteFile(v.file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// command runs penknife with the flag by which it finds the server.
func (v *versioned) command(t testing.TB, arguments ...string) (code int, output string) {
	t.Helper()
	if v.control != "" {
		return testkit.Run(t, 30*time.Second, append(arguments, "--control", "unix:"+v.control)...)
	}
	return testkit.Run(t, 30*time.Second, append(arguments, "--uwsgi", "unix:"+v.Uwsgi)...)
}

func (v *versioned) reload(t testing.TB) {
	t.Helper()
	if code, output := v.command(t, "reload"); code != 0 || !strings.Contains(output, "serves") {
		t.Fatalf("penknife reload: %d\n%s", code, output)
	}
}

func (v *versioned) status(t testing.TB) control.Status {
	t.Helper()
	var status control.Status
	code, output := v.command(t, "status", "--json")
	if err := json.Unmarshal([]byte(output), &status); err != nil || code != 0 {
		t.Fatalf("penknife status: %d, %v\n%s", code, err, output)
	}
	return status
}

// awaitQuiet waits until no replaced generation is left.
func (v *versioned) awaitQuiet(t testing.TB) control.Status {
	t.Helper()
	var status control.Status
	testkit.Eventually(t, callTimeout, func() error {
		if status = v.status(t); len(status.Draining) > 0 {
			return fmt.Errorf("%+v", status.Draining)
		}
		return nil
	})
	return status
}

// load is clients that ask without a pause and check every answer.
type load struct {
	stop    chan struct{}
	clients sync.WaitGroup
	asked   atomic.Int64
	streams atomic.Int64
}

// run lets a client go on until the load is stopped; ask makes one exchange.
func (l *load) run(t *testing.T, name string, ask func() error) {
	l.clients.Go(func() { // ended by stop
		for {
			select {
			case <-l.stop:
				return
			default:
			}
			if err := ask(); err != nil {
				t.Errorf("%s, after %d requests of all: %v", name, l.asked.Load(), err)
				return
			}
			l.asked.Add(1)
		}
	})
}

// keepAlive is one connection that is used again and again, without the silent second try of net/http's client.
type keepAlive struct {
	client   testkit.Client
	request  string
	exchange *testkit.Exchange
}

func (k *keepAlive) ask() error {
	if k.exchange == nil {
		var err error
		if k.exchange, err = k.client.Dial(); err != nil {
			return err
		}
	}
	_ = k.exchange.SetDeadline(time.Now().Add(callTimeout))
	if _, err := k.exchange.Write([]byte(k.request)); err != nil {
		return err
	}
	answer, err := k.exchange.Receive()
	if err != nil {
		return err
	}
	if strings.EqualFold(answer.Header.Get("Connection"), "close") {
		_ = k.exchange.Close()
		k.exchange = nil
	}
	return versionIn(answer)
}

// versionIn checks that an answer is whole and of one version.
func versionIn(answer testkit.Answer) error {
	if answer.Status != 200 || answer.Cut != nil {
		return fmt.Errorf("status %d, cut: %v: %q", answer.Status, answer.Cut, clip(answer.Body))
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(answer.Body)), " ")
	first, _, _ = strings.Cut(first, "\n")
	if _, err := strconv.Atoi(first); err != nil {
		return fmt.Errorf("odd body %q", clip(answer.Body))
	}
	return nil
}

const (
	plainGet  = "GET / HTTP/1.1\r\nHost: test\r\n\r\n"
	largePost = 100_000
)

// startLoad asks over every way in: kept connections, uploads, uwsgi, nginx, and streams of a second.
func startLoad(t *testing.T, v *versioned, nginx *testkit.Front) *load {
	l := &load{stop: make(chan struct{})}
	post := fmt.Sprintf("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n%s", largePost, strings.Repeat("x", largePost))
	http, uwsgi, through := testkit.HTTPClient(v.HTTP), testkit.UwsgiClient(v.Uwsgi), nginx.Client()
	for range 3 {
		l.run(t, "http", (&keepAlive{client: http, request: plainGet}).ask)
		l.run(t, "nginx", (&keepAlive{client: through, request: plainGet}).ask)
	}
	l.run(t, "upload", (&keepAlive{client: http, request: post}).ask)
	l.run(t, "uwsgi", func() error {
		answer, err := uwsgi.Try(testkit.Call{})
		return errors.Join(err, versionIn(answer))
	})
	for _, c := range []testkit.Client{http, through} {
		l.run(t, "stream", func() error {
			answer, err := c.Try(testkit.Call{Target: "/stream"})
			if err != nil {
				return err
			}
			lines := strings.Split(strings.TrimSpace(string(answer.Body)), "\n")
			for _, line := range lines {
				if line != lines[0] || len(lines) != 20 {
					return fmt.Errorf("a mixed or short stream: %q", lines)
				}
			}
			l.streams.Add(1)
			return versionIn(answer)
		})
	}
	return l
}

// TestReloadUnderLoad: ten reloads, and one that fails, while clients ask over every way in. Every request is answered,
// what is asked after a reload gets the new code, and nothing of the old generations is left.
func TestReloadUnderLoad(t *testing.T) {
	v := serveVersioned(t, testkit.Options{Processes: 2, Threads: 4, Errors: aFailedReload})
	nginx := testkit.NginxPass(t, v.Uwsgi, "")
	v.reload(t) // whatever is made once is there now
	v.awaitQuiet(t)
	descriptors, pythons := testkit.Descriptors(t, v.PID()), len(v.Pythons())

	l := startLoad(t, v, nginx)
	for n := 2; n <= 11; n++ {
		v.write(t, strconv.Itoa(n))
		v.reload(t)
		for _, c := range v.Fronts() {
			expectBody(t, c.Do(t, testkit.Call{}), strconv.Itoa(n))
		}
		if n == 6 {
			v.write(t, "six")
			if code, output := v.command(t, "reload"); code != 3 || !strings.Contains(output, "ValueError") {
				t.Errorf("a broken version: %d\n%s", code, output)
			}
		}
	}
	testkit.Eventually(t, callTimeout, func() error {
		if n := l.streams.Load(); n < 4 {
			return fmt.Errorf("%d streams", n)
		}
		return nil
	})
	close(l.stop)
	l.clients.Wait()
	t.Logf("%d requests, %d of them streams", l.asked.Load(), l.streams.Load())

	status := v.awaitQuiet(t)
	if status.Current.InFlight != 0 || status.Reloads.Succeeded != 11 || status.Reloads.Failed != 1 {
		t.Errorf("%+v", status)
	}
	testkit.Eventually(t, callTimeout, func() error {
		if d, p := testkit.Descriptors(t, v.PID()), len(v.Pythons()); d > descriptors || p != pythons {
			return fmt.Errorf("%d descriptors and %d processes became %d and %d", descriptors, pythons, d, p)
		}
		return nil
	})
	if maps := testkit.ReadFile(t, fmt.Sprintf("/proc/%d/maps", v.PID())); strings.Count(maps, "memfd:penknife-queue") != 1 {
		t.Errorf("mapped memory of several generations:\n%s", maps)
	}
}

// TestReloadBySignal, several times at once: it ends with what is newest.
func TestReloadBySignal(t *testing.T) {
	v := serveVersioned(t, testkit.Options{})
	for n := 2; n <= 6; n++ {
		v.write(t, strconv.Itoa(n))
		v.Signal(t, syscall.SIGHUP)
	}
	c := testkit.HTTPClient(v.HTTP)
	testkit.Eventually(t, callTimeout, func() error {
		if body := string(c.Get(t, "/").Body); body != "6" {
			return fmt.Errorf("version %s", body)
		}
		return nil
	})
	if done := v.awaitQuiet(t).Reloads; done.Succeeded > 5 || done.Failed != 0 {
		t.Errorf("%+v", done)
	}
}

// TestReloadReadsTheConfiguration: what a reload covers is taken over, what needs a restart is named, and a broken file
// changes nothing.
func TestReloadReadsTheConfiguration(t *testing.T) {
	v := serveVersioned(t, testkit.Options{Errors: aFailedReload, Config: "app: {env: {COLOUR: green}}\n"})
	c := testkit.HTTPClient(v.HTTP)
	expectBody(t, c.Get(t, "/colour"), "green")
	testkit.Write(t, v.Dir, "penknife.yaml", "app: {env: {COLOUR: blue}}\nlimits: {body: 1MiB}\n")
	if code, output := v.command(t, "reload"); code != 0 || !strings.Contains(output, "wait for a restart: limits.body") {
		t.Errorf("%d\n%s", code, output)
	}
	expectBody(t, c.Get(t, "/colour"), "blue")
	for text, want := range map[string]string{
		"app: {env: {COLOUR: red}}\nworkers: {queue: none}\n": "penknife.yaml:2: workers.queue",
		"app: {env: [": "penknife.yaml:",
	} {
		testkit.Write(t, v.Dir, "penknife.yaml", text)
		if code, output := v.command(t, "reload"); code != 2 || !strings.Contains(output, want) {
			t.Errorf("%q: %d\n%s", text, code, output)
		}
		expectBody(t, c.Get(t, "/colour"), "blue")
	}
}

// TestStopCommand returns when the process is gone, and waits for who is in flight.
func TestStopCommand(t *testing.T) {
	v := serveVersioned(t, testkit.Options{})
	exchange := send(t, testkit.HTTPClient(v.HTTP), "/stream")
	readHead(t, exchange)
	if code, output := v.command(t, "stop"); code != 0 {
		t.Errorf("%d\n%s", code, output)
	}
	if testkit.Alive(v.PID()) {
		t.Error("it is not gone")
	}
	readUntil(t, exchange, "1\n")
	if code := v.Wait(t, time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if code, output := v.command(t, "status"); code != 1 || !strings.Contains(output, "no penknife answers there") {
		t.Errorf("%d\n%s", code, output)
	}
}
