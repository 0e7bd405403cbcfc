package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// outside runs Python by `penknife exec` and gives what it prints, without the end of the line. It fails unless all went
// well.
func outside(t testing.TB, s *testkit.Server, source string) string {
	t.Helper()
	code, out := testkit.Run(t, callTimeout, "exec", "--uwsgi", "unix:"+s.Uwsgi, "--", testkit.DefaultPython(t), "-X", "dev", "-W", "error", "-c", source)
	if code != 0 {
		t.Fatalf("%s\n%d: %s", source, code, out)
	}
	return strings.TrimSuffix(out, "\n")
}

// TestExec_Cache: the same functions, the same values and the same exceptions as in a worker, also from threads and from
// forked and spawned children, and without a word of Python about anything left open.
func TestExec_Cache(t *testing.T) {
	s := serve(t, "evaluator:application", testkit.Options{Config: "app_cache: {max_value: 2MiB}\n"})
	expectPython(t, s, outcome("cache.set('worker', b'yes')"), "None")
	expectPython(t, s, outcome("cache.get('worker')"), "b'yes'") // it has a copy now
	var source, want strings.Builder
	for _, step := range []struct{ expression, want string }{
		{"cache.get('worker')", "b'yes'"}, {"cache.set('worker', b'changed', tags=['t'])", "None"},
		{"cache.get_many(['worker', 'x'])", "{'worker': b'changed'}"}, {"cache.incr('n', initial=5)", "5"},
		{"cache.incr('x')", "'MissingKey: appcalls: no such key'"}, {"cache.add('n', b'')", "False"},
		{"cache.set('big', b'x' * (2 << 20))",
			"'ValueTooLarge: 2097155 bytes of key and value; at most 2097152 are kept (app_cache.max_value)'"},
		{"cache.set('big', b'x' * 2097000)", "None"}, {"len(cache.get('big'))", "2097000"},
		{"cache.purge_url('/x')", "'SwitchedOff: the response cache is switched off: cache.enabled is false'"},
	} {
		fmt.Fprintf(&source, "%sprint(%q, repr(answer))\n", outcome(step.expression), step.expression)
		fmt.Fprintf(&want, "%s %s\n", step.expression, step.want)
	}
	if got := outside(t, s, source.String()) + "\n"; got != want.String() {
		t.Errorf("%s\nwant\n%s", got, want.String())
	}
	expectPython(t, s, outcome("cache.get('worker')"), "b'changed'")
	got := outside(t, s, `
import multiprocessing, os, threading
from penknife import cache
def count(n):
    for _ in range(n): cache.incr("m", initial=1)
count(10)
threads = [threading.Thread(target=count, args=(100,)) for _ in range(8)]
for t in threads: t.start()
for t in threads: t.join()
for _ in range(4):
    if os.fork() == 0:
        count(100)
        os._exit(0)
count(100)
for _ in range(4): os.wait()
import subprocess, sys
subprocess.run([sys.executable, "-c", "from penknife import cache; cache.incr('m')"], check=True)
print(cache.get("m").decode())`)
	if got != "1311" {
		t.Errorf("counted %s, want 1311", got)
	}
}

// TestExec_Django: a project whose cache is penknife's has the same one in manage.py and in the workers.
func TestExec_Django(t *testing.T) {
	data := testkit.Dir(t)
	testkit.Write(t, data, "cached_settings.py", "from mysite.settings import *\n"+
		"CACHES = {'default': {'BACKEND': 'penknife.django.Cache'}}\n")
	env := []string{"DJANGO_DATA=" + data, "DJANGO_SETTINGS_MODULE=cached_settings", "PYTHONPATH=" + data}
	site := filepath.Join(apps(t), "djangosite")
	s := serve(t, "evaluator:application", testkit.Options{Python: testkit.Virtualenv(t), Env: append(env, "PYTHONPATH="+data+":"+site)})
	manage := func(arguments ...string) (int, string) {
		arguments = append([]string{"exec", "--uwsgi", "unix:" + s.Uwsgi, "--", testkit.Virtualenv(t), "manage.py"}, arguments...)
		p := testkit.Start(t, site, append(env, "PYTHONDONTWRITEBYTECODE=1"), testkit.Binary(t), arguments...)
		code := p.Wait(t, time.Minute)
		return code, p.Output()
	}
	if code, out := manage("migrate", "-v0"); code != 0 {
		t.Fatal(code, out)
	}
	code, out := manage("shell", "-c", "from django.core.cache import cache; cache.set('list', [1, 'ü']); "+
		"cache.set('n', 4); print('left', cache.incr('n'))")
	if code != 0 || !strings.Contains(out, "left 5") {
		t.Fatal(code, out)
	}
	expectPython(t, s, "import django; django.setup()\nfrom django.core.cache import cache\n"+
		"answer = cache.get_many(['list', 'n'])\ncache.delete('n')", "{'list': [1, 'ü'], 'n': 5}")
	if code, out = manage("shell", "-c", "from django.core.cache import cache; print('left', cache.get('n'))"); !strings.Contains(out, "left None") {
		t.Error(code, out)
	}
}

// TestExec_IsTheCommand: its process, its exit code, its signals, its directory and arguments.
func TestExec_IsTheCommand(t *testing.T) {
	run := func(arguments ...string) (int, string) {
		return testkit.Run(t, callTimeout, append([]string{"exec", "--http", ":9"}, arguments...)...)
	}
	if code, out := run("--", "sh", "-c", `echo "$0:$1"; exit 7`, "a b", "--help"); code != 7 || out != "a b:--help\n" {
		t.Errorf("%d %q", code, out)
	}
	if code, out := run("echo", "--http"); code != 0 || out != "--http\n" {
		t.Errorf("without --: %d %q", code, out)
	}
	if code, out := run("--", "no-such-command"); code != 127 || !strings.Contains(out, "no-such-command") {
		t.Errorf("%d %q", code, out)
	}
	if code, out := run("--", "/etc/passwd"); code != 126 {
		t.Errorf("%d %q", code, out)
	}
	if code, out := run(); code != 2 || !strings.Contains(out, "which command?") {
		t.Errorf("%d %q", code, out)
	}
	if code, out := testkit.Run(t, callTimeout, "exec", "--control", "off", "--", "true"); code != 2 || !strings.Contains(out, "control.listen") {
		t.Errorf("%d %q", code, out)
	}
	p := testkit.Start(t, testkit.Dir(t), nil, testkit.Binary(t), "exec", "--http", ":9", "--", "sh", "-c",
		`trap 'echo got it; exit 9' TERM; echo "pid $$"; while :; do sleep 0.05; done`)
	p.AwaitOutput(t, "pid "+strconv.Itoa(p.PID()))
	p.Signal(t, syscall.SIGTERM)
	if code := p.Wait(t, callTimeout); code != 9 || !strings.Contains(p.Output(), "got it") {
		t.Errorf("%d %s", code, p.Output())
	}
	ignored := exec.Command("sh", "-c", `trap '' HUP; exec "$0" exec --http :9 -- sh -c 'kill -HUP $$; echo alive'`, testkit.Binary(t))
	if out, err := ignored.CombinedOutput(); err != nil || string(out) != "alive\n" {
		t.Errorf("under nohup: %v %s", err, out)
	}
}

// counting calls penknife all the time and says what changes.
const counting = `
import time
from penknife import NotRunning, cache, metrics
calls = metrics.Counter("outside_calls_total", "Calls.")
busy = metrics.Gauge("outside_busy", "Busy.", mode="livesum")
last = None
while True:
    try:
        cache.incr("n", initial=1)
        now = "up %s." % (cache.get("name") or b"?").decode()
    except NotRunning as error:
        now = "down: %s." % error
    calls.inc()
    busy.set(3)
    if now != last:
        print(now, flush=True)
    last = now
    time.sleep(.005)
`

// TestExec_ServerComesAndGoes: without a server importing works and calls say what is wrong; the next call after a restart
// reaches the new server, and what is counted counts there.
func TestExec_ServerComesAndGoes(t *testing.T) {
	socket := filepath.Join(testkit.Dir(t), "control.sock")
	p := testkit.Start(t, testkit.Dir(t), nil, testkit.Binary(t), "exec", "--control", "unix:"+socket, "--", testkit.DefaultPython(t), "-c", counting)
	p.AwaitOutput(t, "down: no penknife answers on "+socket+": start it, or")
	begin := func(name string) (*testkit.Server, func() string) {
		s, page := withMetrics(t, testkit.Options{Flags: []string{"--control", "unix:" + socket}})
		expectPython(t, s, "from penknife import cache, metrics\n"+
			"for i in range(20): metrics.Counter('other_%d' % i, 'Other numbers.')\n"+outcome("cache.set('name', b'"+name+"')"), "None")
		p.AwaitOutput(t, "up "+name+".")
		testkit.Eventually(t, callTimeout, func() error {
			if got := page(); !strings.Contains(got, "\noutside_busy 3\n") || !strings.Contains(got, "\noutside_calls_total ") {
				return fmt.Errorf("%s", got)
			}
			return nil
		})
		return s, page
	}
	one, _ := begin("one")
	if code := one.Terminate(t, callTimeout); code != 0 {
		t.Fatal(code)
	}
	testkit.Eventually(t, callTimeout, func() error {
		if out := p.Output(); strings.LastIndex(out, "down: no penknife answers") < strings.LastIndex(out, "up one.") {
			return fmt.Errorf("%s", out)
		}
		return nil
	})
	_, page := begin("two")
	p.Signal(t, syscall.SIGKILL)
	testkit.Eventually(t, callTimeout, func() error { // what it had for itself went with it
		if got := page(); !strings.Contains(got, "\noutside_busy 0\n") && strings.Contains(got, "\noutside_busy ") {
			return fmt.Errorf("%s", got)
		}
		return nil
	})
}

// TestExec_Upgrade: a successor takes over without an error for who calls, and calls reach it also while the old process
// has something to finish.
func TestExec_Upgrade(t *testing.T) {
	gate := testkit.NewGate(t)
	v := serveUpgradable(t, testkit.Options{Env: []string{"GATE=" + gate.Path}})
	p := testkit.Start(t, testkit.Dir(t), nil, testkit.Binary(t), "exec", "--uwsgi", "unix:"+v.Uwsgi, "--", testkit.DefaultPython(t), "-c", counting)
	p.AwaitOutput(t, "up ?.")
	held, err := testkit.HTTPClient(v.HTTP).Send(testkit.Call{Target: "/gate"})
	if err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, callTimeout, func() error {
		if v.status(t).Current.InFlight == 0 {
			return fmt.Errorf("nobody is at the gate")
		}
		return nil
	})
	v.upgrade(t)
	outside(t, v.Server, "from penknife import cache; cache.set('name', b'successor'); cache.delete('n')")
	p.AwaitOutput(t, "up successor.")
	testkit.Eventually(t, callTimeout, func() error {
		if got := outside(t, v.Server, "from penknife import cache; print(cache.get('n'))"); got == "None" {
			return fmt.Errorf("nobody counts")
		}
		return nil
	})
	if strings.Contains(p.Output(), "down") || v.Exited() {
		t.Error(v.Exited(), p.Output())
	}
	gate.Pass(t, 1)
	if answer, err := held.Receive(); err != nil || answer.Status != 200 {
		t.Errorf("the request that the old process had: %+v %v", answer, err)
	}
}

// TestExec_WrongUser: the kernel's word about who asks decides, for sockets with and without a file.
func TestExec_WrongUser(t *testing.T) {
	uid, gid := servant(t)
	binary := filepath.Join(testkit.Dir(t), "penknife")
	install(t, testkit.Binary(t), binary)
	call := func(control string, temporary string) (string, error) {
		command := exec.Command(binary, "exec", "--control", "unix:"+control, "--", "/usr/bin/python3", "-c",
			"from penknife import cache\ncache.set('who', b'nobody')\nprint('done')")
		command.Dir, command.Env = "/", []string{"PATH=/usr/bin:/bin", "TMPDIR=" + temporary}
		command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
		out, err := command.CombinedOutput()
		return string(out), err
	}
	abstract := "@" + filepath.Base(testkit.Dir(t))
	for control, want := range map[string]string{
		"":       "only root and the user that penknife runs as may call it; this process is of uid " + strconv.Itoa(uid),
		abstract: "only root and the user that penknife runs as may use this socket",
	} {
		var flags []string
		if control != "" {
			flags = []string{"--control", "unix:" + control}
		}
		s := serve(t, "evaluator:application", testkit.Options{Flags: flags})
		if control == "" {
			control = s.Uwsgi + ".control"
		}
		out, err := call(control, "/tmp")
		if err == nil || !strings.Contains(out, "penknife.NotRunning: ") || !strings.Contains(out, want) && !strings.Contains(out, "belongs to another user") {
			t.Errorf("%s: %v %s", control, err, out)
		}
		expectPython(t, s, outcome("cache.get('who')"), "None")
	}
	h := serveHosted(t, uid, "process: {user: nobody}\n")
	if out, err := call(h.socket+".control", "/tmp"); err != nil || out != "done\n" {
		t.Errorf("the right user: %v %s", err, out)
	}
	if code, out := testkit.Run(t, callTimeout, "exec", "--control", "unix:"+h.socket+".control", "--", "/usr/bin/python3", "-c",
		"from penknife import cache; print(cache.get('who'))"); code != 0 || out != "b'nobody'\n" {
		t.Errorf("root: %d %s", code, out)
	}
	h.Signal(t, syscall.SIGTERM)
	h.Wait(t, callTimeout)
	// A directory that others could exchange is none for code.
	open := filepath.Join(testkit.Dir(t), "open")
	if err := os.Mkdir(open, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	if out, err := call(abstract, open); err == nil || !strings.Contains(out, "which others can change") {
		t.Errorf("%v %s", err, out)
	}
}

// TestExec_TwoServers: the flags decide who is called.
func TestExec_TwoServers(t *testing.T) {
	var servers [2]*testkit.Server
	for i := range servers {
		servers[i] = serve(t, "evaluator:application", testkit.Options{})
		expectPython(t, servers[i], outcome(fmt.Sprintf("cache.set('me', b'%d')", i)), "None")
	}
	var group sync.WaitGroup
	for i, s := range servers {
		group.Go(func() {
			if got := outside(t, s, "from penknife import cache; print(cache.get('me'))"); got != fmt.Sprintf("b'%d'", i) {
				t.Errorf("server %d: %s", i, got)
			}
		})
	}
	group.Wait()
}

// TestExec_Metrics: what is counted outside adds to what the workers count.
func TestExec_Metrics(t *testing.T) {
	s, page := withMetrics(t, testkit.Options{Python: testkit.Virtualenv(t)})
	const define = `
from penknife import metrics
orders = metrics.Counter("shop_orders", "Orders.", ["country"])
stock = metrics.Gauge("shop_stock", "In stock.")
took = metrics.Histogram("shop_took", "Time.", buckets=[.1, 1])
size = metrics.Summary("shop_size_bytes", "Size.")
`
	const use = define + "orders.labels('ch').inc(2)\nstock.inc(5)\ntook.observe(.5)\nsize.observe(8)\n"
	_, _ = python(t, s, use)
	if got := outside(t, s, use+"print(orders.labels('ch').get(), stock.get())\nstock.set(1)"); got != "4.0 10.0" {
		t.Errorf("outside sees %s", got)
	}
	if got := outside(t, s, define+"try:\n    orders.labels('x' * 5000).inc()\nexcept ValueError as e:\n    print(type(e))\n"+
		"try:\n    metrics.Counter('go_x', '')\nexcept ValueError as e:\n    print(e)"); !strings.Contains(got, "go_") {
		t.Errorf("what no metric can be: %s", got)
	}
	code, out := testkit.Run(t, callTimeout, "exec", "--uwsgi", "unix:"+s.Uwsgi, "--", testkit.Virtualenv(t), "-c",
		"from penknife import metrics\nmetrics.bridge()\nimport prometheus_client as p\nc = p.Counter('bridged', 'B.')\nc.inc(3)\n"+
			"h = p.Histogram('bridged_seconds', 'B.', buckets=[1])\nh.observe(.5)")
	if code != 0 || out != "" {
		t.Errorf("bridge: %d %s", code, out)
	}
	got := page()
	for _, want := range []string{
		`shop_orders_total{country="ch"} 4`, "shop_stock 1", `shop_took_bucket{le="1"} 2`, "shop_took_sum 1", "shop_size_bytes_sum 16",
		"shop_size_bytes_count 2", "bridged_total 3", `bridged_seconds_bucket{le="1"} 1`, "bridged_seconds_sum 0.5",
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("%s is missing in\n%s", want, got)
		}
	}
}

// TestExec_WithoutPenknife: counting raises nothing and says once why it does nothing, as in docs/python-metrics.md.
func TestExec_WithoutPenknife(t *testing.T) {
	code, out := testkit.Run(t, callTimeout, "exec", "--http", ":9", "--", testkit.DefaultPython(t), "-c",
		"from penknife import metrics\nc = metrics.Counter('c', 'C.')\nc.inc()\nmetrics.Gauge('g', 'G.').set(2)\nprint(c.get())")
	if code != 0 || !strings.Contains(out, "0.0") || strings.Count(out, "metrics are not counted in this process: no penknife answers on") != 1 {
		t.Errorf("%d %s", code, out)
	}
}

// TestSidecars_CallPenknife: daemons and jobs of the configuration can do so by themselves.
func TestSidecars_CallPenknife(t *testing.T) {
	dir := testkit.Dir(t)
	testkit.Write(t, dir, "jobs.py", "from penknife import cache, metrics\nRUNS = metrics.Counter('job_runs', 'Runs.')\n"+
		"def once():\n    RUNS.inc()\n    cache.incr('job', initial=1)\n")
	testkit.Write(t, dir, "queued.py", `
import signal, sys
from penknife import cache
def end(*_):
    print("last words", cache.get("daemon"), flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
cache.set("daemon", b"here")
while True: signal.pause()
`)
	s, page := withMetrics(t, testkit.Options{Chdir: apps(t), Env: []string{"PYTHONPATH=" + dir}, Config: `
daemons:
  - {name: queue, command: 'exec python3 -m queued'}
cron:
  - {name: called, schedule: "@every 1s", call: "jobs:once"}
`})
	testkit.Eventually(t, callTimeout, func() error {
		got, _ := python(t, s, outcome("sorted(cache.get_many(['daemon', 'job']))"))
		if got != "['daemon', 'job']" || !strings.Contains(page(), "job_runs_total ") {
			return fmt.Errorf("%s\n%s", got, s.Output())
		}
		return nil
	})
	if code := s.Terminate(t, callTimeout); code != 0 || !strings.Contains(s.Output(), `line="last words b'here'"`) {
		t.Errorf("%d: a daemon cannot call while it ends\n%s", code, s.Output())
	}
}
