package chaos

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// crowd is connections of clients who want nothing, or are in no hurry.
type crowd struct {
	mu    sync.Mutex
	conns []*testkit.Exchange
}

// join opens n connections by a client and says something on each; talk may be nil.
func (g *crowd) join(t *testing.T, c testkit.Client, n int, talk func(*testkit.Exchange) error) {
	t.Helper()
	for range n {
		exchange, err := c.Dial()
		if err == nil {
			_ = exchange.SetDeadline(time.Now().Add(2 * time.Minute))
			g.mu.Lock()
			g.conns = append(g.conns, exchange)
			g.mu.Unlock()
			if talk != nil {
				err = talk(exchange)
			}
		}
		if err != nil {
			t.Fatalf("connection %d: %v", len(g.conns), err)
		}
	}
}

func (g *crowd) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, exchange := range g.conns {
		_ = exchange.Close()
	}
	g.conns = nil
}

// ended waits until the server has ended every connection, and gives how many it told a status.
func (g *crowd) ended(t *testing.T, status int) (told int) {
	t.Helper()
	for _, exchange := range g.conns {
		answer, err := exchange.Receive()
		if isLate(err) {
			t.Fatal("a connection is still open")
		}
		if answer.Status == status {
			told++
		}
	}
	return told
}

// isLate tells whether an exchange has run into its deadline.
func isLate(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// typical is the median time of n requests on connections of their own.
func (a *arena) typical(t *testing.T, n int) time.Duration {
	t.Helper()
	var times []time.Duration
	for range n {
		began := time.Now()
		testkit.HTTPClient(a.HTTP).Get(t, "/")
		times = append(times, time.Since(began))
	}
	slices.SortFunc(times, cmp.Compare)
	return times[n/2]
}

// TestCrowds are scenarios 11, 12 and 13: slow heads, stalled bodies and idle connections beside normal clients, all at once.
// The others do not notice, no worker is held, memory is bounded for each connection, and each gets 408 or its end when its
// time is over.
func TestCrowds(t *testing.T) {
	idle, heads, bodies := rounds(300, 5000), rounds(200, 1000), rounds(50, 200)
	patience := span(3*time.Second, 20*time.Second)
	a := begin(t, setup{processes: 2, limits: fmt.Sprintf("  header_timeout: %v\n  body_timeout: %[1]v\n  idle_timeout: 2m\n", patience)})
	before, usual := testkit.RSS(t, a.PID()), a.typical(t, 51)
	threads := a.threads(t)
	a.inject(func() {})
	var resting, slow, stalled crowd
	defer func() { resting.leave(); slow.leave(); stalled.leave() }()
	get := []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	resting.join(t, testkit.HTTPClient(a.HTTP), idle, func(e *testkit.Exchange) error {
		if _, err := e.Write(get); err != nil {
			return err
		}
		answer, err := e.Receive()
		if err == nil && answer.Status != 200 {
			err = fmt.Errorf("status %d", answer.Status)
		}
		return err
	})
	slow.join(t, testkit.HTTPClient(a.HTTP), heads, func(e *testkit.Exchange) error { _, err := e.Write(get[:20]); return err })
	slow.join(t, testkit.UwsgiClient(a.UwsgiTCP), heads/4, func(e *testkit.Exchange) error { _, err := e.Write([]byte{0, 200, 0}); return err })
	for _, c := range a.Fronts() {
		part := c.Encode(testkit.Call{Method: "POST", Target: "/work?id=stalled&n=1&how=whole", Headers: []string{"Content-Length: 300000"}, Body: make([]byte, 100_000)})
		stalled.join(t, c, bodies, func(e *testkit.Exchange) error { _, err := e.Write(part); return err })
	}
	joined, status := time.Now(), a.status(t)
	crowded := testkit.RSS(t, a.PID())
	each := (crowded - before) / int64(idle+heads+heads/4+2*bodies)
	now := a.typical(t, 51)
	t.Logf("%d connections; %d KiB of memory for each; a request takes %v, %v before; %d requests in flight", status.Connections, each>>10, now, usual, status.Current.InFlight)
	if each > 64<<10 {
		t.Errorf("%d bytes for each connection", each)
	}
	if now > usual+10*time.Millisecond {
		t.Errorf("a request takes %v, and %v without the crowd", now, usual)
	}
	if more := a.threads(t) - threads; more > 16 { // the runtime makes some when calls into the kernel take long
		t.Errorf("%d threads more than without the crowd", more)
	}
	if told, of := slow.ended(t, 408), heads+heads/4; told != of {
		t.Errorf("%d of %d slow heads were told 408", told, of)
	}
	if told := stalled.ended(t, 408); told != 2*bodies {
		t.Errorf("%d of %d stalled bodies were told 408", told, 2*bodies)
	}
	if over := time.Since(joined); over > patience+4*time.Second {
		t.Errorf("the last one was told %v after it had come; the limits are %v", over, patience)
	}
	a.nobodyHad(t, "stalled")
	for _, exchange := range resting.conns { // they are as good as new
		if _, err := exchange.Write(get); err != nil {
			t.Fatal(err)
		}
	}
	for _, exchange := range resting.conns {
		if answer, err := exchange.Receive(); err != nil || answer.Status != 200 {
			t.Fatalf("an idle connection: %d, %v", answer.Status, err)
		}
	}
	resting.leave()
	a.end(t, criterion{slowest: 2 * time.Second})
}

// threads counts those of penknife's own process.
func (a *arena) threads(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", a.PID()))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// nobodyHad makes sure that no worker was given requests with a number.
func (a *arena) nobodyHad(t *testing.T, number string) {
	t.Helper()
	j, err := readJournal(a.journal)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(j.begun[number]); n > 0 {
		t.Errorf("workers were given %d requests whose bodies never came", n)
	}
}

// TestSlowReaders is scenario 15: who takes a large answer a kilobyte at a time is not cut while it takes something, holds
// no worker with a file, and bounded memory with a stream; in the end every byte is right.
func TestSlowReaders(t *testing.T) {
	t.Parallel() // it waits most of the time
	readers, size := rounds(8, 16), rounds(4, 50)<<20
	a := begin(t, setup{processes: 2, threads: 1 + readers, limits: fmt.Sprintf("  write_timeout: %v\n", span(3*time.Second, 8*time.Second))})
	before := testkit.RSS(t, a.PID())
	var group sync.WaitGroup
	done := make(chan struct{})
	a.inject(func() {
		for i := range readers {
			c := a.Fronts()[i%2]
			w := &work{number: a.number(), size: size, how: [...]string{"file", "stream", "whole"}[i%3]}
			exchange, err := c.Send(w.call())
			if err != nil {
				t.Fatal(err)
			}
			_ = exchange.SetDeadline(time.Now().Add(2 * time.Minute))
			group.Go(func() { // ended by done, or by the exchange's deadline
				defer func() { _ = exchange.Close() }()
				trickle(exchange, done)
				if outcome, detail := w.judge(exchange.Receive()); outcome != "200" {
					t.Errorf("%s %s: %s %s", c.Name, w.how, outcome, detail)
				}
			})
		}
	})
	a.answers(t, a.fault.Add(span(4*time.Second, 20*time.Second)), 5, time.Minute)
	grown := testkit.RSS(t, a.PID()) - before
	t.Logf("%d readers, %d MiB each: memory grew by %d MiB", readers, size>>20, grown>>20)
	if grown > 150<<20 {
		t.Errorf("memory grew by %d MiB", grown>>20)
	}
	close(done)
	group.Wait()
	a.end(t, criterion{slowest: 3 * time.Second})
}

// trickle takes a few kilobytes every tenth of a second, and then puts them back in front of what is still to be read.
func trickle(exchange *testkit.Exchange, done <-chan struct{}) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var taken bytes.Buffer
	for {
		select {
		case <-done:
			exchange.Reader = bufio.NewReader(io.MultiReader(&taken, exchange.Reader))
			return
		case <-tick.C:
			_, _ = io.CopyN(&taken, exchange.Reader, 4<<10)
		}
	}
}
