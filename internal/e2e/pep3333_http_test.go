package e2e

import (
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// callTimeout bounds a wait for something that is under way.
const callTimeout = 10 * time.Second

var errNotYet = errors.New("not yet")

// httpRules are 40 to 46: HTTP, errors, threads.
func httpRules() []rule {
	return []rule{
		{40, "transfer_encoding_is_the_servers", checkNoChunks},
		{41, "expect_100_continue", checkContinue},
		{42, "chunked_input_is_decoded", checkChunkedInput},
		{43, "output_is_not_changed", checkPlayDumb},
		{44, "head_and_bodiless_status", checkHead},
		{45, "exceptions_are_logged_and_answered", checkExceptions},
		{46, "single_threaded_operation", checkSingleThread},
	}
}

func checkNoChunks(t *testing.T, s *testkit.Server) {
	for name, answer := range map[string]testkit.Answer{
		"HTTP/1.0": testkit.HTTPClient(s.HTTP).Do(t, testkit.Call{Target: "/body/generator", Proto: "HTTP/1.0"}),
		"HTTP/1.0 keep-alive": testkit.HTTPClient(s.HTTP).Do(t, testkit.Call{
			Target: "/body/generator", Proto: "HTTP/1.0", Headers: []string{"Connection: keep-alive"}}),
		"uwsgi":          testkit.UwsgiClient(s.Uwsgi).Do(t, testkit.Call{Target: "/body/generator"}),
		"uwsgi HTTP/1.0": testkit.UwsgiClient(s.Uwsgi).Do(t, testkit.Call{Target: "/body/generator", Proto: "HTTP/1.0"}),
	} {
		if answer.Header.Get("Transfer-Encoding") != "" {
			t.Errorf("%s: %v", name, answer.Lines)
		}
		expectBody(t, answer, "block 0\nblock 1\nblock 2\n")
	}
	expectRaised(t, s, "hop-Transfer-Encoding")
}

func checkContinue(t *testing.T, s *testkit.Server) {
	exchange, err := testkit.HTTPClient(s.HTTP).Send(testkit.Call{
		Method: "POST", Target: "/input/end", Headers: []string{"Expect: 100-Continue", "Content-Length: 5"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = exchange.Close() }()
	interim, err := exchange.ReceiveHead()
	if err != nil || interim.Status != 100 {
		t.Fatalf("no 100 Continue: %d, %v", interim.Status, err)
	}
	if _, err = exchange.Write([]byte("later")); err != nil {
		t.Fatal(err)
	}
	answer, err := exchange.Receive()
	if err != nil || decode[inputEnd](t, answer).Body != "later" {
		t.Errorf("%d %s, %v", answer.Status, answer.Body, err)
	}
	// HTTP/1.0 has no interim answers: the first one is the final one.
	old := testkit.HTTPClient(s.HTTP).Do(t, testkit.Call{
		Method: "POST", Target: "/input/end", Proto: "HTTP/1.0", Body: []byte("old"), Headers: []string{"Expect: 100-continue"}})
	if decode[inputEnd](t, old).Body != "old" {
		t.Errorf("HTTP/1.0: %d %s", old.Status, old.Body)
	}
	uwsgi := testkit.UwsgiClient(s.Uwsgi).Do(t, testkit.Call{
		Method: "POST", Target: "/input/end", Body: []byte("there"), Headers: []string{"Expect: 100-continue"}})
	if decode[inputEnd](t, uwsgi).Body != "there" {
		t.Errorf("uwsgi: %d %s", uwsgi.Status, uwsgi.Body)
	}
}

func checkChunkedInput(t *testing.T, s *testkit.Server) {
	chunked := testkit.Call{
		Method: "POST", Target: "/environ", Headers: []string{"Transfer-Encoding: chunked"},
		Body: []byte("4\r\nabcd\r\n6;ext=1\r\nefghij\r\n0\r\nX-Trailer: 1\r\n\r\n"),
	}
	c := testkit.HTTPClient(s.HTTP)
	environ := environOf(t, c, chunked)
	if _, there := environ["HTTP_TRANSFER_ENCODING"]; there || environ["CONTENT_LENGTH"] != "10" {
		t.Errorf("CONTENT_LENGTH %q, HTTP_TRANSFER_ENCODING there: %v", environ["CONTENT_LENGTH"], there)
	}
	if _, there := environ["HTTP_X_TRAILER"]; there {
		t.Error("a trailer became a header")
	}
	chunked.Target = "/input/end"
	if got := decode[inputEnd](t, c.Do(t, chunked)); got.Body != "abcdefghij" {
		t.Errorf("decoded %q", got.Body)
	}
}

func checkPlayDumb(t *testing.T, s *testkit.Server) {
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		answer := c.Do(t, testkit.Call{Target: "/start/headers"})
		if answer.Status != 299 || answer.Reason != "Very \xe9 Special (reason)" {
			t.Errorf("status line: %d %q", answer.Status, answer.Reason)
		}
		want := []string{"Set-Cookie: a=1; Path=/", "sEt-cOOkie: b=2", "X-Latin: caf\xe9", "X-Empty: ", "x-lower: kept",
			"X-Tab: a\tb", "Content-Encoding: odd", `ETag: "x"`, "Cache-Control: no-transform"}
		at := 0
		for _, line := range answer.Lines {
			if at < len(want) && strings.TrimSpace(line) == strings.TrimSpace(want[at]) {
				at++
			}
		}
		if at < len(want) {
			t.Errorf("%q is missing, changed or out of order in %q", want[at], answer.Lines)
		}
		if answer.Header.Get("Content-Type") != "" || string(answer.Body) != "body" {
			t.Errorf("added: %v, body %q", answer.Lines, answer.Body)
		}
	})
}

func checkHead(t *testing.T, s *testkit.Server) {
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		for path, length := range map[string]string{
			"/start/json": "4", "/body/closing?length=1&key=none": "9", "/body/list": "9",
		} {
			answer := c.Do(t, testkit.Call{Method: "HEAD", Target: path})
			if answer.Status != 200 || len(answer.Body) != 0 || answer.Header.Get("Content-Length") != length {
				t.Errorf("HEAD %s: %d %v %q", path, answer.Status, answer.Lines, answer.Body)
			}
		}
		for _, status := range []string{"204 No Content", "304 Not Modified"} {
			answer := c.Do(t, testkit.Call{Target: target("/start/status", "status", status, "key", key(t)+status)})
			if len(answer.Body) != 0 || answer.Header.Get("Transfer-Encoding") != "" || answer.Header.Get("X-Kept") != "yes" {
				t.Errorf("%s: %v %q", status, answer.Lines, answer.Body)
			}
			awaitRecords(t, s, key(t)+status, "close")
		}
	})
	for _, path := range []string{"/start/status?status=204+None&key=none", "/start/status?status=304+Same&key=none&length=1"} {
		first, second := twoOnOneConnection(t, s, path)
		if len(first.Body) != 0 {
			t.Errorf("%s: %q", path, first.Body)
		}
		expectBody(t, second, "true")
	}
}

func checkExceptions(t *testing.T, s *testkit.Server) {
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		for _, what := range []string{"value", "exit", "interrupt", "base", "generator"} {
			answer := c.Do(t, testkit.Call{Target: "/start/raise?what=" + what})
			expectStatus(t, answer, 500)
			if strings.Contains(string(answer.Body), "on-purpose") {
				t.Errorf("the client reads the exception: %q", answer.Body)
			}
			s.AwaitOutput(t, "raised-on-purpose-"+what)
		}
		s.AwaitOutput(t, "Traceback (most recent call last)")
		expectStatus(t, c.Do(t, testkit.Call{Target: "/start/raise-first-next?key=none"}), 500)
		answer := c.Do(t, testkit.Call{Target: "/start/raise-later?key=none&length=1"})
		if answer.Status != 200 || answer.Cut == nil {
			t.Errorf("raised after 100 of 200 bytes: %d, cut %v", answer.Status, answer.Cut)
		}
		s.AwaitOutput(t, "raised-in-the-body")
	})
	answer := testkit.HTTPClient(s.HTTP).Do(t, testkit.Call{Target: "/start/raise-later?key=none"})
	if answer.Status != 200 || !errors.Is(answer.Cut, io.ErrUnexpectedEOF) {
		t.Errorf("raised in a chunked body: %d, cut %v", answer.Status, answer.Cut)
	}
	expectBody(t, testkit.HTTPClient(s.HTTP).Do(t, testkit.Call{Target: "/body/close-raises?key=none"}), "body")
	s.AwaitOutput(t, "raised-in-close")
}

func checkSingleThread(t *testing.T, s *testkit.Server) {
	if most := together(t, s, "/concurrency", 8); slices.Max(most) != "1" {
		t.Errorf("one process with one thread ran %s calls at once", slices.Max(most))
	}
	threaded := serve(t, "pep3333:application", testkit.Options{Threads: 2})
	if got := together(t, threaded, "/barrier", 2); got[0] != `"met"` || got[1] != `"met"` {
		t.Errorf("two threads: %q", got)
	}
}

// together makes n calls at once, half over each front, and gives their bodies.
func together(t *testing.T, s *testkit.Server, target string, n int) []string {
	t.Helper()
	return atOnce(t, s.Fronts(), target, n)
}

// atOnce makes n calls at once, by the clients in turn, and gives their bodies.
func atOnce(t *testing.T, clients []testkit.Client, target string, n int) []string {
	t.Helper()
	bodies := make([]string, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			answer, err := clients[i%len(clients)].Try(testkit.Call{Target: target})
			if err != nil {
				t.Error(err)
			}
			bodies[i] = string(answer.Body)
		})
	}
	group.Wait()
	return bodies
}
