package server

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"penknife/configs"
	"penknife/control"
	"penknife/internal/testkit"
	"penknife/sockets"
)

// other is the bench's configuration, changed.
func (b *bench) other(change func(*configs.Config)) *configs.Loaded {
	loaded := &configs.Loaded{Config: b.server.loaded.Config, Sources: configs.Sources{}, File: "other.yaml"}
	change(&loaded.Config)
	return loaded
}

func (b *bench) client() *control.Client { return control.NewClient(b.socket + ".control") }

// stop ends the server.
func (b *bench) stop() {
	b.t.Helper()
	b.signals <- syscall.SIGTERM
	if err := b.wait(); err != nil {
		b.t.Error(err)
	}
}

// messages gives what was logged so far: the log is written by a goroutine, and reopening waits for it.
func (b *bench) messages() string {
	b.t.Helper()
	if err := b.server.logs.Reopen(b.t.Context()); err != nil {
		b.t.Error(err)
	}
	return b.stderr.String()
}

// TestReloadTakesOverLevelsAndLimitsOfLogs, and nothing else of the section; a format that cannot be used refuses it.
func TestReloadTakesOverLevelsAndLimitsOfLogs(t *testing.T) {
	b := newBench(t, nil).start().open()
	b.fresh = func() (*configs.Loaded, error) {
		return b.other(func(c *configs.Config) {
			c.Log.Level, c.Log.AppRate, c.Log.AppBurst, c.Log.AppLine, c.Log.Format = "error", 7, 8, 300, "json"
			c.Log.Slow = 2 * time.Minute
		}), nil
	}
	b.engine.reloadErr <- nil
	result, err := b.client().Reload(t.Context())
	if err != nil || result.Failure != nil || strings.Join(result.NeedsRestart, " ") != "log.format" {
		t.Fatalf("%+v, %v", result, err)
	}
	if got := (<-b.engine.reloads).Config.Log; got.AppRate != 7 || got.AppBurst != 8 || got.AppLine != 300 || got.Slow != 2*time.Minute || got.Format != "text" {
		t.Errorf("the engine got %+v", got)
	}
	b.server.log.Warn("quiet now")
	if strings.Contains(b.messages(), "quiet now") {
		t.Error("the level stays as it was")
	}
	b.fresh = func() (*configs.Loaded, error) {
		return b.other(func(c *configs.Config) { c.Log.Access = "%(stauts)" }), nil
	}
	result, err = b.client().Reload(t.Context())
	if err != nil || result.Failure == nil || result.Failure.Fault != control.FaultConfig || !strings.Contains(result.Failure.Reason, "did you mean %(status)") {
		t.Errorf("%+v, %v", result, err)
	}
	b.stop()
}

// TestLogsThatCannotBeOpened are the configuration's fault, and are said to be before anything runs.
func TestLogsThatCannotBeOpened(t *testing.T) {
	for key, change := range map[string]func(*configs.Log){
		"log.file":        func(l *configs.Log) { l.File = "/nowhere/penknife.log" },
		"log.access_file": func(l *configs.Log) { l.AccessFile = "/nowhere/access.log" },
		"log.access":      func(l *configs.Log) { l.Access = "%(nothing)" },
	} {
		cfg := configs.Default()
		cfg.App.WSGI, cfg.Log.Access = "test:app", "json"
		change(&cfg.Log)
		_, err := newServer(Options{Loaded: &configs.Loaded{Config: cfg, Sources: configs.Sources{}}, Stdout: &testkit.Buffer{}, Stderr: &testkit.Buffer{}}, parts{})
		var problems *configs.Problems
		if !errors.As(err, &problems) || problems.List[0].Key != key {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func TestReloadTakesOverAppAndWorkersOnly(t *testing.T) {
	b := newBench(t, nil).start().open()
	b.fresh = func() (*configs.Loaded, error) {
		return b.other(func(c *configs.Config) {
			c.App.WSGI, c.Workers.Threads, c.Workers.GracePeriod = "test:newer", 7, time.Hour
			c.Workers.CPUScheduling, c.Limits.Body = "other", 1
			c.HTTP = []configs.HTTP{{Listen: ":1"}}
		}), nil
	}
	b.engine.reloadErr <- nil
	result, err := b.client().Reload(t.Context())
	if err != nil || result.Failure != nil || result.Generation != 2 {
		t.Fatalf("%+v, %v", result, err)
	}
	if got := strings.Join(result.NeedsRestart, " "); got != "http limits.body workers.cpu_scheduling" {
		t.Errorf("a restart is needed for %q", got)
	}
	got := (<-b.engine.reloads).Config
	if got.App.WSGI != "test:newer" || got.Workers.Threads != 7 {
		t.Errorf("the engine got %+v", got)
	}
	if got.Limits.Body != b.server.loaded.Config.Limits.Body || len(got.HTTP) != 0 || got.Workers.CPUScheduling != "auto" {
		t.Errorf("the engine got what needs a restart: %+v", got)
	}
	if b.server.grace() != time.Hour {
		t.Errorf("grace period %v", b.server.grace())
	}
	if log := b.messages(); !strings.Contains(log, `keys="http, limits.body, workers.cpu_scheduling"`) {
		t.Errorf("log:\n%s", log)
	}
	b.stop()
}

func TestReloadThatFailsSaysWhy(t *testing.T) {
	b := newBench(t, nil).start().open()
	problems := &configs.Problems{List: []configs.Problem{{Rule: "range", Key: "workers.threads", Text: "0 is out of range"}}}
	b.fresh = func() (*configs.Loaded, error) { return nil, problems }
	result, err := b.client().Reload(t.Context())
	if err != nil || result.Failure == nil || result.Failure.Fault != control.FaultConfig ||
		!strings.Contains(result.Failure.Reason, "0 is out of range") {
		t.Errorf("a broken configuration: %+v, %v", result, err)
	}
	b.fresh = func() (*configs.Loaded, error) { return b.other(func(*configs.Config) {}), nil }
	for _, test := range []struct {
		err  error
		want control.Failure
	}{
		{&AppError{Reason: "no import", Traceback: "Traceback\n"},
			control.Failure{Fault: control.FaultApp, Reason: "no import", Traceback: "Traceback\n"}},
		{errors.New("no memory"), control.Failure{Fault: control.FaultOther, Reason: "no memory"}},
	} {
		b.engine.reloadErr <- test.err
		result, err := b.client().Reload(t.Context())
		if err != nil || result.Failure == nil || *result.Failure != test.want || result.Generation != 1 {
			t.Errorf("%v became %+v, %v", test.err, result, err)
		}
	}
	_, text := b.adminGet("/metrics")
	for _, line := range []string{`penknife_reloads_total{result="failure"} 3`, "penknife_reload_last_successful 0"} {
		if !strings.Contains(text, line) {
			t.Errorf("no %q", line)
		}
	}
	b.engine.reloadErr <- nil
	if result, err := b.client().Reload(t.Context()); err != nil || result.Failure != nil {
		t.Errorf("%+v, %v", result, err)
	}
	_, text = b.adminGet("/metrics")
	for _, line := range []string{`penknife_reloads_total{result="success"} 1`, "penknife_reload_last_successful 1"} {
		if !strings.Contains(text, line) {
			t.Errorf("no %q", line)
		}
	}
	b.stop()
}

// TestReloadsAreCoalesced: however many ask during a reload, one more follows, with what is newest then.
func TestReloadsAreCoalesced(t *testing.T) {
	b := newBench(t, nil).start().open()
	version := "first"
	b.fresh = func() (*configs.Loaded, error) {
		return b.other(func(c *configs.Config) { c.App.WSGI = "test:" + version }), nil
	}
	b.signals <- syscall.SIGHUP
	if got := (<-b.engine.reloads).Config.App.WSGI; got != "test:first" {
		t.Errorf("got %s", got)
	}
	version = "newest" // the reload that runs has read it; those that are asked for now have not
	results := make(chan control.Reloaded, 4)
	for range 4 {
		round := b.server.reloads.ask()
		go func() { results <- round.wait(context.Background()) }() // ends with the round
	}
	b.engine.reloadErr <- nil
	if got := (<-b.engine.reloads).Config.App.WSGI; got != "test:newest" {
		t.Errorf("got %s", got)
	}
	b.engine.reloadErr <- nil
	for range 4 {
		if result := <-results; result.Failure != nil || result.Generation != 3 {
			t.Errorf("%+v", result)
		}
	}
	if n := len(b.engine.reloads); n != 0 {
		t.Errorf("%d reloads more", n)
	}
	b.stop()
}

func TestReloadWaitsForTheStartAndEndsWithTheServer(t *testing.T) {
	b := newBench(t, nil).start()
	b.fresh = func() (*configs.Loaded, error) { return b.other(func(*configs.Config) {}), nil }
	b.signals <- syscall.SIGHUP
	early := b.server.reloads.ask()
	if len(b.engine.reloads) != 0 {
		t.Error("reloaded before the start was over")
	}
	b.open()
	<-b.engine.reloads
	late := make(chan control.Reloaded, 1)
	round := b.server.reloads.ask()
	go func() { late <- round.wait(context.Background()) }() // ends with the server
	b.stop()
	if result := early.wait(t.Context()); result.Failure == nil || result.Failure.Reason != errStopping.Error() {
		t.Errorf("the one that ran: %+v", result)
	}
	if result := <-late; result.Failure == nil || result.Failure.Reason != errStopping.Error() {
		t.Errorf("the one that waited: %+v", result)
	}
	if result := b.server.reloads.ask().wait(t.Context()); result.Failure == nil {
		t.Error("a reload after the end")
	}
	if log := b.stderr.String(); strings.Contains(log, "reload failed") || !strings.Contains(log, "reload given up: penknife stops") {
		t.Errorf("log:\n%s", log)
	}
}

func TestStatusTellsAll(t *testing.T) {
	b := newBench(t, nil).start()
	var status control.Status
	var err error
	eventually(t, "the control socket answers", func() bool { // it is bound after the one that start waits for
		status, err = b.client().Status(t.Context())
		return err == nil
	})
	if status.State != "starting" {
		t.Errorf("%+v", status)
	}
	b.open()
	status, err = b.client().Status(t.Context())
	if err != nil || status.State != "running" || status.Version != "test" || status.PID != os.Getpid() ||
		status.Application != "test:app" || status.Current.Number != 1 || status.Current.Workers[0].PID != 77 ||
		status.Current.Workers[0].State != "ready" || status.Current.Workers[0].Requests != 5 {
		t.Errorf("%+v, %v", status, err)
	}
	want := []control.Listener{
		{Protocol: "uwsgi", Address: "unix:" + b.socket}, {Protocol: "admin", Address: "unix:" + b.admin},
		{Protocol: "control", Address: "unix:" + b.socket + ".control"},
	}
	for i, listener := range status.Listeners {
		if listener != want[i] {
			t.Errorf("listener %+v, want %+v", listener, want[i])
		}
	}
	if info, err := os.Stat(b.socket + ".control"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	b.stop()
	if _, err := os.Lstat(b.socket + ".control"); !errors.Is(err, os.ErrNotExist) {
		t.Error("the control socket is left behind")
	}
}

func TestStopBySocket(t *testing.T) {
	for _, fast := range []bool{false, true} {
		b := newBench(t, func(c *configs.Config) { c.Workers.GracePeriod = time.Hour }).start().open()
		answer := b.ask("/slow")
		<-b.engine.serving
		ctx, cancel := context.WithCancel(t.Context())
		told := make(chan error, 1)
		go func() { told <- b.client().Stop(ctx, fast) }() // ended by cancel: this process, the server, does not end
		eventually(t, "it stops", func() bool { return b.server.gate.stopping.Load() })
		if !fast {
			close(b.engine.finish)
		}
		if got := receive(t, answer); (got == "200") == fast {
			t.Errorf("fast %v: the request in flight got %q", fast, got)
		}
		if err := b.wait(); err != nil {
			t.Error(err)
		}
		cancel()
		<-told
	}
}

// TestControlSocketThatCannotBe: the usual place is a convenience, a named one a promise.
func TestControlSocketThatCannotBe(t *testing.T) {
	b := newBench(t, nil)
	if err := os.Mkdir(b.socket+".control", 0o700); err != nil {
		t.Fatal(err)
	}
	b.start().open()
	if log := b.messages(); !strings.Contains(log, "no control socket") {
		t.Errorf("log:\n%s", log)
	}
	b.stop()

	missing := filepath.Join(t.TempDir(), "none", "control")
	b = newBench(t, func(c *configs.Config) { c.Control.Listen = "unix:" + missing })
	if err := b.server.run(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	b = newBench(t, func(c *configs.Config) { c.Control.Listen = "off" })
	b.start().open()
	if _, err := b.client().Status(t.Context()); !errors.Is(err, control.ErrNobody) {
		t.Errorf("%v", err)
	}
	b.stop()
}

func TestOwnDirectory(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	dir := filepath.Join(os.TempDir(), "penknife-1")
	for range 2 {
		if err := ownDirectory(dir, sockets.Permissions{UID: -1, GID: -1}); err != nil {
			t.Error(err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := ownDirectory(dir, sockets.Permissions{UID: -1, GID: -1}); !errors.Is(err, errControlDir) {
		t.Errorf("a directory that others can write: %v", err)
	}
	link := filepath.Join(os.TempDir(), "link")
	if err := os.Symlink("/", link); err != nil {
		t.Fatal(err)
	}
	if err := ownDirectory(link, sockets.Permissions{UID: -1, GID: -1}); !errors.Is(err, errControlDir) {
		t.Errorf("a link: %v", err)
	}
}
