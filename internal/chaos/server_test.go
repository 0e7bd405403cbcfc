package chaos

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// only fails the test for each outcome of the load that is not among those.
func (a *arena) only(t *testing.T, outcomes ...string) {
	t.Helper()
	count := a.load.ledger.outcomes()
	for _, outcome := range slices.Sorted(maps.Keys(count)) {
		if !slices.Contains(outcomes, outcome) {
			t.Errorf("%d requests: %s", count[outcome], outcome)
		}
	}
	for _, r := range a.load.ledger.failed() {
		if !slices.Contains(outcomes, r.outcome) {
			t.Errorf("request %s by %s, sent %v after the fault, took %v: %s: %s", r.number, r.way,
				r.sent.Sub(a.fault).Round(time.Microsecond), r.took.Round(time.Microsecond), r.outcome, r.detail)
		}
	}
	t.Logf("load: %s", summary(count))
}

// another starts a penknife with the arena's addresses.
func (a *arena) another(t *testing.T, arguments ...string) *testkit.Process {
	t.Helper()
	arguments = append([]string{"serve", "chaos:application", "--chdir", a.Options().Chdir, "--python", testkit.DefaultPython(t)}, arguments...)
	return testkit.Start(t, testkit.Dir(t), a.Options().Env, testkit.Binary(t), arguments...)
}

// TestServerKilled is scenario 21: kill -9 of penknife under load, with bodies in temporary files. Of its processes nobody
// is there 2 seconds later, no file is left, and another start has the same addresses at once.
func TestServerKilled(t *testing.T) {
	a := begin(t, setup{processes: 3, threads: 2})
	body := make([]byte, 300_000)
	for _, c := range a.Fronts() {
		exchange, err := c.Send(testkit.Call{Method: "POST", Headers: []string{"Content-Length: 400000"}, Body: body})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = exchange.Close() }()
	}
	spooled := a.Footprint(t).Unlinked
	below := a.Pythons()
	a.inject(func() { a.Signal(t, syscall.SIGKILL) })
	a.Wait(t, 5*time.Second)
	a.CheckNobodyLeft(t, below)
	gone := time.Since(a.fault)
	if gone > time.Second {
		t.Errorf("the last of its processes was gone after %v", gone)
	}
	if spooled < 2 {
		t.Errorf("%d bodies were in files", spooled)
	}
	if files, err := filesIn(a.TempDir()); err != nil || len(files) > 0 {
		t.Errorf("left in the temporary directory: %v, %v", files, err)
	}
	again := a.another(t, "--http", a.HTTP, "--http", "unix:"+a.HTTPUnix, "--uwsgi", "unix:"+a.Uwsgi, "--uwsgi", a.UwsgiTCP)
	a.answers(t, a.fault, 5, 30*time.Second)
	t.Logf("%d processes, %d open files without a name; gone after %v; answers by every way after %v", len(below), spooled, gone, time.Since(a.fault))
	a.halt()
	a.only(t, "200", "502", "503", outcomeClosed, outcomeCut, outcomeRefused)
	again.Signal(t, syscall.SIGTERM)
	if code := again.Wait(t, testkit.Grace); code != 0 {
		t.Errorf("exit code %d", code)
	}
	a.CheckSocketsGone(t)
}

// TestServerSuspended: penknife's own process is stopped for longer than its time limits, and continued. Nobody is blamed
// for that time: no request fails, no worker is replaced.
func TestServerSuspended(t *testing.T) {
	a := begin(t, setup{processes: 2, threads: 2, patience: 30 * time.Second,
		limits: "  header_timeout: 1s\n  body_timeout: 1s\n  write_timeout: 1s\n",
		config: "workers: {request_timeout: 1s, queue_timeout: 1s}\n"})
	pause := span(2*time.Second, 10*time.Second)
	a.inject(func() {
		a.Signal(t, syscall.SIGSTOP)
		<-time.After(pause)
		a.Signal(t, syscall.SIGCONT)
	})
	a.end(t, criterion{slowest: pause + 3*time.Second, moved: map[string]float64{starts: 0}})
}

// TestServerTerminated is scenario 22: SIGTERM under load and with requests in flight. The listeners and idle connections are
// closed before those are answered, which say that they are the last, later ones are refused and not broken, the exit code is 0,
// and nothing is left.
func TestServerTerminated(t *testing.T) {
	a := begin(t, setup{processes: 2, threads: 8})
	gate := testkit.NewGate(t)
	var held []*parked
	for i := range 6 {
		held = append(held, a.park(t, a.Fronts()[i%2], gate))
	}
	var idle crowd
	defer idle.leave()
	idle.join(t, testkit.HTTPClient(a.HTTP), 3, func(e *testkit.Exchange) error {
		_, err := e.Write([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
		if err == nil {
			_, err = e.Receive()
		}
		return err
	})
	below := a.Pythons()
	a.inject(func() { a.Signal(t, syscall.SIGTERM) })
	a.AwaitOutput(t, "draining")
	a.closedForNewcomers(t, &idle)
	gate.Pass(t, len(held))
	for i, p := range held {
		answer, err := p.Receive()
		if outcome, detail := p.work.judge(answer, err); outcome != "200" || i%2 == 0 && answer.Header.Get("Connection") != "close" {
			t.Errorf("in flight at SIGTERM: %s %s %v", outcome, detail, answer.Lines)
		}
	}
	if code := a.Wait(t, testkit.Grace); code != 0 {
		t.Errorf("exit code %d", code)
	}
	t.Logf("gone %v after SIGTERM", time.Since(a.fault))
	a.halt()
	a.only(t, "200", "502", outcomeRefused) // 502 is nginx's word for refused
	a.CheckNobodyLeft(t, below)
	a.CheckSocketsGone(t)
}

// closedForNewcomers waits until nobody is let in any more and who had nothing to ask is sent away, while requests are in flight.
func (a *arena) closedForNewcomers(t *testing.T, idle *crowd) {
	t.Helper()
	testkit.Eventually(t, 5*time.Second, func() error {
		for _, c := range append(a.Fronts(), testkit.HTTPClient(a.HTTPUnix), testkit.UwsgiClient(a.UwsgiTCP)) {
			if exchange, err := c.Dial(); err == nil {
				_ = exchange.Close()
				return errors.New("somebody still listens")
			}
		}
		return nil
	})
	for _, exchange := range idle.conns {
		_ = exchange.SetDeadline(time.Now().Add(5 * time.Second))
		if n, err := exchange.Reader.Read(make([]byte, 1)); n > 0 || isLate(err) {
			t.Errorf("an idle connection: %d bytes, %v", n, err)
		}
	}
	if a.Exited() {
		t.Error("it was gone before the requests were answered")
	}
}

// TestSecondSignal: who asks twice, or by SIGQUIT, is not asked to wait for requests: gone within two seconds, with exit code 0.
func TestSecondSignal(t *testing.T) {
	for _, signals := range [][]syscall.Signal{{syscall.SIGTERM, syscall.SIGTERM}, {syscall.SIGQUIT}}[:rounds(1, 2)] {
		a := begin(t, setup{processes: 2, threads: 2, config: "workers: {grace_period: 60s}\n"})
		gate := testkit.NewGate(t)
		a.park(t, a.Fronts()[0], gate)
		below := a.Pythons()
		for i, signal := range signals {
			if i > 0 {
				a.AwaitOutput(t, "draining")
			}
			a.inject(func() { a.Signal(t, signal) })
		}
		code := a.Wait(t, testkit.Grace)
		if took := time.Since(a.fault); code != 0 || took > 2*time.Second {
			t.Errorf("%v: exit code %d after %v", signals, code, took)
		}
		a.CheckNobodyLeft(t, below)
		a.CheckSocketsGone(t)
		a.halt()
		a.only(t, "200", "502", "503", outcomeClosed, outcomeCut, outcomeRefused)
	}
}

// TestSecondInstance: another start with any of the addresses is refused with a clear word, and the first one does not notice.
func TestSecondInstance(t *testing.T) {
	a := begin(t, setup{processes: 2})
	a.inject(func() {
		for _, flags := range [][]string{
			{"--http", a.HTTP}, {"--http", "unix:" + a.HTTPUnix}, {"--uwsgi", "unix:" + a.Uwsgi}, {"--uwsgi", a.UwsgiTCP},
			{"--http", testkit.FreeAddress(t), "--control", "unix:" + a.Uwsgi + ".control"},
		} {
			p := a.another(t, flags...)
			if code := p.Wait(t, 20*time.Second); code != 1 || !strings.Contains(p.Output(), "in use") && !strings.Contains(p.Output(), "answers on this socket") {
				t.Errorf("%v: exit code %d\n%s", flags, code, p.Output())
			}
		}
	})
	a.end(t, criterion{})
}

// TestQueueOverflows is scenario 17: ten times as many slow requests as there are places. Those that have one are answered,
// the others get 503 with Retry-After at once, who leaves while it waits is never served, and who waits for too long has 503.
func TestQueueOverflows(t *testing.T) {
	a := begin(t, setup{idle: true, processes: 2, config: "workers: {queue: 10, max_processes: 2, queue_timeout: 20s}\n"})
	gate := testkit.NewGate(t)
	held := []*parked{a.park(t, a.Fronts()[0], gate), a.park(t, a.Fronts()[1], gate)}
	var waiting []*parked
	refused, slowest := 0, []time.Duration{}
	a.inject(func() {
		for i := range 120 {
			p := &parked{work: &work{number: "q" + a.number(), how: "whole", size: 10}}
			began := time.Now()
			exchange, err := a.Fronts()[i%2].Send(p.work.call())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = exchange.Close() })
			p.Exchange = exchange
			if i < 10 {
				waiting = append(waiting, p)
				testkit.Eventually(t, 10*time.Second, func() error { return a.inFlight(t, 3+i) })
				continue
			}
			answer, err := p.Receive()
			if err != nil || answer.Status != 503 || answer.Header.Get("Retry-After") == "" {
				t.Fatalf("request %d: %d, %v", i, answer.Status, err)
			}
			refused++
			slowest = append(slowest, time.Since(began))
		}
	})
	slices.Sort(slowest)
	t.Logf("%d of 120 refused, half of them within %v, all within %v", refused, slowest[refused/2], slowest[refused-1])
	if slowest[refused/2] > 10*time.Millisecond {
		t.Errorf("half of the refusals took longer than %v", slowest[refused/2])
	}
	for _, p := range waiting[:5] {
		_ = p.Close()
	}
	testkit.Eventually(t, 5*time.Second, func() error { return a.inFlight(t, 7) })
	gate.Pass(t, 2)
	for _, p := range append(held, waiting[5:]...) {
		if outcome, detail := p.outcome(); outcome != "200" {
			t.Errorf("who waited: %s %s", outcome, detail)
		}
	}
	j, err := readJournal(a.journal)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range waiting[:5] {
		if len(j.begun[p.work.number]) > 0 {
			t.Errorf("request %s was served after its client had left", p.work.number)
		}
	}
	a.waitInVain(t)
	a.end(t, criterion{})
}

// waitInVain gives who waits a second, and lets nobody pass before that is over.
func (a *arena) waitInVain(t *testing.T) {
	t.Helper()
	path := filepath.Join(a.Dir, "penknife.yaml")
	config := strings.Replace(testkit.ReadFile(t, path), "queue_timeout: 20s", "queue_timeout: 1s", 1)
	testkit.Write(t, a.Dir, "penknife.yaml", config)
	if code, output := a.reload(t); code != 0 {
		t.Fatalf("the reload: %d %s", code, output)
	}
	gate := testkit.NewGate(t)
	held := []*parked{a.park(t, a.Fronts()[0], gate), a.park(t, a.Fronts()[1], gate)}
	var waiting []*parked
	began := time.Now()
	for i := range 6 {
		p := &parked{work: &work{number: "v" + a.number(), how: "whole", size: 10}}
		exchange, err := a.Fronts()[i%2].Send(p.work.call())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = exchange.Close() })
		p.Exchange = exchange
		waiting = append(waiting, p)
	}
	for _, p := range waiting {
		answer, err := p.Receive()
		if took := time.Since(began); err != nil || answer.Status != 503 || answer.Header.Get("Retry-After") == "" || took < 900*time.Millisecond || took > 3*time.Second {
			t.Errorf("who waited in vain: %d, %v after %v", answer.Status, err, took)
		}
		a.nobodyHad(t, p.work.number)
	}
	gate.Pass(t, len(held))
	for _, p := range held {
		if outcome, detail := p.outcome(); outcome != "200" {
			t.Errorf("who was there before: %s %s", outcome, detail)
		}
	}
}

// inFlight gives an error unless n requests wait or run.
func (a *arena) inFlight(t *testing.T, n int) error {
	if now := a.status(t).Current.InFlight; now != n {
		return fmt.Errorf("%d requests are in flight", now)
	}
	return nil
}

var errNotYet = errors.New("not yet")
