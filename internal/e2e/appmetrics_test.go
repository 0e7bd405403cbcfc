package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// withMetrics starts the evaluator with an admin listener, and gives what reads /metrics without penknife's own lines.
func withMetrics(t *testing.T, options testkit.Options) (*testkit.Server, func() string) {
	t.Helper()
	admin := testkit.FreeAddress(t)
	options.Config += "admin: {listen: '" + admin + "'}\n"
	s := serve(t, "evaluator:application", options)
	ours := regexp.MustCompile(`(?m)^(# (HELP|TYPE) )?(penknife|go|process|promhttp)_.*\n`)
	return s, func() string {
		text := string(testkit.HTTPClient(admin).Get(t, "/metrics").Body)
		return ours.ReplaceAllString(text, "")
	}
}

// onEach runs a piece of Python in each of n processes with one thread, at the same time, so that each gets one.
func onEach(t *testing.T, s *testkit.Server, n int, source string) {
	t.Helper()
	meet := fmt.Sprintf("import time\nfrom penknife import cache\ncache.incr('meet', initial=1)\n"+
		"while int(cache.get('meet')) %% %d: time.sleep(.01)\n", n)
	var group sync.WaitGroup
	for range n {
		group.Go(func() { _, _ = python(t, s, source+"\n"+meet) })
	}
	group.Wait()
}

const shopMetrics = `
from penknife import metrics
orders = metrics.Counter("shop_orders", "Orders.", ["country"])
plain = metrics.Counter("shop_plain_total", "Plain \\ and\nsimple.")
stock = metrics.Gauge("shop_stock", "In stock.")
busy = metrics.Gauge("shop_busy", "Busy.", mode="livesum")
each = metrics.Gauge("shop_each", "Each.", ["a"], mode="liveall")
took = metrics.Histogram("shop_took", "Time.", ["step"], unit="seconds", buckets=[.1, 1, float("inf")])
size = metrics.Summary("shop_size_bytes", "Size.")
`

func TestAppMetrics(t *testing.T) {
	s, shown := withMetrics(t, testkit.Options{Processes: 2})
	onEach(t, s, 2, shopMetrics+`
orders.labels("ch").inc(); orders.labels(country="l\"i\n").inc(2.5); plain.inc()
stock.inc(3); stock.dec()
busy.set(5); each.labels("x").set(7)
took.labels("pay").observe(.1); took.labels("pay").observe(.5); took.labels("pay").observe(3)
size.observe(10)
`)
	want := []string{
		"# HELP shop_orders_total Orders.", "# TYPE shop_orders_total counter",
		`shop_orders_total{country="ch"} 2`, `shop_orders_total{country="l\"i\n"} 5`,
		`# HELP shop_plain_total Plain \\ and\nsimple.`, "shop_plain_total 2", "shop_stock 4", "shop_busy 10",
		`shop_took_seconds_bucket{step="pay",le="0.1"} 2`, `shop_took_seconds_bucket{step="pay",le="1"} 4`,
		`shop_took_seconds_bucket{step="pay",le="+Inf"} 6`, `shop_took_seconds_count{step="pay"} 6`,
		`shop_took_seconds_sum{step="pay"} 7.2`, "shop_size_bytes_count 2", "shop_size_bytes_sum 20",
	}
	text := shown()
	for _, line := range want {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no line %q", line)
		}
	}
	if n := len(regexp.MustCompile(`(?m)^shop_each\{a="x",pid="\d+"\} 7$`).FindAllString(text, -1)); n != 2 {
		t.Errorf("shop_each of %d processes", n)
	}
	if t.Failed() {
		t.Log(text)
	}
	promtool(t, text, "check", "metrics")
	// What is counted survives the processes; what each has for itself goes with them.
	if code, output := testkit.Run(t, 30*time.Second, "reload", "--uwsgi", "unix:"+s.Uwsgi); code != 0 {
		t.Fatalf("penknife reload: %d\n%s", code, output)
	}
	_, _ = python(t, s, shopMetrics+`orders.labels("ch").inc()`)
	testkit.Eventually(t, 10*time.Second, func() error {
		text := shown()
		if !strings.Contains(text, "shop_busy 0\n") || strings.Contains(text, "shop_each{") {
			return fmt.Errorf("%s", text)
		}
		return nil
	})
	if text := shown(); !strings.Contains(text, "shop_orders_total{country=\"ch\"} 3\n") || !strings.Contains(text, "shop_stock 4\n") {
		t.Errorf("after a reload:\n%s", text)
	}
}

// TestAppMetrics_InUse: the small things that an application does with a metric, and what it gets for misuse.
func TestAppMetrics_InUse(t *testing.T) {
	s, shown := withMetrics(t, testkit.Options{})
	expectPython(t, s, shopMetrics+`
@plain.count_exceptions(KeyError)
@took.labels("deco").time()
def f(error):
    if error: raise error
for error in (None, KeyError("x"), ValueError("y")):
    try: f(error)
    except Exception: pass
with busy.track_inprogress():
    during = busy.get()
with stock.time(): pass
answer = plain.get(), during, busy.get(), 0 < stock.get() < 1, f.__name__, took.labels("deco") is took.labels(step="deco")
`, "(1.0, 1.0, 0.0, True, 'f', True)")
	if text := shown(); !strings.Contains(text, `shop_took_seconds_count{step="deco"} 3`) {
		t.Error(text)
	}
	for _, misuse := range []string{
		"plain.inc(-1)", "orders.inc()", "orders.labels()", "orders.labels('a', 'b')", "orders.labels(town='a')", "plain.labels('a')",
		"metrics.Counter('bad name', '')", "metrics.Counter('penknife_x', '')", "metrics.Counter('x', '', ['__x'])",
		"metrics.Counter('x', '', ['a', 'a'])", "metrics.Histogram('x', '', ['le'])", "metrics.Histogram('x', '', buckets=[2, 1])",
		"metrics.Gauge('shop_plain_total', 'Other.')", "metrics.Gauge('x', '', mode='some')", "orders.labels('x' * 2000).inc()",
	} {
		got, _ := python(t, s, "try:\n    "+misuse+"\n    answer = 'no exception'\nexcept Exception as e: answer = type(e)\n")
		if got != "<class 'ValueError'>" {
			t.Errorf("%s: %s", misuse, got)
		}
	}
}

// TestAppMetrics_Limits: over them nothing raises, what was there goes on, and log and /metrics tell.
func TestAppMetrics_Limits(t *testing.T) {
	s, shown := withMetrics(t, testkit.Options{Config: "app_metrics: {series: 5, metrics: 2}\n"})
	expectPython(t, s, `
from penknife import metrics
many = metrics.Counter("many_total", "Many.", ["n"])
for n in range(50): many.labels(n).inc()
for n in range(50): many.labels(n).inc()
second = metrics.Histogram("second", "No room for its buckets.")
second.observe(1)
third = metrics.Gauge("third", "One too many.")
third.set(3)
answer = len(many._children), third.get()
`, "(5, 0.0)")
	text := shown()
	if strings.Count(text, "many_total{") != 5 || !strings.Contains(text, `many_total{n="4"} 2`) || strings.Contains(text, "second") {
		t.Error(text)
	}
	if !strings.Contains(s.Output(), "setting=app_metrics.series") {
		t.Error("the log does not name the setting")
	}
}

// TestAppMetrics_ReloadWithOtherMetrics: new code describes a metric in another way.
func TestAppMetrics_ReloadWithOtherMetrics(t *testing.T) {
	dir := t.TempDir()
	admin := testkit.FreeAddress(t)
	code := func(definition string) {
		testkit.Write(t, dir, "shop.py", "from penknife import metrics\nm = "+definition+"\nm.labels('a').inc()\n"+
			"from evaluator import application\n")
	}
	code("metrics.Counter('things_total', 'Things.', ['a'])")
	s := serve(t, "shop:application", testkit.Options{
		Chdir: dir, Config: "admin: {listen: '" + admin + "'}\n", Env: []string{"PYTHONPATH=" + apps(t)},
	})
	for _, step := range [][2]string{
		{"metrics.Counter('things_total', 'Things.', ['a'])", `things_total{a="a"} 2`},
		{"metrics.Counter('things_total', 'Things.', ['b'])", `things_total{b="a"} 1`},
		{"metrics.Gauge('things_total', 'Things.', ['b'])", `things_total{b="a"} 1`},
	} {
		code(step[0])
		if code, output := testkit.Run(t, 30*time.Second, "reload", "--uwsgi", "unix:"+s.Uwsgi); code != 0 {
			t.Fatalf("penknife reload: %d\n%s", code, output)
		}
		if text := string(testkit.HTTPClient(admin).Get(t, "/metrics").Body); !strings.Contains(text, step[1]+"\n") {
			t.Errorf("after %s:\n%s", step[0], text)
		}
	}
}

// TestAppMetrics_Bridge: metrics of the real prometheus_client, on penknife's /metrics, from two processes.
func TestAppMetrics_Bridge(t *testing.T) {
	s, shown := withMetrics(t, testkit.Options{Processes: 2, Python: testkit.Virtualenv(t)})
	const client = `
import prometheus_client as p
old = p.Counter("early_total", "Before.", ["x"]); old.labels("1").inc()
from penknife import metrics
metrics.bridge(); metrics.bridge()
c = p.Counter("c", "Counter.", ["l"]); g = p.Gauge("g", "Gauge."); gs = p.Gauge("gs", "Sum.", multiprocess_mode="sum")
gm = p.Gauge("gm", "Recent.", multiprocess_mode="mostrecent")
h = p.Histogram("h_seconds", "Hist.", ["l"], buckets=[1, 2]); h0 = p.Histogram("h0_seconds", "Unused.")
sm = p.Summary("sm_bytes", "Summary.")
c.labels("a").inc(); c.labels("a").inc(2); g.set(4); gs.inc(5); gm.set(6); old.labels("1").inc()
h.labels("x").observe(.5); h.labels("x").observe(1.5); h.labels("x").observe(9); sm.observe(3)
with h.labels("x").time(): pass
`
	onEach(t, s, 2, client)
	text := shown()
	for _, line := range []string{
		`c_total{l="a"} 6`, "gs 10", "gm 6", `h_seconds_bucket{l="x",le="1"} 4`, `h_seconds_bucket{l="x",le="2"} 6`,
		`h_seconds_bucket{l="x",le="+Inf"} 8`, `h_seconds_count{l="x"} 8`, "h0_seconds_count 0", "sm_bytes_count 2", "sm_bytes_sum 6",
		`early_total{x="1"} 2`, "# TYPE c_total counter", "# TYPE h_seconds histogram", "# TYPE sm_bytes summary",
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no line %q", line)
		}
	}
	if n := len(regexp.MustCompile(`(?m)^g\{pid="\d+"\} 4$`).FindAllString(text, -1)); n != 2 {
		t.Errorf("g of %d processes", n)
	}
	if t.Failed() {
		t.Log(text)
	}
	// The application's own page shows the same sums.
	expectPython(t, s, "answer = [l for l in p.generate_latest().decode().splitlines() if l.startswith(('c_total', 'gs ', 'h_seconds_count'))]",
		`['c_total{l="a"} 6.0', 'gs 5.0', 'h_seconds_count{l="x"} 8.0']`)
}
