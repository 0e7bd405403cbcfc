package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"penknife/configs"
	"penknife/control"
	"penknife/gateway"
)

func receive(t *testing.T, c <-chan string) string {
	t.Helper()
	select {
	case s := <-c:
		return s
	case <-time.After(10 * time.Second):
		t.Fatal("no answer")
		return ""
	}
}

func TestAnswers503UntilReady(t *testing.T) {
	b := newBench(t, nil).start()
	if got := receive(t, b.ask("/early")); got != "503" {
		t.Errorf("before it is ready: %q", got)
	}
	if status, text := b.adminGet("/readyz"); status != 503 || text != errStarting.Error() {
		t.Errorf("readyz: %d %q", status, text)
	}
	if status, _ := b.adminGet("/livez"); status != 200 {
		t.Errorf("livez: %d", status)
	}
	b.open()
	b.signals <- syscall.SIGUSR1
	eventually(t, "the logs are reopened", func() bool { return strings.Contains(b.stderr.String(), "logs reopened") })
	close(b.engine.finish)
	if got := receive(t, b.ask("/late")); got != "200" {
		t.Errorf("after it is ready: %q", got)
	}
	if status, _ := b.adminGet("/readyz"); status != 200 {
		t.Errorf("readyz: %d", status)
	}
	b.engine.workers.Store(0)
	if status, text := b.adminGet("/readyz"); status != 503 || text != errNoWorker.Error() {
		t.Errorf("readyz without a worker: %d %q", status, text)
	}
	eventually(t, "the request is counted", func() bool {
		_, text := b.adminGet("/metrics")
		return strings.Contains(text, `penknife_requests_total{class="2xx",front="uwsgi",method="GET"} 1`) &&
			strings.Contains(text, `penknife_request_errors_total{kind="unavailable"} 1`) &&
			strings.Contains(text, "penknife_ready 0\n")
	})
	b.signals <- syscall.SIGTERM
	if err := b.wait(); err != nil {
		t.Error(err)
	}
	if log := b.stdout.String(); strings.Count(log, "\n") != 2 || !strings.Contains(log, `"GET /late HTTP/1.1" 200 4 "-" "-"`) {
		t.Errorf("access log:\n%s", log)
	}
}

// adminGet asks the admin listener.
func (b *bench) adminGet(path string) (int, string) {
	b.t.Helper()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("unix", b.admin)
	}}
	response, err := (&http.Client{Transport: transport}).Get("http://admin" + path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	if path != "/metrics" {
		text = []byte(strings.TrimSpace(string(text)))
	}
	return response.StatusCode, string(text)
}

func TestTermDrains(t *testing.T) {
	b := newBench(t, nil).start().open()
	answer := b.ask("/slow")
	<-b.engine.serving
	b.signals <- syscall.SIGTERM
	eventually(t, "it stops accepting", func() bool {
		_, err := os.Lstat(b.socket)
		return errors.Is(err, os.ErrNotExist)
	})
	if b.engine.shutdowns.Load() != 0 {
		t.Error("the engine was stopped with a request in flight")
	}
	if status, text := b.adminGet("/readyz"); status != 503 || text != errStopping.Error() {
		t.Errorf("readyz while draining: %d %q", status, text)
	}
	close(b.engine.finish)
	if got := receive(t, answer); got != "200" {
		t.Errorf("the request in flight got %q", got)
	}
	if err := b.wait(); err != nil {
		t.Error(err)
	}
}

func TestSecondTermIsHard(t *testing.T) {
	b := newBench(t, func(c *configs.Config) { c.Workers.GracePeriod = time.Hour }).start().open()
	answer := b.ask("/stuck")
	<-b.engine.serving
	b.signals <- syscall.SIGTERM
	eventually(t, "it drains", func() bool { return strings.Contains(b.stderr.String(), "draining") })
	b.signals <- syscall.SIGTERM
	if err := b.wait(); err != nil {
		t.Error(err)
	}
	if got := receive(t, answer); got == "200" {
		t.Error("the stuck request was answered")
	}
	if b.engine.left.Load() != -1 {
		t.Errorf("the engine was given %v", time.Duration(b.engine.left.Load()))
	}
}

func TestGracePeriodEnds(t *testing.T) {
	b := newBench(t, func(c *configs.Config) { c.Workers.GracePeriod = 10 * time.Millisecond }).start().open()
	answer := b.ask("/stuck")
	<-b.engine.serving
	b.signals <- syscall.SIGTERM
	if err := b.wait(); err != nil {
		t.Error(err)
	}
	if got := receive(t, answer); got == "200" {
		t.Error("the stuck request was answered")
	}
	if left := time.Duration(b.engine.left.Load()); left < time.Second {
		t.Errorf("the engine was given %v to stop idle workers", left)
	}
}

func TestInterruptIsFast(t *testing.T) {
	for _, sig := range []os.Signal{syscall.SIGINT, syscall.SIGQUIT} {
		b := newBench(t, func(c *configs.Config) { c.Workers.GracePeriod = time.Hour }).start().open()
		answer := b.ask("/stuck")
		<-b.engine.serving
		b.signals <- sig
		if err := b.wait(); err != nil {
			t.Error(err)
		}
		if got := receive(t, answer); got == "200" {
			t.Error("the stuck request was answered")
		}
		if b.engine.left.Load() != -1 {
			t.Errorf("the engine was given %v", time.Duration(b.engine.left.Load()))
		}
	}
}

func TestOtherSignalsDoNotStop(t *testing.T) {
	b := newBench(t, nil).start().open()
	b.signals <- syscall.SIGPIPE
	close(b.engine.finish)
	if got := receive(t, b.ask("/")); got != "200" {
		t.Errorf("got %q", got)
	}
	b.signals <- syscall.SIGTERM
	if err := b.wait(); err != nil {
		t.Error(err)
	}
}

func TestOneWorkerMoreAndLess(t *testing.T) {
	b := newBench(t, nil).start()
	b.signals <- syscall.SIGTTIN
	b.open()
	for _, step := range []struct {
		signal os.Signal
		want   int64
	}{{syscall.SIGTTIN, 3}, {syscall.SIGTTIN, 4}, {syscall.SIGTTOU, 3}} {
		b.signals <- step.signal
		eventually(t, "the number has changed", func() bool { return b.engine.workers.Load() == step.want })
	}
	b.signals <- syscall.SIGTTIN
	b.signals <- syscall.SIGTTIN
	eventually(t, "the end is told", func() bool { return strings.Contains(b.stderr.String(), "the number of workers stays as it is") })
	if n := b.engine.workers.Load(); n != 4 {
		t.Errorf("%d workers", n)
	}
	scaled := b.server.scale(t.Context(), control.ScaleOrder{To: 9})
	if scaled.Failure == nil || scaled.Failure.Fault != control.FaultConfig || scaled.Scaling.Wanted != 4 {
		t.Errorf("%+v", scaled)
	}
	if scaled = b.server.scale(t.Context(), control.ScaleOrder{To: 2}); scaled.Failure != nil || scaled.Scaling.Wanted != 2 || scaled.Ready != 2 {
		t.Errorf("%+v", scaled)
	}
	close(b.engine.finish)
	b.signals <- syscall.SIGTERM
	if err := b.wait(); err != nil {
		t.Error(err)
	}
}

func TestAppThatDoesNotStart(t *testing.T) {
	b := newBench(t, nil).start()
	b.engine.startErr <- &AppError{Reason: "the application cannot be imported", Traceback: "Traceback…"}
	var app *AppError
	if err := b.wait(); !errors.As(err, &app) || app.Traceback != "Traceback…" {
		t.Errorf("got %v", err)
	}
	if b.engine.shutdowns.Load() != 1 {
		t.Error("the engine was not shut down")
	}
}

func TestTermDuringTheImport(t *testing.T) {
	b := newBench(t, nil).start()
	b.signals <- syscall.SIGTERM
	if err := b.wait(); err != nil {
		t.Errorf("got %v", err)
	}
}

func TestEndOfContextDrains(t *testing.T) {
	b := newBench(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	b.engine.startErr <- nil
	go func() { b.result <- b.server.run(ctx) }()
	eventually(t, "the gate is open", func() bool { return b.server.gate.opened.Load() })
	cancel()
	if err := b.wait(); err != nil {
		t.Error(err)
	}
}

func TestListenerThatFailsEndsTheServer(t *testing.T) {
	b := newBench(t, nil).start().open()
	if err := b.server.open.uwsgi[0].Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.wait(); err == nil || !strings.Contains(err.Error(), "ended") {
		t.Errorf("got %v", err)
	}
}

func TestSocketsThatCannotBeOpened(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	b := newBench(t, func(c *configs.Config) {
		c.HTTP = []configs.HTTP{{Listen: taken.Addr().String()}}
		c.Uwsgi = append(c.Uwsgi, configs.Uwsgi{Listen: "unix:/none/such/dir/a.sock"})
	})
	b.result <- b.server.run(t.Context())
	err = b.wait()
	for _, want := range []string{"another penknife", "create the socket's directory first"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
	if b.engine.shutdowns.Load() != 0 {
		t.Error("an engine that was not started was stopped")
	}
}

func TestUnknownOwnerIsTheConfigurationsFault(t *testing.T) {
	b := newBench(t, func(c *configs.Config) { c.Uwsgi[0].Owner = "no-such-user-here" })
	b.result <- b.server.run(t.Context())
	var problems *configs.Problems
	if err := b.wait(); !errors.As(err, &problems) || problems.List[0].Key != "uwsgi[0].owner" {
		t.Errorf("got %v", err)
	}
}

func TestStagesStopInReverseAndGiveTime(t *testing.T) {
	var order []string
	var left []time.Duration
	step := func(name string, least time.Duration, startErr error) stage {
		return stage{
			name: name, least: least,
			start: func(context.Context) error { order = append(order, "+"+name); return startErr },
			stop: func(ctx context.Context) error {
				deadline, _ := ctx.Deadline()
				left = append(left, time.Until(deadline).Round(time.Minute))
				order = append(order, "-"+name)
				return errors.New("some trouble")
			},
		}
	}
	cause := errors.New("no")
	s := stages{
		list: []stage{step("a", time.Hour, nil), step("b", 0, nil), step("c", 0, cause), step("d", 0, nil)},
		log:  slog.New(slog.DiscardHandler),
	}
	if err := s.start(t.Context()); !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
	s.stop(context.Background(), time.Now().Add(10*time.Minute))
	if want := []string{"+a", "+b", "+c", "-b", "-a"}; !slices.Equal(order, want) {
		t.Errorf("order %v, want %v", order, want)
	}
	if want := []time.Duration{10 * time.Minute, time.Hour}; !slices.Equal(left, want) {
		t.Errorf("time left %v, want %v", left, want)
	}
}

func TestActionsHaveNames(t *testing.T) {
	for a := actionNone; a <= actionUpgrade; a++ {
		if a.String() == "unknown" {
			t.Errorf("%d has no name", a)
		}
	}
	if action(0).String() != "unknown" || (actionUpgrade+1).String() != "unknown" {
		t.Error("an action that does not exist has a name")
	}
}

func TestMetricNamesMatchTheirEnums(t *testing.T) {
	names := metricNames()
	if names.Fronts[gateway.FrontUwsgi] != "uwsgi" || len(names.Fronts) != int(gateway.FrontUwsgi)+1 {
		t.Errorf("fronts: %v", names.Fronts)
	}
	for _, kind := range gateway.Kinds() {
		if names.Kinds[kind] != kind.String() {
			t.Errorf("kind %v is called %s", kind, names.Kinds[kind])
		}
	}
}

func TestSocketHasItsMode(t *testing.T) {
	b := newBench(t, nil).start().open()
	info, err := os.Stat(b.socket)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	b.signals <- syscall.SIGTERM
	if err := b.wait(); err != nil {
		t.Error(err)
	}
}
