package e2e

import (
	"fmt"
	"strings"
	"testing"

	"penknife/internal/testkit"
)

// TestBodyLimit: 413, and the client reads it though it is still sending.
func TestBodyLimit(t *testing.T) {
	s := serve(t, "probe:application", testkit.Options{Config: "limits: {body: 10KiB}\n"})
	nginx := testkit.NginxPass(t, s.Uwsgi, "")
	unbuffered := testkit.NginxPass(t, s.Uwsgi, "uwsgi_request_buffering off;")
	for _, c := range append(s.Fronts(), nginx.Client(), unbuffered.Client()) {
		for _, size := range []int{10<<10 + 1, 1 << 20, 8 << 20} {
			expectStatus(t, c.Do(t, testkit.Call{Method: "POST", Target: "/up", Body: pattern(size)}), 413)
		}
		got := decode[probed](t, c.Do(t, testkit.Call{Method: "POST", Target: "/up", Body: pattern(10 << 10)}))
		if got.Size != 10<<10 {
			t.Errorf("%d bytes arrived", got.Size)
		}
	}
	chunked := "5000\r\n" + strings.Repeat("a", 0x5000) + "\r\n0\r\n\r\n"
	expectStatus(t, testkit.HTTPClient(s.HTTP).Do(t, testkit.Call{
		Method: "POST", Headers: []string{"Transfer-Encoding: chunked"}, Body: []byte(chunked)}), 413)
}

// TestExpectIsRefusedEarly: a body that is too large is not asked for.
func TestExpectIsRefusedEarly(t *testing.T) {
	s := serve(t, "probe:application", testkit.Options{Config: "limits: {body: 10KiB}\n"})
	exchange, err := testkit.HTTPClient(s.HTTP).Send(testkit.Call{
		Method: "POST", Headers: []string{"Expect: 100-continue", "Content-Length: 1000000"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = exchange.Close() }()
	answer, err := exchange.Receive()
	if err != nil || answer.Status != 413 {
		t.Errorf("%d, %v", answer.Status, err)
	}
}

// TestSlowBodiesTimeOut: 408 over both fronts, and no worker was taken.
func TestSlowBodiesTimeOut(t *testing.T) {
	s := serve(t, "probe:application", testkit.Options{Config: "limits: {body_timeout: 300ms}\n"})
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		exchange, err := c.Send(testkit.Call{Method: "POST", Headers: []string{"Content-Length: 1000"}, Body: []byte("part")})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = exchange.Close() }()
		answer, err := exchange.Receive()
		if err != nil || answer.Status != 408 {
			t.Errorf("%d, %v", answer.Status, err)
		}
	})
}

// TestCutBodies: a client that ends in the middle of its body does not make the application see a complete one.
func TestCutBodies(t *testing.T) {
	s := serve(t, "pep3333:application", testkit.Options{})
	before := len(records[string](t, s, "calls"))
	for _, c := range s.Fronts() {
		exchange, err := c.Send(testkit.Call{Method: "POST", Target: "/input/end", Headers: []string{"Content-Length: 1000"}, Body: []byte("part")})
		if err != nil {
			t.Fatal(err)
		}
		closeWrite(t, exchange)
		if answer, err := exchange.Receive(); err == nil && answer.Status < 400 {
			t.Errorf("%s: %d for half a body", c.Name, answer.Status)
		}
		_ = exchange.Close()
	}
	// The two calls for records are the only ones in between.
	if calls := len(records[string](t, s, "calls")) - before; calls != 1 {
		t.Errorf("the application was called %d times", calls-1)
	}
}

// closeWrite ends the client's direction of a connection.
func closeWrite(t testing.TB, exchange *testkit.Exchange) {
	t.Helper()
	half, ok := exchange.Conn.(interface{ CloseWrite() error })
	if !ok {
		t.Fatalf("a %T has no half to close", exchange.Conn)
	}
	if err := half.CloseWrite(); err != nil {
		t.Fatal(err)
	}
}

// TestHeaderLimits: 431 for too much, over both fronts; and 100 KiB of headers pass over HTTP when the limit permits,
// more than one uwsgi packet could carry.
func TestHeaderLimits(t *testing.T) {
	s := serve(t, "probe:application", testkit.Options{Config: "limits: {header_block: 8KiB}\n"})
	large := []string{"X-Large: " + strings.Repeat("a", 20<<10)}
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		expectStatus(t, c.Do(t, testkit.Call{Headers: large}), 431)
		expectStatus(t, c.Do(t, testkit.Call{Headers: []string{"X-Small: a"}}), 200)
	})
	wide := serve(t, "probe:application", testkit.Options{Config: "limits: {header_block: 256KiB, header_count: 200}\n"})
	var headers []string
	for i := range 100 {
		headers = append(headers, fmt.Sprintf("X-H%d: %s", i, strings.Repeat("b", 1024)))
	}
	got := decode[probed](t, testkit.HTTPClient(wide.HTTP).Do(t, testkit.Call{Headers: headers}))
	for i := range 100 {
		if len(got.text(t, fmt.Sprintf("HTTP_X_H%d", i))) != 1024 {
			t.Errorf("header %d is not whole", i)
		}
	}
}

// TestTrustedProxies: what a proxy says about its client counts only from those who are named, and on unix sockets.
func TestTrustedProxies(t *testing.T) {
	forwarded := []string{"X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https"}
	s := serve(t, "probe:application", testkit.Options{})
	for address, trusted := range map[string]bool{s.HTTP: false, s.HTTPUnix: true} {
		got := decode[probed](t, testkit.HTTPClient(address).Do(t, testkit.Call{Headers: forwarded}))
		scheme, remote := got.text(t, "wsgi.url_scheme"), fmt.Sprint(got.Environ["REMOTE_ADDR"])
		if (scheme == "https") != trusted || (remote == "203.0.113.9") != trusted {
			t.Errorf("trusted %v: scheme %s, REMOTE_ADDR %s", trusted, scheme, remote)
		}
	}
}
