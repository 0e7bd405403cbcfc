package e2e

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// speaker asks over one of the front ends as a client of some address, by a peer whose word about that counts.
type speaker struct {
	testkit.Client
}

func speakers(s *testkit.Server) []speaker {
	return []speaker{{testkit.HTTPClient(s.HTTPUnix)}, {testkit.UwsgiClient(s.Uwsgi)}}
}

// as asks for a path in the name of an address. Over uwsgi the path is what nginx makes of the target: decoded.
func (p speaker) as(t *testing.T, address, target string) testkit.Answer {
	t.Helper()
	call := testkit.Call{Target: target}
	if p.Name == "http" {
		call.Headers = []string{"X-Forwarded-For: " + address}
	} else {
		call.Vars = []string{"REMOTE_ADDR=" + address}
	}
	return p.Do(t, call)
}

const (
	insider  = "10.0.0.1"
	outsider = "203.0.113.9"
)

// TestAccessStandsBeforeEverything: files, stored answers, files that the application names, and the application.
func TestAccessStandsBeforeEverything(t *testing.T) {
	root := staticTree(t)
	s := serve(t, "cacheable:application", testkit.Options{Config: "access:\n" +
		"  - {path: /files/docs, allow: [10.0.0.0/8]}\n" +
		"  - {path: /stored/, allow: [10.0.0.0/8]}\n" +
		"  - {path: /stored/open, deny: [192.0.2.1]}\n" +
		"static: [{url: /files/, root: " + root + "}]\ncache: {enabled: true}\n"})
	for _, p := range speakers(s) {
		for target, wants := range map[string][2]int{ // insider, outsider
			"/files/small.txt": {200, 200}, "/files/docs/index.html": {200, 403}, "/files/docs/": {200, 403}, "/files/docs": {301, 403},
			"/files//docs/index.html": {404, 403}, "/files/docs/missing": {404, 403}, "/x/../files/docs/index.html": {200, 403},
			"/stored/page": {200, 403}, "/stored/open": {200, 200}, "/stored": {200, 403}, "/storedx": {200, 200},
			"//stored/page": {200, 403}, "/./stored/page": {200, 403}, "/%2e/stored/page": {200, 403}, "/%73tored/page": {200, 403},
			"/x/%2e%2e/stored/page": {200, 403}, "/STORED/page": {200, 403}, "/stored%2fpage": {200, 403}, "/stored/..;/page": {200, 403},
			"/stored/open/../page": {200, 403}, "/stored;a=b/page": {200, 403}, "/%5Cstored/page": {200, 403},
		} {
			for range 2 { // the second time from the cache, for whom there is one
				expectStatus(t, p.as(t, insider, target), wants[0])
			}
			got := p.as(t, outsider, target)
			if expectStatus(t, got, wants[1]); t.Failed() {
				t.Fatalf("%s: %s", p.Name, target)
			}
			if got.Status == 403 && string(got.Body) != "403 Forbidden\n" {
				t.Errorf("%s: %q", target, got.Body)
			}
		}
		if first := p.as(t, insider, "/stored/hit"); string(p.as(t, insider, "/stored/hit").Body) != string(first.Body) {
			t.Error("the answer is not stored: the test above says nothing about hits")
		}
		expectStatus(t, p.as(t, "192.0.2.1", "/stored/open"), 403)
		expectStatus(t, p.as(t, "nonsense", "/storedx"), 200)
	}
	expectStatus(t, testkit.HTTPClient(s.HTTP).Do(t, testkit.Call{Target: "/stored/page", Headers: []string{"X-Forwarded-For: " + insider}}), 403)
	if text := s.Output(); !strings.Contains(text, `msg="request forbidden" reason=access path=/stored/`) {
		t.Errorf("the log says\n%s", text)
	}
}

// TestAccessAndNamedFiles: the client's path is judged, not the one of the file that the application names.
func TestAccessAndNamedFiles(t *testing.T) {
	root := staticTree(t)
	s := serve(t, "library:application", testkit.Options{Config: "access:\n  - {path: /protected, deny: [all]}\n" +
		"  - {path: /accel/secret, allow: [10.0.0.0/8]}\nsendfile: {roots: {/protected/: " + root + "}}\n"})
	for _, p := range speakers(s) {
		expectBody(t, p.as(t, outsider, "/accel/open?/protected/small.txt"), "0123456789")
		expectBody(t, p.as(t, insider, "/accel/secret?/protected/small.txt"), "0123456789")
		expectStatus(t, p.as(t, outsider, "/accel/secret?/protected/small.txt"), 403)
		expectStatus(t, p.as(t, insider, "/protected/small.txt"), 403)
	}
}

// TestAccessCountsTheWholePath: SCRIPT_NAME is a part of it, and nginx's way to split it (modifier1 30) changes nothing.
func TestAccessCountsTheWholePath(t *testing.T) {
	s := serve(t, "probe:application", testkit.Options{Config: "access: [{path: /app/admin, allow: [10.0.0.0/8]}]\n"})
	for name, params := range map[string]string{
		"split":    "uwsgi_param SCRIPT_NAME /app; uwsgi_param PATH_INFO /admin/x;",
		"together": "uwsgi_param PATH_INFO /app/admin/x;",
		"mounted":  "uwsgi_modifier1 30; uwsgi_param SCRIPT_NAME /app; uwsgi_param PATH_INFO /app/admin/x;",
		"odd":      "uwsgi_param SCRIPT_NAME /app/; uwsgi_param PATH_INFO /admin/x;",
	} {
		for address, want := range map[string]int{insider: 200, outsider: 403} {
			nginx := testkit.Nginx(t, "", strings.ReplaceAll(testkit.UwsgiParams, "uwsgi_param PATH_INFO $document_uri;", params)+
				"\n location / { uwsgi_param REMOTE_ADDR "+address+"; "+params+
				" uwsgi_param REQUEST_METHOD $request_method; uwsgi_param REQUEST_URI $request_uri; uwsgi_pass unix:"+s.Uwsgi+"; }")
			if got := nginx.Client().Do(t, testkit.Call{Target: "/"}); got.Status != want {
				t.Errorf("%s, %s: %d, want %d", name, address, got.Status, want)
			}
		}
	}
}

// TestClientRate: 429 with the time to wait for one client, over both front ends together, and no other notices.
func TestClientRate(t *testing.T) {
	w := serveWatched(t, "probe:application", "limits: {client_rate: 1, client_burst: 5}\n", testkit.Options{})
	refused := 0
	for range 10 {
		for _, p := range speakers(w.Server) {
			got := p.as(t, outsider, "/x")
			if got.Status == 429 {
				refused++
				if seconds, err := strconv.Atoi(got.Header.Get("Retry-After")); err != nil || seconds != 1 {
					t.Errorf("Retry-After %q", got.Header.Get("Retry-After"))
				}
			}
		}
	}
	if refused < 12 || refused > 15 { // of 20; some seconds may have passed
		t.Errorf("%d refused", refused)
	}
	for _, p := range speakers(w.Server) {
		for range 2 { // an IPv6 client is its /64
			expectStatus(t, p.as(t, "2001:db8::1", "/x"), 200)
		}
		expectStatus(t, p.as(t, "192.0.2.77", "/x"), 200)
	}
	text := w.scrape(t)
	for metric, least := range map[string]int{ // asking whether it is ready was counted too
		`penknife_request_errors_total{kind="too_many_requests"}`: refused, "penknife_clients_held": 3, "penknife_clients_forgotten_total": 0,
	} {
		_, rest, found := strings.Cut(text, "\n"+metric+" ")
		value, _, _ := strings.Cut(rest, "\n")
		if n, err := strconv.Atoi(value); !found || err != nil || n < least {
			t.Errorf("%s is %q, want %d at least", metric, value, least)
		}
	}
	if log := w.Output(); !strings.Contains(log, `msg="too many requests" reason=limits.client_rate client=203.0.113.9`) {
		t.Errorf("the log says\n%s", log)
	}
}

// TestClientConnections: one address has its number of connections, and a unix socket's peers are no address.
func TestClientConnections(t *testing.T) {
	w := serveWatched(t, "probe:application", "limits: {client_connections: 3}\n", testkit.Options{})
	client := testkit.HTTPClient(w.HTTP)
	var held []*testkit.Exchange
	testkit.Eventually(t, callTimeout, func() error { // those that waited for the start may not be gone yet
		exchange, err := client.Dial()
		if err != nil {
			return err
		}
		_, _ = exchange.Write([]byte("GET /x HTTP/1.1\r\nHost: a\r\n\r\n")) // a connection that stays
		answer, err := exchange.Receive()
		if err != nil || answer.Status != 200 {
			_ = exchange.Close()
			return errNotYet
		}
		if held = append(held, exchange); len(held) < 3 {
			return errNotYet
		}
		return nil
	})
	got := client.Do(t, testkit.Call{Target: "/x"})
	if got.Status != 429 || got.Header.Get("Retry-After") != "1" || !strings.Contains(string(got.Body), "too many connections from your address") {
		t.Errorf("%d %q", got.Status, got.Body)
	}
	for range 5 {
		expectStatus(t, testkit.HTTPClient(w.HTTPUnix).Do(t, testkit.Call{Target: "/x"}), 200)
	}
	if text := w.scrape(t); !strings.Contains(text, `penknife_connections_refused_total{front="http",reason="client_connections"} `) {
		t.Error("it is not counted")
	}
	for _, exchange := range held {
		_ = exchange.Close()
	}
	testkit.Eventually(t, callTimeout, func() error {
		if answer, err := client.Try(testkit.Call{Target: "/x"}); err != nil || answer.Status != 200 {
			return errNotYet
		}
		return nil
	})
}

// TestUwsgiOverTCPNeedsAllowFrom: a public listener does not start without it, and with it others are closed.
func TestUwsgiOverTCPNeedsAllowFrom(t *testing.T) {
	_, port, err := net.SplitHostPort(testkit.FreeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	code, output := testkit.Run(t, callTimeout, "serve", "probe:application", "--chdir", apps(t), "--uwsgi", "0.0.0.0:"+port)
	if code != 2 || !strings.Contains(output, "add allow_from with the addresses of the web servers") {
		t.Errorf("%d\n%s", code, output)
	}
	for allowed, served := range map[string]bool{"127.0.0.1": true, "192.0.2.1": false} {
		w := serveWatched(t, "probe:application", "uwsgi: [{listen: '0.0.0.0:"+port+"', allow_from: ["+allowed+"]}]\n", testkit.Options{NoUwsgi: true})
		answer, err := testkit.UwsgiClient("127.0.0.1:" + port).Try(testkit.Call{Target: "/x"})
		if served != (err == nil && answer.Status == 200) {
			t.Errorf("allow_from %s: %d, %v", allowed, answer.Status, err)
		}
		if text := w.scrape(t); !served && !strings.Contains(text, `penknife_connections_refused_total{front="uwsgi",reason="address"} 1`) {
			t.Error("it is not counted")
		}
		w.Signal(t, 15)
		w.Wait(t, callTimeout)
	}
}

// TestReloadClosesTheDoor: an address that misbehaves now is kept out without a restart, and let in again.
func TestReloadClosesTheDoor(t *testing.T) {
	dir := testkit.Dir(t)
	control := "unix:" + dir + "/control"
	lists := func(deny, rate string) string {
		return "control: {listen: '" + control + "'}\nlimits: {client_rate: " + rate + ", client_burst: 1}\n" + deny
	}
	s := serve(t, "probe:application", testkit.Options{Config: lists("", "0")})
	reload := func(config string) {
		t.Helper()
		testkit.Write(t, s.Dir, "penknife.yaml", config)
		if code, output := testkit.Run(t, callTimeout, "reload", "--control", control); code != 0 || strings.Contains(output, "restart") {
			t.Fatalf("%d\n%s", code, output)
		}
	}
	for _, p := range speakers(s) {
		expectStatus(t, p.as(t, outsider, "/x"), 200)
		reload(lists("access: [{path: /, deny: [203.0.113.0/24]}]\n", "0"))
		expectStatus(t, p.as(t, outsider, "/x"), 403)
		expectStatus(t, p.as(t, insider, "/x"), 200)
		reload(lists("", "1"))
		p.as(t, outsider, "/x")
		testkit.Eventually(t, callTimeout, func() error {
			if p.as(t, outsider, "/x").Status == 429 {
				return nil
			}
			return errNotYet
		})
		reload(lists("", "0"))
		expectStatus(t, p.as(t, outsider, "/x"), 200)
	}
}

// drip sends a byte now and then.
func drip(t *testing.T, exchange *testkit.Exchange, bytes string) {
	done := make(chan struct{})
	t.Cleanup(func() { <-done })
	go func() { // ends when the server closes, at the latest with the bytes
		defer close(done)
		for i := range len(bytes) {
			if _, err := exchange.Write([]byte{bytes[i]}); err != nil {
				return
			}
			<-time.After(50 * time.Millisecond)
		}
	}()
}

// TestSlowClients: every way to be slow ends at the limit that is named for it, over both front ends, while others are served.
func TestSlowClients(t *testing.T) {
	w := serveWatched(t, "streams:application", "limits: {header_timeout: 400ms, body_timeout: 400ms, body_min_rate: 1KiB, idle_timeout: 400ms, write_timeout: 400ms}\n",
		testkit.Options{Threads: 2})
	whole := strings.Repeat("x", 200)
	heads := map[string]string{"http": "GET /x HTTP/1.1\r\nHost: " + whole, "uwsgi": "\x00\x00\x02\x00\x04\x00" + whole}
	eachFront(t, w.Server, func(t *testing.T, c testkit.Client) {
		t.Run("head", func(t *testing.T) {
			exchange, err := c.Dial()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = exchange.Close() }()
			drip(t, exchange, heads[c.Name])
			if answer, err := exchange.Receive(); err != nil || answer.Status != 408 {
				t.Errorf("%d, %v", answer.Status, err)
			}
		})
		t.Run("body", func(t *testing.T) {
			exchange, err := c.Send(testkit.Call{Method: "POST", Target: "/x", Headers: []string{"Content-Length: 100000"}, Body: []byte("x")})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = exchange.Close() }()
			drip(t, exchange, whole) // never silent, and far below body_min_rate
			if answer, err := exchange.Receive(); err != nil || answer.Status != 408 {
				t.Errorf("%d, %v", answer.Status, err)
			}
		})
		t.Run("answer", func(t *testing.T) {
			exchange, err := c.Send(testkit.Call{Target: "/big?n=64"})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = exchange.Close() }()
			testkit.Eventually(t, callTimeout, func() error { // it reads nothing
				if strings.Contains(w.scrape(t), `penknife_protocol_errors_total{front="`+c.Name+`",reason="slow_reader"} 1`) {
					return nil
				}
				return errNotYet
			})
			if answer, err := exchange.Receive(); err == nil && answer.Cut == nil {
				t.Errorf("the answer came as a whole: %d bytes", len(answer.Body))
			}
		})
		t.Run("silence", func(t *testing.T) {
			exchange, err := c.Dial()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = exchange.Close() }()
			begin := time.Now()
			_, _ = exchange.ReceiveHead() // uwsgi says 408, HTTP closes
			if took := time.Since(begin); took > callTimeout/2 {
				t.Errorf("borne for %s", took)
			}
		})
		expectStatus(t, c.Do(t, testkit.Call{Target: "/x"}), 200)
	})
	text := w.scrape(t)
	for _, line := range []string{
		`penknife_protocol_errors_total{front="http",reason="slow_head"} 1`, `penknife_protocol_errors_total{front="http",reason="slow_body"} 1`,
		`penknife_protocol_errors_total{front="uwsgi",reason="slow_body"} 1`, `penknife_connections_idle_closed_total{front="http"} `,
	} {
		if !strings.Contains(text, line) {
			t.Errorf("no %s", line)
		}
	}
}
