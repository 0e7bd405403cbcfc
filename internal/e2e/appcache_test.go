package e2e

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// python runs a piece of Python in some worker and gives the repr of what it leaves in `answer`, and the worker's pid.
func python(t testing.TB, s *testkit.Server, source string) (answer string, pid int) {
	t.Helper()
	got := testkit.HTTPClient(s.HTTP).Do(t, testkit.Call{Method: "POST", Target: "/", Body: []byte(source)})
	if got.Status != 200 || got.Cut != nil {
		t.Fatalf("%s\n%d, cut: %v\n%s", source, got.Status, got.Cut, got.Body)
	}
	return string(got.Body), pidOf(t, got)
}

// expectPython fails unless the piece of Python answers so.
func expectPython(t testing.TB, s *testkit.Server, source, want string) {
	t.Helper()
	if got, _ := python(t, s, source); got != want {
		t.Errorf("%s\n%s, want %s", source, got, want)
	}
}

// outcome is Python that answers with the name and text of what an expression raises.
func outcome(expression string) string {
	return "from penknife import cache\ntry:\n    answer = " + expression + "\nexcept Exception as e:\n" +
		"    answer = type(e).__name__ + ': ' + str(e)\n"
}

// TestAppCache: what docs/python-cache.md promises of each function.
func TestAppCache(t *testing.T) {
	s := serve(t, "evaluator:application", testkit.Options{
		Processes: 2, Config: "app_cache: {max_value: 2MiB}\nadmin: {listen: '" + testkit.FreeAddress(t) + "'}\n",
	})
	for _, step := range []struct{ expression, want string }{
		{"cache.get('a')", "None"}, {"cache.get('a', b'other')", "b'other'"},
		{"cache.set('a', b'\\x00one\\xff')", "None"}, {"cache.get('a')", "b'\\x00one\\xff'"},
		{"cache.get(b'a')", "b'\\x00one\\xff'"},
		{"cache.set('empty', b'')", "None"}, {"cache.get('empty')", "b''"},
		{"cache.set('ü', bytearray(b'umlaut'))", "None"}, {"cache.get('ü')", "b'umlaut'"},
		{"cache.add('a', b'two')", "False"}, {"cache.add('b', b'two')", "True"}, {"cache.get('b')", "b'two'"},
		{"cache.set_many({'c': b'1', 'd': b'2'})", "None"},
		{"cache.get_many(['c', 'x', 'd'])", "{'c': b'1', 'd': b'2'}"}, {"cache.get_many([])", "{}"},
		{"cache.incr('c')", "2"}, {"cache.incr('c', 40)", "42"}, {"cache.decr('c', 50)", "-8"}, {"cache.get('c')", "b'-8'"},
		{"cache.incr('n')", "'MissingKey: appcalls: no such key'"},
		{"cache.incr('n', initial=7, expire=60)", "7"}, {"cache.incr('n', initial=7)", "8"},
		{"cache.incr('a')", "'NotANumber: appcalls: the value is not a decimal number of 64 bits, or the result would not be'"},
		{"cache.set('m', 2**63 - 1)", "None"},
		{"cache.incr('m')", "'NotANumber: appcalls: the value is not a decimal number of 64 bits, or the result would not be'"},
		{"cache.incr('m', 2**64)", "'ValueError: delta and initial are whole numbers of 64 bits'"},
		{"cache.touch('a', 100)", "True"}, {"cache.touch('x', 100)", "False"},
		{"cache.delete('a')", "True"}, {"cache.delete('a')", "False"}, {"cache.delete_many(['b', 'c', 'x'])", "2"},
		{"cache.set_many({'t1': b'', 't2': b''}, tags=['red'])", "None"}, {"cache.set('t3', b'', tags='blue')", "None"},
		{"cache.purge_tags('red', 'green')", "2"}, {"cache.get_many(['t1', 't2', 't3'])", "{'t3': b''}"},
		{"cache.set('', b'')", "'ValueError: a key has 1 to 4096 bytes, not 0'"},
		{"cache.set('k', 'text')", "'TypeError: a value is bytes, not str: encode it, or use penknife.django or penknife.cachelib'"},
		{"cache.set('k', b'', expire=0)", "'ValueError: expire is a number of seconds above 0, or None for no end; not 0'"},
		{"cache.set('k', b'', expire=float('inf'))", "None"},
		{"cache.set('big', b'x' * (2 << 20))",
			"'ValueTooLarge: 2097155 bytes of key and value; at most 2097152 are kept (cache.app_value)'"},
		{"cache.set('big', b'x' * (8 << 20))",
			"'ValueTooLarge: a call has 8388635 bytes; penknife takes 3145728 at once (cache.app_value, and 1 MiB)'"},
		{"cache.set('big', b'x' * 2097000)", "None"}, {"len(cache.get('big'))", "2097000"},
		{"cache.set_many({str(i): bytes(50000) for i in range(100)})", "None"},
		{"sum(map(len, cache.get_many(str(i) for i in range(100)).values()))", "5000000"},
		{"cache.delete_many(str(i) for i in range(100))", "100"},
		{"cache.purge_url('/x')", "'SwitchedOff: the response cache is switched off: cache.enabled is false'"},
		{"cache.clear()", "None"}, {"cache.get('big')", "None"},
	} {
		want := strings.ReplaceAll(step.want, "cache.app_value", "app_cache.max_value")
		expectPython(t, s, outcome(step.expression), want)
	}
}

// TestAppCache_Expiry waits for the clock.
func TestAppCache_Expiry(t *testing.T) {
	s := serve(t, "evaluator:application", testkit.Options{})
	expectPython(t, s, outcome("cache.set_many({'short': b'1', 'touched': b'2'}, expire=0.3)"), "None")
	expectPython(t, s, outcome("cache.touch('touched', 60)"), "True")
	testkit.Eventually(t, 5*time.Second, func() error {
		if got, _ := python(t, s, outcome("cache.get_many(['short', 'touched'])")); got != "{'touched': b'2'}" {
			return fmt.Errorf("%s", got)
		}
		return nil
	})
}

// TestAppCache_AllWorkersShareIt: what one process has written another one reads, also after all were replaced, and
// what the application did while it was imported counts too.
func TestAppCache_AllWorkersShareIt(t *testing.T) {
	dir := t.TempDir()
	testkit.Write(t, dir, "early.py", "from penknife import cache\ncache.set('import', b'yes')\nfrom evaluator import application\n")
	s := serve(t, "early:application", testkit.Options{Processes: 3, Chdir: dir, Env: []string{"PYTHONPATH=" + apps(t)}})
	expectPython(t, s, outcome("cache.get('import')"), "b'yes'")
	// Each holds its process until all three are there, which they tell each other through the cache.
	const meet = "import time\nfrom penknife import cache\ncache.incr('n', initial=1)\n" +
		"while int(cache.get('n')) < 3: time.sleep(.01)\nanswer = cache.get('n')\n"
	var group sync.WaitGroup
	pids, mu := map[int]bool{}, sync.Mutex{}
	for range 3 {
		group.Go(func() {
			got, pid := python(t, s, meet)
			mu.Lock()
			defer mu.Unlock()
			pids[pid] = true
			if got != "b'3'" {
				t.Errorf("%s from %d", got, pid)
			}
		})
	}
	group.Wait()
	if len(pids) != 3 {
		t.Errorf("%v processes answered", pids)
	}
	if code, output := testkit.Run(t, 30*time.Second, "reload", "--uwsgi", "unix:"+s.Uwsgi); code != 0 {
		t.Fatalf("penknife reload: %d\n%s", code, output)
	}
	if got, pid := python(t, s, outcome("cache.get('n') is not None")); got != "True" || pids[pid] {
		t.Errorf("after the reload: %s in %d of %v", got, pid, pids)
	}
}

// TestAppCache_ThreadsAndForks: each thread has a channel, which ends with it, and a forked child has one of its own.
func TestAppCache_ThreadsAndForks(t *testing.T) {
	s := serve(t, "evaluator:application", testkit.Options{})
	expectPython(t, s, `
import os, threading
from penknife import cache
def work():
    for _ in range(50):
        cache.incr("n", initial=1)
cache.set("n", 0)
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
children = []
for _ in range(4):
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    children.append(pid)
    work()
answer = [os.waitpid(pid, 0)[1] for pid in children], cache.get("n")
`, "([0, 0, 0, 0], b'800')")
	testkit.Eventually(t, 5*time.Second, func() error {
		if n := sockets(t, s.PID()); n > 40 {
			return fmt.Errorf("penknife has %d sockets", n)
		}
		return nil
	})
}

// sockets counts the sockets of a process.
func sockets(t testing.TB, pid int) (n int) {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if target, _ := os.Readlink(dir + "/" + e.Name()); strings.HasPrefix(target, "socket:") {
			n++
		}
	}
	return n
}

// TestAppCache_DeadWorkers: the channels of a worker go with it, also if a child that it has forked lives on in another
// group and holds their other ends.
func TestAppCache_DeadWorkers(t *testing.T) {
	s := serve(t, "evaluator:application", testkit.Options{Errors: aDeadWorker})
	before := sockets(t, s.PID())
	const forkAndDie = `
import os, signal, threading
from penknife import cache
def work(): cache.set("x", b""); started.release(); threading.Event().wait()
started = threading.Semaphore(0)
for _ in range(20): threading.Thread(target=work, daemon=True).start(); started.acquire()
os.kill(os.getpid(), signal.SIGKILL)
`
	for range 3 {
		_, _ = testkit.HTTPClient(s.HTTP).Try(testkit.Call{Method: "POST", Body: []byte(forkAndDie)})
		s.AwaitReady(t, 20*time.Second)
	}
	testkit.Eventually(t, 5*time.Second, func() error {
		if n := sockets(t, s.PID()); n > before+2 {
			return fmt.Errorf("%d sockets became %d", before, n)
		}
		return nil
	})
}

// TestAppCache_TooManyChannels: further threads get an exception that says why, and the log names the setting's limit.
func TestAppCache_TooManyChannels(t *testing.T) {
	s := serve(t, "evaluator:application", testkit.Options{Config: "app_cache: {channels: 3}\n"})
	expectPython(t, s, `
import threading
from penknife import cache
answers, gate, started = [], threading.Event(), threading.Semaphore(0)
def work():
    try:
        cache.get("x"); answers.append("ok")
    except Exception as e:
        answers.append(str(e))
    started.release(); gate.wait()
threads = [threading.Thread(target=work) for _ in range(5)]
for thread in threads: thread.start(); started.acquire()
gate.set()
for thread in threads: thread.join()
answer = sorted(set(answers)), answers.count("ok")
`, "(['ok', 'this process has too many threads that call penknife (app_cache.channels)'], 3)")
	if !strings.Contains(s.Output(), "too many channels") {
		t.Error("the log does not say it")
	}
}

// TestAppCache_FlaskCaching: the name in the configuration is enough.
func TestAppCache_FlaskCaching(t *testing.T) {
	s := serve(t, "evaluator:application", testkit.Options{Python: testkit.Virtualenv(t)})
	expectPython(t, s, `
from flask import Flask
from flask_caching import Cache
from penknife import cache as shared
app = Flask("x")
cache = Cache(app, config={"CACHE_TYPE": "penknife.flask_caching.PenknifeCache", "CACHE_KEY_PREFIX": "shop:"})
calls = []
@cache.memoize(60)
def double(n):
    calls.append(n)
    return 2 * n
with app.app_context():
    results = [double(4), double(4)]
    cache.set("plain", {"a": 1})
    found = cache.get("plain"), shared.get("shop:plain") is not None
    cache.clear()
    answer = results, calls, found, cache.get("plain")
`, "([8, 8], [4], ({'a': 1}, True), None)")
}

// TestAppCache_Off: without a cache the calls say what to set.
func TestAppCache_Off(t *testing.T) {
	s := serve(t, "evaluator:application", testkit.Options{Config: "app_cache: {size: 0}\n"})
	expectPython(t, s, outcome("cache.get('x')"), "\"SwitchedOff: the application's cache is switched off: app_cache.size is 0\"")
}

// TestAppCache_CopiesAreNeverStale: processes read and change the same keys through memory that they share. What one has
// written it reads, what it has read never goes back, and no value is torn, also while the little memory for copies is
// written over and over.
func TestAppCache_CopiesAreNeverStale(t *testing.T) {
	s := serve(t, "evaluator:application", testkit.Options{Processes: 3, Config: "app_cache: {copies: 1MiB}\n", Leaves: channels(3)})
	onEach(t, s, 3, `
import os, random, time
from penknife import cache
random.seed(os.getpid())
last, troubles, end = 0, [], time.monotonic() + 1.5
while time.monotonic() < end and not troubles:
    for _ in range(20):
        now = int(cache.get("n", b"0"))
        if now < last: troubles.append(f"{last} became {now}")
        last = now
    if random.random() < .3:
        mine = cache.incr("n", initial=1)
        now = int(cache.get("n"))
        if now < mine: troubles.append(f"{mine} was written, {now} read")
        last = now
    key, byte = f"k{random.randrange(300)}", random.randrange(256)
    if random.random() < .3:
        own = f"own-{os.getpid()}"
        cache.set_many({key: bytes([byte]) * random.randrange(9000), own: byte})
        if cache.get(own) != str(byte).encode(): troubles.append("own value is not read")
        if random.random() < .1:
            cache.delete(own)
            if cache.get(own) is not None: troubles.append("deleted value is read")
        if random.random() < .02:
            cache.set(own, b"1", tags=[own]); cache.get(own); cache.get(own); cache.purge_tags(own)
            if cache.get(own) is not None: troubles.append("purged value is read")
    value = cache.get(key, b"")
    if value and value.count(value[:1]) != len(value): troubles.append(f"torn: {value[:50]}")
cache.set(f"troubles-{os.getpid()}", repr(troubles).encode())
cache.incr("done", initial=1)
pids = cache.get("pids", b"") + b" %d" % os.getpid(); cache.set("pids", pids)
`)
	expectPython(t, s, outcome("[cache.get('troubles-' + p) for p in cache.get('pids').decode().split()], cache.get('done')")+
		"answer = set(answer[0]), answer[1]\n", "({b'[]'}, b'3')")
}

// TestAppCache_ReadsNeedNoCall: a value that was just read is read again without one, until it expires.
func TestAppCache_ReadsNeedNoCall(t *testing.T) {
	for copies, quick := range map[string]bool{"16MiB": true, "0": false} {
		s := serve(t, "evaluator:application", testkit.Options{Config: "app_cache: {copies: " + copies + "}\n"})
		expectPython(t, s, `
import time
from penknife import cache, calls
made = []
real = calls.ask
def counted(operation, *rest):
    made.append(operation)
    return real(operation, *rest)
calls.ask = counted
cache.set("k", b"v", expire=.3)
begin = time.monotonic()
values = {cache.get("k") for _ in range(1000)}
quick = len(made) < 20 or time.monotonic() - begin > .2
while cache.get("k"): pass
answer = values - {None}, quick, time.monotonic() - begin < 2
`, fmt.Sprintf("({b'v'}, %s, True)", map[bool]string{true: "True", false: "False"}[quick]))
	}
}

// TestAppCache_CopiesOnTwoMachines: copies that workers of one penknife read go when another one on the same Redis changes,
// deletes or purges the entry.
func TestAppCache_CopiesOnTwoMachines(t *testing.T) {
	redis := testkit.StartRedis(t)
	options := testkit.Options{Config: fmt.Sprintf("cache: {redis: '%s/2', redis_prefix: two}\n", redis.URL())}
	a, b := serve(t, "evaluator:application", options), serve(t, "evaluator:application", options)
	for _, s := range []*testkit.Server{a, b} {
		s.AwaitOutput(t, "redis is in use")
	}
	for _, change := range []struct{ expression, want string }{
		{"cache.set('k', b'two')", "b'two'"}, {"cache.delete('k')", "None"}, {"cache.purge_tags('red')", "None"},
	} {
		expectPython(t, a, outcome("cache.set('k', b'one', tags=['red'])"), "None")
		for range 3 { // the third is a copy
			expectPython(t, a, outcome("cache.get('k')"), "b'one'")
		}
		_, _ = python(t, b, outcome(change.expression))
		begin := time.Now()
		testkit.Eventually(t, 5*time.Second, func() error {
			if got, _ := python(t, a, outcome("cache.get('k')")); got != change.want {
				return fmt.Errorf("after %s: %s", change.expression, got)
			}
			return nil
		})
		if took := time.Since(begin); took > 500*time.Millisecond {
			t.Errorf("after %s the copy was read for another %v", change.expression, took)
		}
	}
}

// TestAppCache_EveryPython: calls, copies and metrics in the interpreters of the machine.
func TestAppCache_EveryPython(t *testing.T) {
	for _, interpreter := range testkit.Interpreters(t) {
		t.Run(interpreter.Version, func(t *testing.T) {
			s := serve(t, "evaluator:application", testkit.Options{Python: interpreter.Path, Threads: 2})
			expectPython(t, s, shopMetrics+`
from penknife import cache
cache.set_many({"a": b"1", "b": bytes(100000)}, expire=60, tags=["t"])
values = [cache.get("a") for _ in range(3)], len(cache.get("b")), cache.incr("a"), cache.get("a"), cache.purge_tags("t")
orders.labels("x").inc(2); took.labels("y").observe(.3); busy.set(4)
answer = values, cache.get("a"), orders.labels("x").get(), busy.get()
`, "(([b'1', b'1', b'1'], 100000, 2, b'2', 2), None, 2.0, 4.0)")
		})
	}
}
