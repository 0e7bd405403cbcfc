package chaos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"penknife/control"
	"penknife/internal/testkit"
)

// ways are how the load comes in: HTTP on kept connections and on one for each request, the uwsgi protocol on a unix socket
// and over TCP, and nginx before it.
func ways() []string { return []string{"http", "http-new", "uwsgi", "uwsgi-tcp", "nginx"} }

// setup says what a scenario starts. The zero setup is two workers with one thread each.
type setup struct {
	app                string // chaos:application when empty
	processes, threads int
	config             string        // further YAML; sections limits and admin are the arena's, see limits
	limits             string        // further keys of limits, one "key: value" for a line, indented by two
	patience           time.Duration // of a client of the load for one exchange; zero: 10 s
	holds              int           // up to so many milliseconds that the application takes for a request
	env                []string
	idle               bool   // no load: the scenario makes its requests itself
	starter            string // program that starts penknife with the arguments that it is given, instead of penknife
	binary             string // program that the test may replace, whose successors it stops itself; empty: the built one
}

// arena is a server under load.
type arena struct {
	*testkit.Server
	nginx   *testkit.Front
	admin   string // address of /metrics
	load    *load
	journal string // path
	before  testkit.Footprint
	series  map[string]float64 // at the beginning
	fault   time.Time          // when it was injected
	stopped sync.Once
}

const arenaLimits = `limits:
  body_memory: 64KiB
`

// begin starts a server, lets it answer once by every way, notes what it holds at rest, and starts the load. It returns when
// every way was answered a few times.
func begin(t *testing.T, s setup) *arena {
	t.Helper()
	a := &arena{admin: testkit.FreeAddress(t), journal: filepath.Join(testkit.Dir(t), "journal")}
	testkit.Write(t, filepath.Dir(a.journal), "journal", "")
	binary := cmp.Or(s.starter, s.binary)
	a.Server = testkit.Penknife(t, testkit.Options{
		Binary: binary, Successors: s.binary != "",
		App: cmp.Or(s.app, "chaos:application"), Chdir: filepath.Join(testkit.Root(t), "internal", "chaos", "apps"),
		Processes: max(s.processes, 2), Threads: max(s.threads, 1), Config: arenaLimits + s.limits + s.config,
		Errors: []string{testkit.AnyError}, Flags: []string{"--admin", a.admin}, Env: append(s.env, "PYTHONDONTWRITEBYTECODE=1", "JOURNAL="+a.journal),
	})
	a.nginx = testkit.NginxPass(t, a.Uwsgi, "    uwsgi_next_upstream off; uwsgi_read_timeout 60s;")
	a.load = &load{patience: s.patience, holds: s.holds}
	if a.load.patience == 0 {
		a.load.patience = 10 * time.Second
	}
	for _, way := range ways() {
		c := a.client(way, 0)
		c.ask(c.next())
		c.drop()
	}
	for _, r := range a.load.ledger.failed() {
		t.Fatalf("before any fault: %+v", r)
	}
	a.rest(t)
	a.series = a.scrape(t)
	t.Cleanup(a.halt)
	if !s.idle {
		a.start()
		a.answers(t, time.Time{}, 5, 20*time.Second)
	}
	return a
}

// rest waits until nothing is in flight, and takes the footprint.
func (a *arena) rest(t *testing.T) {
	t.Helper()
	testkit.Eventually(t, 5*time.Second, func() error {
		if a.before = a.Footprint(t); a.before.InFlight > 0 || a.before.Connections > 0 {
			return errors.New("requests are in flight")
		}
		return nil
	})
}

// client makes one that asks by a way; the seed makes what it asks for.
func (a *arena) client(way string, seed uint64) *client {
	c := &client{load: a.load, way: way, random: rand.New(rand.NewPCG(seed, 1))}
	switch way {
	case "http":
		c.to, c.keeps = testkit.HTTPClient(a.HTTP), true
	case "http-new":
		c.to = testkit.HTTPClient(a.HTTPUnix)
	case "uwsgi":
		c.to = testkit.UwsgiClient(a.Uwsgi)
	case "uwsgi-tcp":
		c.to = testkit.UwsgiClient(a.UwsgiTCP)
	default:
		c.to, c.keeps = a.nginx.Client(), true
	}
	return c
}

// start starts two clients for each way; halt stops them.
func (a *arena) start() {
	ctx, stop := context.WithCancel(context.Background())
	a.load.stop = stop
	for i := range 2 {
		for j, way := range ways() {
			c := a.client(way, uint64(10*i+j+1))
			a.load.clients.Go(func() { c.run(ctx) }) // ended by stop
		}
	}
}

// halt stops the load and waits for its last answers.
func (a *arena) halt() {
	a.stopped.Do(func() {
		if a.load.stop != nil {
			a.load.stop()
		}
	})
	a.load.clients.Wait()
}

// answers waits until every way, but those named, got n right answers to requests that were sent after a moment.
func (a *arena) answers(t *testing.T, since time.Time, n int, within time.Duration, but ...string) {
	t.Helper()
	testkit.Eventually(t, within, func() error {
		count := a.load.ledger.answered(since)
		for _, way := range ways() {
			if count[way] < n && !slices.Contains(but, way) {
				return fmt.Errorf("%d right answers by %s; of all: %s", count[way], way, summary(a.load.ledger.outcomes()))
			}
		}
		return nil
	})
}

// inject notes the moment and does what the scenario is about.
func (a *arena) inject(fault func()) {
	a.fault = time.Now()
	fault()
}

// workers gives those of the present generation that are ready.
func (a *arena) workers(t testing.TB) []control.Worker {
	t.Helper()
	var ready []control.Worker
	for _, w := range a.status(t).Current.Workers {
		if w.State == "ready" {
			ready = append(ready, w)
		}
	}
	return ready
}

func (a *arena) status(t testing.TB) control.Status {
	t.Helper()
	status, ok := a.Status()
	if !ok {
		t.Fatalf("the control socket does not answer\n%s", testkit.Tail(a.Output(), 4000))
	}
	return status
}

// awaitWorkers waits until n workers are ready and none of them is one of those, and gives how long it took.
func (a *arena) awaitWorkers(t testing.TB, n int, gone ...int) time.Duration {
	t.Helper()
	began := time.Now()
	testkit.Eventually(t, 30*time.Second, func() error {
		ready := a.workers(t)
		for _, w := range ready {
			for _, pid := range gone {
				if w.PID == pid {
					return fmt.Errorf("worker %d is still there", pid)
				}
			}
		}
		if len(ready) != n {
			return fmt.Errorf("%d workers are ready", len(ready))
		}
		return nil
	})
	return time.Since(began)
}

// number gives a request number that the load does not use.
func (a *arena) number() string { return strconv.FormatInt(a.load.numbers.Add(1), 10) }

// order sends a request that makes the application do something to itself; the caller closes the exchange.
func (a *arena) order(t testing.TB, c testkit.Client, fault string) *testkit.Exchange {
	t.Helper()
	exchange, err := c.Send(testkit.Call{Target: "/fault/" + fault + "id=" + a.number()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = exchange.Close() })
	return exchange
}

// parked is a request that the application holds until its gate lets it pass.
type parked struct {
	*testkit.Exchange
	work *work
	pid  int // of the worker that has it
}

// park sends a request and returns when a worker has it. Its size is that of an answer without a pattern.
func (a *arena) park(t testing.TB, c testkit.Client, gate *testkit.Gate) *parked {
	t.Helper()
	p := &parked{work: &work{number: a.number()}}
	exchange, err := c.Send(testkit.Call{Target: "/wait?id=" + p.work.number + "&gate=" + gate.Path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = exchange.Close() })
	p.Exchange = exchange
	testkit.Eventually(t, 10*time.Second, func() error {
		j, err := readJournal(a.journal)
		if err == nil && len(j.begun[p.work.number]) == 0 {
			err = errors.New("no worker has the request")
		}
		if err == nil {
			p.pid = j.begun[p.work.number][0]
		}
		return err
	})
	return p
}

// outcome waits for the answer and says what it was.
func (p *parked) outcome() (outcome, detail string) {
	answer, err := p.Receive()
	return p.work.judge(answer, err)
}

// exists tells whether a path is there.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// reload asks for a reload and gives what came of it.
func (a *arena) reload(t testing.TB) (code int, output string) {
	t.Helper()
	return testkit.Run(t, 30*time.Second, "reload", "--uwsgi", "unix:"+a.Uwsgi)
}
