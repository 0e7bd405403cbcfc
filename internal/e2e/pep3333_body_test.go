package e2e

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"penknife/internal/testkit"
)

// bodyRules are 31 to 39: the iterable and Content-Length.
func bodyRules() []rule {
	return []rule{
		{31, "each_block_is_sent_before_the_next", checkBlocksAreSent},
		{32, "blocks_are_opaque", checkOpaqueBlocks},
		{33, "close_exactly_once", checkClose},
		{34, "no_other_attribute_of_the_iterable", checkAttributes},
		{35, "written_before_yielded", checkWriteOrder},
		{36, "empty_iterable_after_write", checkWriteOnly},
		{37, "not_more_than_content_length", checkTooLong},
		{38, "fewer_than_content_length_closes", checkTooShort},
		{39, "framing_without_content_length", checkFraming},
	}
}

// readUntil reads raw bytes from an exchange until they hold text; a hang ends at the exchange's deadline.
func readUntil(t testing.TB, exchange *testkit.Exchange, text string) string {
	t.Helper()
	var got []byte
	for !strings.Contains(string(got), text) {
		b, err := exchange.Reader.ReadByte()
		if err != nil {
			t.Fatalf("%v after %q, waiting for %q", err, got, text)
		}
		got = append(got, b)
	}
	return string(got)
}

func checkBlocksAreSent(t *testing.T, s *testkit.Server) {
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		for _, path := range []string{"/body/gated", "/body/write-gated"} {
			gate := testkit.NewGate(t)
			exchange, err := c.Send(testkit.Call{Target: target(path, "gate", gate.Path, "key", key(t))})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = exchange.Close() }()
			readUntil(t, exchange, "first") // while the application waits at the gate
			gate.Pass(t, 1)
			readUntil(t, exchange, "second")
		}
	})
}

func checkOpaqueBlocks(t *testing.T, s *testkit.Server) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	var want []byte
	for _, n := range []int{1, 2, 255, 256, 4095, 4096, 4097, 65535, 65536, 65537, 1 << 20} {
		want = append(want, slices.Repeat(all, n/256+1)[:n]...)
	}
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		if answer := c.Get(t, "/body/blocks"); digest(answer.Body) != digest(want) {
			t.Errorf("%d bytes, want %d, or others", len(answer.Body), len(want))
		}
	})
}

func checkClose(t *testing.T, s *testkit.Server) {
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		for name, call := range map[string]testkit.Call{
			"normal":       {Target: "/body/closing"},
			"length":       {Target: "/body/closing?length=1"},
			"head":         {Target: "/body/closing", Method: "HEAD"},
			"short":        {Target: "/body/too-short"},
			"raises":       {Target: "/start/raise-later"},
			"raises first": {Target: "/start/raise-first-next"},
			"no head":      {Target: "/start/none"},
			"close raises": {Target: "/body/close-raises"},
		} {
			name = key(t) + name
			call.Target += "?key=" + strings.NewReplacer("/", "%2F", " ", "+").Replace(name)
			if strings.Count(call.Target, "?") == 2 {
				call.Target = strings.Replace(call.Target, "?key", "&key", 1)
			}
			c.Do(t, call)
			awaitRecords(t, s, name, "close")
		}
	})
	eachFront(t, s, checkCloseWithoutClient(s))
}

// checkCloseWithoutClient leaves in the middle of an endless body.
func checkCloseWithoutClient(s *testkit.Server) func(*testing.T, testkit.Client) {
	return func(t *testing.T, c testkit.Client) {
		exchange, err := c.Send(testkit.Call{Target: target("/body/endless", "key", key(t))})
		if err != nil {
			t.Fatal(err)
		}
		readUntil(t, exchange, "xxxx")
		_ = exchange.Close()
		awaitRecords(t, s, key(t), "close")
	}
}

func checkAttributes(t *testing.T, s *testkit.Server) {
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		expectBody(t, c.Do(t, testkit.Call{Target: target("/body/watched", "key", key(t))}), "watched")
		for _, name := range records[string](t, s, key(t)) {
			if !slices.Contains([]string{"close", "__iter__", "__len__", "__class__"}, name) {
				t.Errorf("the server asks the iterable for %s", name)
			}
		}
		for n, want := range []string{"", "block", "blockblock"} {
			expectBody(t, c.Do(t, testkit.Call{Target: target("/body/sized", "n", strconv.Itoa(n))}), want)
		}
	})
}

func checkWriteOrder(t *testing.T, s *testkit.Server) {
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		expectBody(t, c.Do(t, testkit.Call{Target: "/body/write-then-yield"}), "abcde")
		expectBody(t, c.Do(t, testkit.Call{Target: "/body/write-in-iteration"}), "1234")
	})
}

func checkWriteOnly(t *testing.T, s *testkit.Server) {
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		expectBody(t, c.Do(t, testkit.Call{Target: "/body/write-only"}), "only written")
	})
}

func checkTooLong(t *testing.T, s *testkit.Server) {
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		for length, want := range map[string][]string{
			"5": {"12345", "close"}, "7": {"12345", "67890", "close"}, "0": {"12345", "close"},
		} {
			name := key(t) + length
			answer := c.Get(t, target("/body/too-long", "length", length, "key", name))
			if n, _ := strconv.Atoi(length); string(answer.Body) != "1234567890"[:n] {
				t.Errorf("Content-Length %s: %q", length, answer.Body)
			}
			got := awaitClose(t, s, name)
			// The server may look at one block more before it stops.
			if len(got) > len(want)+1 || slices.Contains(got, "never") {
				t.Errorf("Content-Length %s: iterated %q", length, got)
			}
		}
		expectBody(t, c.Do(t, testkit.Call{Target: target("/body/write-too-long", "key", key(t))}), "12345")
		awaitRecords(t, s, key(t), "raised")
	})
	// What is too much must not reach the next answer on the connection.
	first, second := twoOnOneConnection(t, s, "/body/too-long?length=5&key=none")
	expectBody(t, first, "12345")
	expectBody(t, second, "true")
}

// awaitClose waits for the record of close() and gives all records.
func awaitClose(t testing.TB, s *testkit.Server, name string) []string {
	t.Helper()
	var got []string
	testkit.Eventually(t, callTimeout, func() error {
		got = records[string](t, s, name)
		if !slices.Contains(got, "close") {
			return errNotYet
		}
		return nil
	})
	return got
}

// twoOnOneConnection asks for target and then for /start/json on one HTTP connection.
func twoOnOneConnection(t *testing.T, s *testkit.Server, target string) (first, second testkit.Answer) {
	t.Helper()
	keep := []string{"Connection: keep-alive"}
	exchange, err := testkit.HTTPClient(s.HTTP).Send(testkit.Call{Target: target, Headers: keep})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = exchange.Close() }()
	if first, err = exchange.Receive(); err != nil {
		t.Fatal(err)
	}
	if _, err = exchange.Write([]byte("GET /start/json HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if second, err = exchange.Receive(); err != nil {
		t.Fatal(err)
	}
	return first, second
}

func checkTooShort(t *testing.T, s *testkit.Server) {
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		for _, n := range []string{"0", "10", "99"} {
			answer := c.Do(t, testkit.Call{Target: "/body/too-short?key=none&n=" + n, Headers: []string{"Connection: keep-alive"}})
			if n == "0" && answer.Status == 500 {
				continue // nothing was sent yet: the server may still say so
			}
			if answer.Status != 200 || answer.Cut == nil {
				t.Errorf("%s of 100 bytes: %d, %d bytes, cut: %v", n, answer.Status, len(answer.Body), answer.Cut)
			}
		}
	})
	s.AwaitOutput(t, "ontent-")
}

func checkFraming(t *testing.T, s *testkit.Server) {
	http := testkit.HTTPClient(s.HTTP)
	expectBody(t, http.Get(t, "/body/generator"), "block 0\nblock 1\nblock 2\n")
	checkUnknownLength(t, http)
	old := http.Do(t, testkit.Call{Target: "/body/generator", Proto: "HTTP/1.0"})
	expectBody(t, old, "block 0\nblock 1\nblock 2\n")
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		for path, want := range map[string]string{"/body/list": "one block", "/body/sized?n=1": "block"} {
			answer := c.Get(t, path)
			if answer.Header.Get("Content-Length") != strconv.Itoa(len(want)) || string(answer.Body) != want {
				t.Errorf("%s: %v %q", path, answer.Lines, answer.Body)
			}
		}
		expectBody(t, c.Do(t, testkit.Call{Target: "/body/tuple"}), "two blocks")
		expectStatus(t, c.Do(t, testkit.Call{Target: "/body/none"}), 500)
		for range 2 {
			expectBody(t, c.Do(t, testkit.Call{Target: "/body/bytes"}), "one bytes object")
		}
	})
}

// checkUnknownLength: while the iterable still has to give its last block nobody knows the length.
func checkUnknownLength(t *testing.T, http testkit.Client) {
	for proto, coding := range map[string]string{"HTTP/1.1": "chunked", "HTTP/1.0": ""} {
		gate := testkit.NewGate(t)
		exchange, err := http.Send(testkit.Call{Proto: proto, Target: target("/body/gated", "gate", gate.Path, "key", "none")})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = exchange.Close() }()
		head, err := exchange.ReceiveHead()
		if err != nil || head.Header.Get("Transfer-Encoding") != coding || head.Header.Get("Content-Length") != "" {
			t.Errorf("%s: %v, %v", proto, head.Lines, err)
		}
		gate.Pass(t, 1)
	}
}
