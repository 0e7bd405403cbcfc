package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"penknife/control"
)

var sample = control.Status{
	Version: "1.2.3", PID: 12, State: "running", Uptime: 3*3600 + 125, Config: "site.yaml", Application: "site:app",
	Listeners: []control.Listener{{Protocol: "http", Address: "127.0.0.1:8000"}, {Protocol: "uwsgi", Address: "unix:/run/u.sock", Lost: "removed"}},
	Certificates: []control.Certificate{
		{Name: "/etc/ssl/a.pem", Expires: time.Date(2026, 2, 1, 3, 4, 5, 0, time.Local)}, {Name: "b.example", Expires: time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local)}},
	CertificatesUnusable: true, Connections: 3,
	Current: control.Generation{Number: 4, Python: "3.12.1", InFlight: 2, Places: 1026,
		Scaling: control.Scaling{Wanted: 2, Min: 2, Max: 16, Mode: "busyness"}, Workers: []control.Worker{
			{Index: 0, PID: 101, State: "ready", Uptime: 61, Busy: 1, Requests: 12345},
			{Index: 1, PID: 102, State: "draining", Reason: "request_timeout", Uptime: 5},
		}, Retired: map[string]int{"request_timeout": 1, "max_requests": 12}},
	Draining: []control.Generation{{Number: 3, InFlight: 1, Workers: []control.Worker{{PID: 90, State: "ready", Busy: 1}}}},
	Reloads: control.Reloads{Succeeded: 3, Failed: 1, Last: &control.Reloaded{
		At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local), Failure: &control.Failure{Reason: "no import\nmore"}, NeedsRestart: []string{"http"}}},
}

func TestPrintStatus(t *testing.T) {
	const want = `penknife 1.2.3, pid 12, running for 3h2m
application  site:app, generation 4, Python 3.12.1
config       site.yaml
listeners    http 127.0.0.1:8000
             uwsgi unix:/run/u.sock: the socket file was removed, nobody can connect; restart penknife
certificates /etc/ssl/a.pem, until 2026-02-01 (30 days)
             b.example, expired on 2026-01-02
             files have changed to something that cannot be used, see the log; those before are shown
requests     2 in flight, 1026 places, 3 connections
workers      2 workers (busyness, 2 to 16)
reloads      3 succeeded, 1 failed; the last one 2026-01-02 03:04:05 failed: no import; a restart is needed for http
retired      12 max_requests, 1 request_timeout

WORKER  PID  STATE                       UPTIME  BUSY  REQUESTS
0       101  ready                       1m1s    1     12345
1       102  draining (request_timeout)  5s      0     0

generation 3 was replaced and finishes 1 requests

WORKER  PID  STATE  UPTIME  BUSY  REQUESTS
0       90   ready  0s      1     0
`
	var b bytes.Buffer
	if err := printStatus(&b, sample, time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local)); err != nil || b.String() != want {
		t.Errorf("%v\n%s", err, b.String())
	}
}

// answering serves a control socket with this result of reloads, and gives the flag that names it.
func answering(t *testing.T, result control.Reloaded) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "control")
	server := control.New(control.Deps{
		Status: func() control.Status { return sample },
		Reload: func(context.Context) control.Reloaded { return result },
		Scale: func(_ context.Context, order control.ScaleOrder) control.Scaled {
			return scaled(order)
		},
		Stop: func(bool) {},
		Log:  slog.New(slog.DiscardHandler),
	})
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server.Start(listener)
	t.Cleanup(func() { _ = server.Shutdown(context.Background()) })
	return " --control unix:" + path
}

func TestReloadExitCodes(t *testing.T) {
	for _, test := range []struct {
		result control.Reloaded
		code   int
		stdout string
		stderr string
	}{
		{control.Reloaded{Generation: 5, Took: 1.26, Scaling: control.Scaling{Wanted: 1, Mode: "hand"}}, 0,
			"generation 5 serves with 1 worker (by hand), after 1.3 s\n", ""},
		{control.Reloaded{Generation: 5, NeedsRestart: []string{"http", "log.level"}}, 0, "generation 5 serves with 0 workers, after 0.0 s\n",
			"penknife reload: these changes wait for a restart: http, log.level (penknife upgrade applies them too)\n"},
		{control.Reloaded{Failure: &control.Failure{Fault: control.FaultConfig, Reason: "a.yaml:3: bad"}}, 2, "",
			"penknife reload: nothing was changed: a.yaml:3: bad\n"},
		{control.Reloaded{Failure: &control.Failure{Fault: control.FaultApp, Reason: "no import", Traceback: "Traceback\n  x\n"}}, 3, "",
			"Traceback\n  x\npenknife reload: nothing was changed: no import\n"},
		{control.Reloaded{Failure: &control.Failure{Fault: control.FaultOther, Reason: "no memory"}}, 1, "",
			"penknife reload: nothing was changed: no memory\n"},
	} {
		o := execute(t, words("reload"+answering(t, test.result)), nil, nil)
		if o.code != test.code || o.stdout != test.stdout || o.stderr != test.stderr {
			t.Errorf("%+v: exit %d, stdout %q, stderr %q", test.result, o.code, o.stdout, o.stderr)
		}
	}
}

func TestStatusAsJSON(t *testing.T) {
	o := execute(t, words("status --json"+answering(t, control.Reloaded{})), nil, nil)
	var status control.Status
	if err := json.Unmarshal([]byte(o.stdout), &status); o.code != 0 || err != nil || status.Current.Workers[0].Requests != 12345 {
		t.Errorf("exit %d, %v: %s%s", o.code, err, o.stdout, o.stderr)
	}
	o = execute(t, words("status"+answering(t, control.Reloaded{})), nil, nil)
	if o.code != 0 || !strings.HasPrefix(o.stdout, "penknife 1.2.3, pid 12") {
		t.Errorf("exit %d: %s", o.code, o.stdout)
	}
}

func TestNobodyAnswers(t *testing.T) {
	for _, command := range []string{"status", "reload", "stop", "stop --fast"} {
		o := execute(t, words(command+" --uwsgi unix:/nowhere/u.sock"), nil, nil)
		if o.code != 1 || !strings.Contains(o.stderr, "/nowhere/u.sock.control: no penknife answers there") ||
			!strings.Contains(o.stderr, "Is it running?") {
			t.Errorf("%s: exit %d: %s", command, o.code, o.stderr)
		}
		o = execute(t, words(command+" --config bad.yaml"), nil, nil, "bad.yaml", "uwsgi: [{listen: \"unix:/nowhere/u.sock\"}]\nworkers: {threads: many}")
		if o.code != 2 || !strings.Contains(o.stderr, "bad.yaml:2: workers.threads") || strings.Contains(o.stderr, "no application") {
			t.Errorf("%s with a bad file: exit %d: %s", command, o.code, o.stderr)
		}
		o = execute(t, words(command+" --control off"), nil, nil)
		if o.code != 2 || !strings.Contains(o.stderr, "no control socket") {
			t.Errorf("%s without a socket: exit %d: %s", command, o.code, o.stderr)
		}
		if o := execute(t, words(command+" surplus"), []string{"HOME=" + os.TempDir()}, nil); o.code == 0 {
			t.Errorf("%s takes an argument", command)
		}
	}
}

// TestASignalEndsACommand: whoever waits for a server that does not answer can press Ctrl-C.
func TestASignalEndsACommand(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control")
	silent, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	for _, command := range []string{"status", "reload", "upgrade", "stop", "scale 2", "reopen-logs"} {
		signals := make(chan os.Signal, 2)
		signals <- syscall.SIGUSR1 // is nobody's end
		signals <- syscall.SIGINT
		var stderr bytes.Buffer
		p := program{stdout: io.Discard, stderr: &stderr, signals: signals}
		code := p.run(t.Context(), words(command+" --control unix:"+path)) // hangs if the signal is lost
		if code != exitOther || !strings.Contains(stderr.String(), "penknife: interrupt: not waited for an answer") {
			t.Errorf("%s: exit %d: %s", command, code, stderr.String())
		}
	}
}

// scaled is what a server of 3 workers, 8 at most, makes of an order.
func scaled(order control.ScaleOrder) control.Scaled {
	now := control.Scaling{Wanted: 3 + order.By, Min: 1, Max: 8, Mode: "hand"}
	if order.To > 0 {
		now.Wanted = order.To
	}
	if order.Auto {
		now = control.Scaling{Wanted: 3, Min: 1, Max: 8, Mode: "queue"}
	}
	if now.Wanted > 8 {
		return control.Scaled{Failure: &control.Failure{Fault: control.FaultConfig, Reason: "too many"}}
	}
	return control.Scaled{Scaling: now, Ready: now.Wanted}
}

func TestScale(t *testing.T) {
	for line, want := range map[string]outcome{
		"scale 5":     {stdout: "5 workers (by hand)\n"},
		"scale +1":    {stdout: "4 workers (by hand)\n"},
		"scale -- -2": {stdout: "1 worker (by hand)\n"},
		"scale auto":  {stdout: "3 workers (queue, 1 to 8)\n"},
		"scale 9":     {code: 2, stderr: "penknife scale: too many\n"},
		"scale 0":     {code: 2, stderr: "penknife scale: \"0\" is neither a number of workers from 1, nor a change such as +1, nor auto\n"},
		"scale many":  {code: 2, stderr: "penknife scale: \"many\" is neither a number of workers from 1, nor a change such as +1, nor auto\n"},
		"scale":       {code: 2, stderr: "penknife scale: takes one number of workers, or auto\n"},
		"scale 1 2":   {code: 2, stderr: "penknife scale: takes one number of workers, or auto\n"},
	} {
		command, rest, _ := strings.Cut(line, " ")
		o := execute(t, words(command+answering(t, control.Reloaded{})+" "+rest), nil, nil)
		if o.code != want.code || o.stdout != want.stdout || o.stderr != want.stderr {
			t.Errorf("%s: exit %d, stdout %q, stderr %q", line, o.code, o.stdout, o.stderr)
		}
	}
}
