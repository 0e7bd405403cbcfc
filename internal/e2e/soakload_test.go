package e2e

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// soakClients is how many clients there are at once; it bounds the connections that are open.
const soakClients = 24

// soakPlan is how often each kind of request comes in a hundred.
var soakPlan = map[string]int{
	"http": 24, "nginx": 14, "uwsgi": 14, "cached": 12, "static": 8, "kept": 6, "file": 4, "upload": 4, "large": 1,
	"stream": 4, "leave": 3, "reset": 1, "raise": 1, "cut": 1, "malformed": 1, "refused": 1, "missing": 1,
}

// soakLoad is clients that do everything that clients do, mistakes included, at a rate, and check every answer.
type soakLoad struct {
	stop    chan struct{}
	next    chan string
	clients sync.WaitGroup
	done    map[string]*atomic.Int64
	file    string // content of what /file and /static/file give
	number  atomic.Int64
}

// startSoakLoad begins; a rate of 0 is as fast as it goes.
func startSoakLoad(t *testing.T, s *testkit.Server, nginx *testkit.Front, rate int, file string) *soakLoad {
	t.Helper()
	l := &soakLoad{stop: make(chan struct{}), next: make(chan string), done: map[string]*atomic.Int64{}, file: file}
	total := 0
	for kind, n := range soakPlan {
		l.done[kind] = new(atomic.Int64)
		total += n
	}
	if total != 100 {
		t.Fatalf("the plan has %d of a hundred", total)
	}
	l.clients.Go(func() { l.pace(rate) }) // ended by stop, and then ends the clients
	for range soakClients {
		c := newSoakClient(s, nginx, l)
		l.clients.Go(func() { // ended by pace
			defer c.close()
			for kind := range l.next {
				if err := c.ask(kind); err != nil {
					t.Errorf("%s, after %d requests: %v", kind, l.number.Load(), err)
				}
				l.done[kind].Add(1)
			}
		})
	}
	return l
}

// pace hands out the kinds of the plan, well mixed, at the rate.
func (l *soakLoad) pace(rate int) {
	defer close(l.next)
	const step = 10 * time.Millisecond
	ticker := time.NewTicker(step)
	defer ticker.Stop()
	order, began, given := soakOrder(), time.Now(), 0
	for {
		for rate == 0 || float64(given) < time.Since(began).Seconds()*float64(rate) {
			select {
			case l.next <- order[given%len(order)]:
				given++
			case <-l.stop:
				return
			}
		}
		select {
		case <-ticker.C:
		case <-l.stop:
			return
		}
	}
}

// soakOrder spreads each kind evenly over the hundred.
func soakOrder() []string {
	var order []string
	owed := map[string]int{}
	for len(order) < 100 {
		best := ""
		for kind, n := range soakPlan {
			owed[kind] += n
			if best == "" || owed[kind] > owed[best] || owed[kind] == owed[best] && kind < best {
				best = kind
			}
		}
		owed[best] -= 100
		order = append(order, best)
	}
	return order
}

// finish ends the load and says what was done.
func (l *soakLoad) finish(t *testing.T) (total int64) {
	t.Helper()
	close(l.stop)
	l.clients.Wait()
	var text strings.Builder
	for _, kind := range soakOrder()[:] {
		if n := l.done[kind].Swap(0); n > 0 {
			total += n
			fmt.Fprintf(&text, " %s %d", kind, n)
		}
	}
	t.Logf("%d requests:%s", total, text.String())
	return total
}

// soakClient is one of them, with a connection to each that keeps connections.
type soakClient struct {
	load               *soakLoad
	http, uwsgi, front testkit.Client
	keptHTTP, keptPass keptConnection
	large, body        []byte
}

func newSoakClient(s *testkit.Server, nginx *testkit.Front, l *soakLoad) *soakClient {
	c := &soakClient{load: l, http: testkit.HTTPClient(s.HTTP), uwsgi: testkit.UwsgiClient(s.Uwsgi), front: nginx.Client(),
		large: pattern(2 << 20), body: pattern(90_000)}
	c.keptHTTP.client, c.keptPass.client = c.http, c.front
	return c
}

func (c *soakClient) close() {
	c.keptHTTP.close()
	c.keptPass.close()
}

// ask makes one request of a kind and checks its answer.
func (c *soakClient) ask(kind string) error {
	n := c.load.number.Add(1)
	id := fmt.Sprintf("%s-%d", kind, n)
	switch kind {
	case "http":
		return c.keptHTTP.expect("/?id="+id, id)
	case "nginx":
		return c.keptPass.expect("/?id="+id, id)
	case "uwsgi":
		return expectWhole(c.uwsgi, testkit.Call{Target: "/?id=" + id}, id)
	case "kept":
		id = fmt.Sprint(n % 400)
		return c.keptHTTP.expect("/kept?id="+id, id)
	case "cached":
		path := fmt.Sprintf("/cached/%d", n%700)
		return c.keptHTTP.expect(path, path+" "+strings.Repeat("x", 2000))
	case "static":
		return c.keptHTTP.expect("/static/file", c.load.file)
	case "file":
		return expectWhole(c.either(n), testkit.Call{Target: "/file"}, c.load.file)
	case "stream":
		return expectWhole(c.either(n), testkit.Call{Target: "/stream?id=" + id}, streamOf(id))
	case "upload":
		return c.upload(c.either(n), id, c.body)
	case "large":
		return c.upload(c.either(n), id, c.large)
	}
	return c.askBadly(kind, id, n)
}

// askBadly makes the requests that go wrong.
func (c *soakClient) askBadly(kind, id string, n int64) error {
	switch kind {
	case "leave", "reset":
		return c.leave(n, kind == "reset")
	case "raise":
		return c.keptHTTP.status("GET /raise HTTP/1.1\r\nHost: test\r\n\r\n", 500)
	case "missing":
		return c.keptHTTP.status("GET /static/nothing HTTP/1.1\r\nHost: test\r\n\r\n", 404)
	case "malformed":
		return c.keptHTTP.status("GET / HTTP/1.1\r\nHost : test\r\n\r\n", 400)
	case "refused":
		return c.keptHTTP.status("POST /upload HTTP/1.1\r\nHost: test\r\nContent-Length: 9999999\r\n\r\n", 413)
	case "cut":
		answer, err := c.http.Try(testkit.Call{Target: "/cut?id=" + id})
		if err != nil || answer.Cut == nil || string(answer.Body) != id {
			return fmt.Errorf("%d %q, cut: %v, %w", answer.Status, clip(answer.Body), answer.Cut, err)
		}
		return nil
	}
	return fmt.Errorf("no such kind: %s", kind)
}

// either alternates between the two fronts and nginx.
func (c *soakClient) either(n int64) testkit.Client {
	return [...]testkit.Client{c.http, c.uwsgi, c.front}[n%3]
}

func (c *soakClient) upload(client testkit.Client, id string, body []byte) error {
	return expectWhole(client, testkit.Call{Method: "POST", Target: "/upload?id=" + id, Body: body},
		fmt.Sprintf("%s %d %s", id, len(body), digest(body)))
}

// leave goes away in the middle of a request or of its answer.
func (c *soakClient) leave(n int64, reset bool) error {
	calls := [...]testkit.Call{
		{Target: "/stream?id=1"}, {Target: "/file"}, {Target: "/"},
		{Method: "POST", Target: "/upload", Headers: []string{"Content-Length: 1000"}, Body: []byte("part")},
	}
	which := n % int64(len(calls))
	exchange, err := c.either(n / 7).Send(calls[which])
	if err != nil {
		return err
	}
	if tcp, ok := exchange.Conn.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0)
	}
	if which < 2 && n%2 == 0 {
		_, _ = exchange.Reader.ReadByte()
	}
	return exchange.Close()
}

func streamOf(id string) string {
	var b strings.Builder
	for n := range 10 {
		fmt.Fprintf(&b, "%s %d\n", id, n)
	}
	return b.String()
}

// expectWhole makes a call on a connection of its own and compares the body.
func expectWhole(c testkit.Client, call testkit.Call, want string) error {
	answer, err := c.Try(call)
	return errors.Join(err, wholeAnswer(answer, 200, want))
}

func wholeAnswer(answer testkit.Answer, status int, want string) error {
	if answer.Status != status || answer.Cut != nil || string(answer.Body) != want {
		return fmt.Errorf("%d (cut: %v) of %d bytes %q, want %q", answer.Status, answer.Cut, len(answer.Body), clip(answer.Body),
			clip([]byte(want)))
	}
	return nil
}

// keptConnection is one connection that is used as long as the server keeps it.
type keptConnection struct {
	client   testkit.Client
	exchange *testkit.Exchange
}

// expect asks for a target and compares the body.
func (k *keptConnection) expect(target, want string) error {
	answer, err := k.ask("GET " + target + " HTTP/1.1\r\nHost: test\r\n\r\n")
	if err != nil {
		return err
	}
	return wholeAnswer(answer, 200, want)
}

// status makes a request that gets an error page or nothing that is worth comparing.
func (k *keptConnection) status(request string, want int) error {
	answer, err := k.ask(request)
	if err != nil || answer.Status != want || answer.Cut != nil {
		return fmt.Errorf("%d (cut: %v), want %d: %w", answer.Status, answer.Cut, want, err)
	}
	return nil
}

func (k *keptConnection) ask(request string) (testkit.Answer, error) {
	if k.exchange == nil {
		var err error
		if k.exchange, err = k.client.Dial(); err != nil {
			return testkit.Answer{}, err
		}
	}
	_ = k.exchange.SetDeadline(time.Now().Add(callTimeout))
	if _, err := k.exchange.Write([]byte(request)); err != nil {
		k.close()
		return testkit.Answer{}, err
	}
	answer, err := k.exchange.Receive()
	if err != nil || strings.EqualFold(answer.Header.Get("Connection"), "close") {
		k.close()
	}
	return answer, err
}

func (k *keptConnection) close() {
	if k.exchange != nil {
		_ = k.exchange.Close()
		k.exchange = nil
	}
}
