package workers

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"penknife/configs"
	"penknife/gateway"
	"penknife/internal/testkit"
	"penknife/uwsgiproto"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv("PENKNIFE_TEST_VICTIM") != "" {
		beVictim()
	}
	// Most of them wait for limits and for processes, and not for a CPU.
	if err := flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// logBuffer is a log that a test can read while others write.
type logBuffer struct{ testkit.Buffer }

func (l *logBuffer) contains(parts ...string) error {
	text := l.String()
	for _, line := range strings.Split(text, "\n") {
		found := true
		for _, part := range parts {
			found = found && strings.Contains(line, part)
		}
		if found {
			return nil
		}
	}
	return fmt.Errorf("no line with %q in the log:\n%s", parts, text)
}

func newTestLog(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// defaultPython is found once: asking every interpreter takes longer than most tests.
var defaultPython = sync.OnceValue(func() string { return testkit.DefaultPython(&standIn{}) })

func testConfig(t testing.TB) Config {
	t.Helper()
	dir, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	return Config{
		App: configs.App{WSGI: "probe:application", Chdir: dir, Python: defaultPython(), Preload: true,
			Env: map[string]string{"COLOUR": "green", "PYTHONDONTWRITEBYTECODE": "1"}},
		Workers: configs.Workers{Processes: configs.FixedProcesses(2), Threads: 1, Queue: 64, QueueTimeout: 10 * time.Second,
			RequestTimeout: 20 * time.Second, StartTimeout: 20 * time.Second, ResponseBuffer: 64 << 10},
		Limits: configs.Limits{HeaderBlock: 64 << 10, BodyMemory: 16 << 10, TempDir: t.TempDir()},
	}
}

// started is a running Manager that ends with the test.
type started struct {
	*Manager
	log *logBuffer
}

func startManager(t testing.TB, c Config) started {
	t.Helper()
	return startCounted(t, c, nil)
}

func startCounted(t testing.TB, c Config, counters Counters) started {
	t.Helper()
	log := &logBuffer{}
	m, err := New(c, Deps{Log: newTestLog(log), Counters: counters})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Start(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := m.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if t.Failed() {
			t.Logf("log:\n%s", log)
		}
	})
	return started{m, log}
}

func request(t testing.TB, target string) *gateway.Request {
	t.Helper()
	path, query, _ := strings.Cut(target, "?")
	req := &gateway.Request{ID: 7, Front: gateway.FrontHTTP, Start: time.Now(), Method: []byte("GET"), Target: []byte(target)}
	for _, v := range [][2]string{
		{"REQUEST_METHOD", "GET"}, {"PATH_INFO", path}, {"QUERY_STRING", query}, {"REQUEST_URI", target},
		{"SERVER_NAME", "test"}, {"SERVER_PORT", "80"}, {"SERVER_PROTOCOL", "HTTP/1.1"}, {"REQUEST_SCHEME", "http"},
	} {
		vars, err := uwsgiproto.AppendVar(req.Vars, v[0], v[1])
		if err != nil {
			t.Fatal(err)
		}
		req.Vars = vars
	}
	return req
}

func (m started) send(t testing.TB, req *gateway.Request) (string, error) {
	t.Helper()
	resp, err := m.Serve(req)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.CloseWithError(err)
	return string(body), err
}

func (m started) get(t testing.TB, target string) string {
	t.Helper()
	body, err := m.send(t, request(t, target))
	if err != nil {
		t.Fatalf("%s: %v", target, err)
	}
	return body
}

// fails sends a request that must end with this kind, and gives the error's text.
func (m started) fails(t testing.TB, target string, kind gateway.Kind) string {
	t.Helper()
	body, err := m.send(t, request(t, target))
	if err == nil || gateway.KindOf(err) != kind {
		t.Fatalf("%s: %q, %v; want %v", target, body, err, kind)
	}
	return err.Error()
}

func (m started) ready(n int) func() error {
	return func() error {
		if s := m.Snapshot(); s.Ready() != n {
			return fmt.Errorf("%d workers are ready, want %d: %+v", s.Ready(), n, s.Workers)
		}
		return nil
	}
}

func TestEveryInterpreterServes(t *testing.T) {
	t.Parallel()
	for _, interpreter := range testkit.Interpreters(t) {
		for _, preload := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/preload=%v", interpreter.Version, preload), func(t *testing.T) {
				t.Parallel()
				c := testConfig(t)
				c.App.Python, c.App.Preload = interpreter.Path, preload
				m := startManager(t, c)
				facts := strings.Split(m.get(t, "/about"), "\n")
				want := []string{facts[0], "probe:application", c.App.Chdir, "penknife",
					map[bool]string{true: "False", false: "True"}[preload], "green", "True", "False"}
				if strings.Join(facts, "|") != strings.Join(want, "|") {
					t.Errorf("got  %q\nwant %q", facts, want)
				}
				if s := m.Snapshot(); !strings.HasPrefix(s.Python, interpreter.Version) {
					t.Errorf("snapshot says Python %q", s.Python)
				}
			})
		}
	}
}

func TestBodyIsSpooledAndItsLengthTold(t *testing.T) {
	m := startManager(t, testConfig(t))
	for _, size := range []int{0, 5, 100_000} {
		req := request(t, "/body")
		req.Body, req.ContentLength = strings.NewReader(strings.Repeat("x", size)), -1
		got, err := m.send(t, req)
		if want := fmt.Sprintf("%d %d %s", size, size, strings.Repeat("x", min(size, 3))); err != nil || got != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
}

func TestDeadWorkerIsReplacedAndItsRequestTold(t *testing.T) {
	m := startManager(t, testConfig(t))
	for _, death := range []struct{ target, cause string }{
		{"/exit?3", "exited with status 3"}, {"/exit?0", "exited with status 0"},
		{"/segfault", "SIGSEGV"}, {"/signal?9", "SIGKILL"}, {"/signal?6", "SIGABRT"},
	} {
		t.Run(strings.Trim(death.target, "/"), func(t *testing.T) {
			text := m.fails(t, death.target, gateway.KindWorkerDied)
			if !strings.Contains(text, death.cause) {
				t.Errorf("%q does not name the cause %q", text, death.cause)
			}
			begin := time.Now()
			testkit.Eventually(t, 5*time.Second, m.ready(2))
			if took := time.Since(begin); took > 300*time.Millisecond {
				t.Errorf("replaced after %v", took)
			}
			m.get(t, "/pid")
		})
	}
}

func TestSignalsOfOthersAreLeftToGo(t *testing.T) {
	m := startManager(t, testConfig(t))
	for _, number := range []int{1, 2, 15} {
		if got := m.get(t, "/signal?"+strconv.Itoa(number)); got != "survived" {
			t.Errorf("signal %d: %q", number, got)
		}
	}
	if got := m.get(t, "/terminate-child"); got != "15" {
		t.Errorf("a child that the application forked and terminated ended with signal %s", got)
	}
}

func TestOverdueRequestDumpsStacksAndEndsItsWorkerOnly(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	c.Workers.RequestTimeout = 200 * time.Millisecond
	m := startManager(t, c)
	m.fails(t, "/hang", gateway.KindRequestTimeout)
	testkit.Eventually(t, 5*time.Second, func() error { return m.log.contains("in hang") })
	testkit.Eventually(t, 5*time.Second, func() error { return m.log.contains("worker died", "request_timeout") })
	testkit.Eventually(t, 5*time.Second, m.ready(2))
	m.get(t, "/pid")
}

func TestOutputReachesTheLog(t *testing.T) {
	m := startManager(t, testConfig(t))
	m.get(t, "/say")
	for _, line := range [][]string{
		{"stream=stdout", "said with print", "worker="}, {"stream=stdout", "written to 1"}, {"stream=stderr", "written to stderr"},
	} {
		testkit.Eventually(t, 5*time.Second, func() error { return m.log.contains(line...) })
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := m.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if err := m.log.contains("incomplete"); err != nil {
		t.Error(err)
	}
	if n := strings.Count(m.log.String(), "goodbye"); n != 2 {
		t.Errorf("atexit ran in %d processes, want the 2 workers", n)
	}
}
