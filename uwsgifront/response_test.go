package uwsgifront

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"penknife/gateway"
	"penknife/internal/testkit"
)

func resetOnClose(t *testing.T, c *client) {
	t.Helper()
	if err := c.Conn.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
}

// everywhere runs a test over both networks and in all modes.
func everywhere(t *testing.T, test func(t *testing.T, listen string, m mode)) {
	for network, listen := range networks(t) {
		for name, m := range modes {
			t.Run(network+"/"+name, func(t *testing.T) { test(t, listen, m) })
		}
	}
}

func TestFraming(t *testing.T) {
	type c struct {
		method string
		resp   func() *gateway.Response
		head   string // without Date
		body   string
	}
	stream := func(status int, fields string, length int64, content string) func() *gateway.Response {
		return func() *gateway.Response {
			return &gateway.Response{Status: status, Fields: []byte(fields), Length: length,
				Body: &fakeBody{Reader: strings.NewReader(content)}}
		}
	}
	complete := func(status int, fields, content string) func() *gateway.Response {
		return func() *gateway.Response { return whole(status, fields, content) }
	}
	reason := func() *gateway.Response {
		r := whole(299, "", "x")
		r.Reason = []byte("Fine, really")
		return r
	}
	const closing = "Connection: close\r\n"
	cases := map[string]c{
		"length added":      {"GET", complete(200, "A: b\r\n", "hi"), "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 2\r\n" + closing, "hi"},
		"length of the app": {"GET", complete(200, "content-LENGTH: 2\r\n", "hi"), "HTTP/1.1 200 OK\r\ncontent-LENGTH: 2\r\n" + closing, "hi"},
		"reason":            {"GET", reason, "HTTP/1.1 299 Fine, really\r\nContent-Length: 1\r\n" + closing, "x"},
		"empty":             {"GET", complete(200, "", ""), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + closing, ""},
		"stream":            {"GET", stream(200, "", -1, "hi"), "HTTP/1.1 200 OK\r\n" + closing, "hi"},
		"empty stream":      {"GET", stream(200, "", -1, ""), "HTTP/1.1 200 OK\r\n" + closing, ""},
		"stream, length":    {"GET", stream(200, "", 2, "hi"), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + closing, "hi"},
		"head":              {"HEAD", complete(200, "", "hi"), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + closing, ""},
		"head, declared":    {"HEAD", complete(200, "Content-Length: 9\r\n", ""), "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n" + closing, ""},
		"head, stripped":    {"HEAD", complete(200, "", ""), "HTTP/1.1 200 OK\r\n" + closing, ""},
		"head, stream":      {"HEAD", stream(200, "", -1, "hi"), "HTTP/1.1 200 OK\r\n" + closing, ""},
		"204":               {"GET", complete(204, "", "hi"), "HTTP/1.1 204 No Content\r\n" + closing, ""},
		"204, declared": {"GET", complete(204, "A: b\r\nContent-Length: 2\r\nC: d\r\n", "hi"),
			"HTTP/1.1 204 No Content\r\nA: b\r\nC: d\r\n" + closing, ""},
		"304":            {"GET", stream(304, "Content-Length: 5\r\n", 5, "hello"), "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n" + closing, ""},
		"304, no length": {"GET", complete(304, "", "hi"), "HTTP/1.1 304 Not Modified\r\n" + closing, ""},
		"101":            {"GET", complete(101, "Upgrade: x\r\n", "hi"), "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n" + closing, ""},
	}
	everywhere(t, func(t *testing.T, listen string, m mode) {
		for name, c := range cases {
			resp := c.resp()
			f := start(t, listen, testLimits(), inMode(m, func(*gateway.Request) (*gateway.Response, error) { return resp, nil }))
			got := f.dial(t).send(packet("REQUEST_METHOD=" + c.method)).all()
			head, body, _ := strings.Cut(got, "\r\n\r\n")
			head, date := withoutDate(head + "\r\n")
			if head != c.head || body != c.body {
				t.Errorf("%s: %q %q", name, head, body)
			}
			if _, err := time.Parse("Mon, 02 Jan 2006 15:04:05 GMT", date); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			f.shutdown(t)
			if b := resp.Body.(*fakeBody); b.closed.Load() != 1 || b.err != nil {
				t.Errorf("%s: closed %d times, %v", name, b.closed.Load(), b.err)
			}
			if len(f.outcomes) != 1 || f.outcomes[0].Sent != int64(len(body)) || f.outcomes[0].Status != resp.Status || f.outcomes[0].Err != nil {
				t.Errorf("%s: %+v", name, f.outcomes)
			}
		}
	})
}

// withoutDate takes the one Date line out of a head.
func withoutDate(head string) (rest, date string) {
	var lines []string
	for line := range strings.Lines(head) {
		if value, found := strings.CutPrefix(line, "Date: "); found && date == "" {
			date = strings.TrimSpace(value)
			continue
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, ""), date
}

func TestDateOfTheApplication(t *testing.T) {
	f := start(t, ":0", testLimits(), inMode(modeLater, func(*gateway.Request) (*gateway.Response, error) {
		return whole(200, "date: whenever\r\n", ""), nil
	}))
	if got := f.dial(t).send(get()).all(); strings.Count(strings.ToLower(got), "date:") != 1 {
		t.Errorf("%q", got)
	}
}

// TestLargeAnswer: more than a socket takes at once, to a client that reads only when all of that is stuck.
func TestLargeAnswer(t *testing.T) {
	content := strings.Repeat("0123456789abcdef", 1<<20)
	everywhere(t, func(t *testing.T, listen string, m mode) {
		f := start(t, listen, testLimits(), inMode(m, func(*gateway.Request) (*gateway.Response, error) {
			return whole(200, "", content), nil
		}))
		resp, got := f.dial(t).send(get()).answer("GET")
		if resp.ContentLength != int64(len(content)) || got != content {
			t.Errorf("%d of %d bytes", len(got), len(content))
		}
		if outcome := f.outcome(t); outcome.Sent != int64(len(content)) || outcome.Err != nil {
			t.Errorf("%+v", outcome)
		}
	})
}

// TestStreamsAtOnce: each piece reaches the client before the next is made.
func TestStreamsAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, listen string, m mode) {
		pieces := make(chan string)
		f := start(t, listen, testLimits(), inMode(m, func(*gateway.Request) (*gateway.Response, error) {
			return &gateway.Response{Status: 200, Length: -1, Body: &fakeBody{Reader: pieceReader(pieces)}}, nil
		}))
		peer := f.dial(t).send(get())
		for i, piece := range []string{"one", "two", "three"} {
			pieces <- piece
			if i == 0 {
				for line := ""; line != "\r\n"; {
					var err error
					if line, err = peer.r.ReadString('\n'); err != nil {
						t.Fatal(err)
					}
				}
			}
			got := make([]byte, len(piece))
			if _, err := io.ReadFull(peer.r, got); err != nil || string(got) != piece {
				t.Fatalf("%q, %v", got, err)
			}
		}
		close(pieces)
		if rest := peer.all(); rest != "" {
			t.Errorf("%q", rest)
		}
	})
}

// pieceReader gives one piece for each Read.
type pieceReader <-chan string

func (r pieceReader) Read(p []byte) (int, error) {
	piece, ok := <-r
	if !ok {
		return 0, io.EOF
	}
	return copy(p, piece), nil
}

func TestFile(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	everywhere(t, func(t *testing.T, listen string, m mode) {
		for _, c := range []struct {
			offset, length, short int64
		}{{0, int64(len(content)), 0}, {5, 100, 0}, {int64(len(content)) - 3, 3, 0}, {10, 0, 0}, {int64(len(content)) - 3, 10, 7}} {
			file, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			b := &fakeBody{}
			f := start(t, listen, testLimits(), inMode(m, func(*gateway.Request) (*gateway.Response, error) {
				return &gateway.Response{Status: 200, Length: c.length, File: file, Offset: c.offset, Body: b}, nil
			}))
			resp, got := f.dial(t).send(get()).answer("GET")
			if resp.ContentLength != c.length || got != string(content[c.offset:c.offset+c.length-c.short]) {
				t.Errorf("%+v: %d bytes", c, len(got))
			}
			if at, _ := file.Seek(0, io.SeekCurrent); at != 0 {
				t.Errorf("%+v: the file's position is %d", c, at)
			}
			f.shutdown(t)
			if (b.err != nil) != (c.short > 0) || b.closed.Load() != 1 {
				t.Errorf("%+v: closed with %v", c, b.err)
			}
			file.Close()
		}
	})
}

// TestFileWithoutSendfile: /proc does not support it everywhere; copying must give the same.
func TestFileWithoutSendfile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	a := pairServer(t, nil)
	peer, served := pair(t)
	c := a.srv.conns.acquire(a.srv)
	a.srv.open.Add(1)
	c.begin(served, true)
	if err := c.copyFile(&gateway.Response{Length: 6, Offset: 3, File: file}, 2); err != nil {
		t.Error(err)
	}
	c.finish()
	if got := readAll(t, peer); got != "5678" {
		t.Errorf("%q", got)
	}
}

// TestCut: the application fails in the middle of its answer. The peer must not take it for complete.
func TestCut(t *testing.T) {
	cause := gateway.Errorf(gateway.KindAppCut, "raised")
	everywhere(t, func(t *testing.T, listen string, m mode) {
		for _, length := range []int64{-1, 100} {
			b := &fakeBody{Reader: io.MultiReader(strings.NewReader("half"), failing{cause})}
			f := start(t, listen, testLimits(), inMode(m, func(*gateway.Request) (*gateway.Response, error) {
				return &gateway.Response{Status: 200, Length: length, Body: b}, nil
			}))
			got, err := io.ReadAll(f.dial(t).send(get()))
			switch {
			case length < 0 && strings.HasPrefix(listen, ":"):
				if !errors.Is(err, unix.ECONNRESET) {
					t.Errorf("without length over TCP: %q, %v", got, err)
				}
			case !strings.HasSuffix(string(got), "\r\n\r\nhalf") || err != nil:
				t.Errorf("length %d: %q, %v", length, got, err)
			}
			outcome := f.outcome(t)
			if outcome.Status != 200 || outcome.Sent != 4 || !errors.Is(outcome.Err, cause) || !errors.Is(b.err, cause) {
				t.Errorf("%+v, closed with %v", outcome, b.err)
			}
			f.shutdown(t)
		}
	})
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestCutBeforeTheFirstByte: nothing was sent, so the client can be told.
func TestCutBeforeTheFirstByte(t *testing.T) {
	everywhere(t, func(t *testing.T, listen string, m mode) {
		for kind, want := range map[gateway.Kind]int{gateway.KindWorkerDied: 502, gateway.KindAppCut: 0} {
			f := start(t, listen, testLimits(), inMode(m, func(*gateway.Request) (*gateway.Response, error) {
				return &gateway.Response{Status: 200, Length: -1, Body: &fakeBody{Reader: failing{gateway.Errorf(kind, "x")}}}, nil
			}))
			got := f.dial(t).send(get())
			if want == 0 {
				if text, _ := io.ReadAll(got); len(text) != 0 {
					t.Errorf("%v: %q", kind, text)
				}
			} else if resp, _ := got.answer("GET"); resp.StatusCode != want {
				t.Errorf("%v: %d", kind, resp.StatusCode)
			}
			if outcome := f.outcome(t); outcome.Status != want || gateway.KindOf(outcome.Err) != kind {
				t.Errorf("%v: %+v", kind, outcome)
			}
			f.shutdown(t)
		}
	})
}

func TestErrors(t *testing.T) {
	everywhere(t, func(t *testing.T, listen string, m mode) {
		for _, kind := range gateway.Kinds() {
			for _, method := range []string{"GET", "HEAD"} {
				f := start(t, listen, testLimits(), inMode(m, func(*gateway.Request) (*gateway.Response, error) {
					return nil, &gateway.Error{Kind: kind, Reason: "secret", RetryAfter: 1500 * time.Millisecond}
				}))
				peer := f.dial(t).send(packet("REQUEST_METHOD=" + method))
				if kind.Status() == 0 {
					if text := peer.all(); text != "" {
						t.Errorf("%v: %q", kind, text)
					}
				} else {
					resp, content := peer.answer(method)
					retry := resp.Header.Get("Retry-After")
					if resp.StatusCode != kind.Status() || strings.Contains(content, "secret") || (content == "") != (method == "HEAD") ||
						(retry == "2") != (kind.Status() == 503 || kind.Status() == 429) {
						t.Errorf("%v %s: %d %q %q", kind, method, resp.StatusCode, retry, content)
					}
				}
				if outcome := f.outcome(t); outcome.Status != kind.Status() || gateway.KindOf(outcome.Err) != kind {
					t.Errorf("%v: %+v", kind, outcome)
				}
				f.shutdown(t)
			}
		}
	})
}

func TestPanic(t *testing.T) {
	f := start(t, ":0", testLimits(), gateway.HandlerFunc(func(r *gateway.Request) (*gateway.Response, error) {
		if string(r.Query) == "panic" {
			panic("boom")
		}
		return whole(200, "", ""), nil
	}))
	resp, content := f.dial(t).send(get("QUERY_STRING=panic")).answer("GET")
	if resp.StatusCode != 500 || strings.Contains(content, "boom") || !strings.Contains(f.logs.String(), "boom") {
		t.Errorf("%d %q\n%s", resp.StatusCode, content, f.logs)
	}
	if resp, _ := f.dial(t).send(get()).answer("GET"); resp.StatusCode != 200 {
		t.Errorf("afterwards: %d", resp.StatusCode)
	}
}

// TestClientGoneDuringAnswer: closed before and while the answer is sent; the body learns why.
func TestClientGoneDuringAnswer(t *testing.T) {
	everywhere(t, func(t *testing.T, listen string, m mode) {
		for _, size := range []int{10, 64 << 20} {
			left := make(chan struct{})
			resp := whole(200, "", strings.Repeat("x", size))
			stream := &gateway.Response{Status: 200, Length: -1, Body: &fakeBody{Reader: strings.NewReader(string(resp.Whole))}}
			f := start(t, listen, testLimits(), inMode(modeLater, func(r *gateway.Request) (*gateway.Response, error) {
				<-left
				if m == modeEarly {
					return stream, nil
				}
				return resp, nil
			}))
			peer := f.dial(t).send(get())
			if tcp, ok := peer.Conn.(*net.TCPConn); ok {
				tcp.SetLinger(0)
			}
			peer.Close()
			close(left)
			if outcome := f.outcome(t); outcome.Err == nil || gateway.KindOf(outcome.Err) != gateway.KindClientGone {
				t.Errorf("%d bytes: %+v", size, outcome)
			}
			if strings.Contains(f.logs.String(), "WARN") {
				t.Error(f.logs)
			}
			f.shutdown(t)
			if n := resp.Body.(*fakeBody).closed.Load() + stream.Body.(*fakeBody).closed.Load(); n != 1 {
				t.Errorf("the body was closed %d times", n)
			}
		}
	})
}

// TestSlowReader: a client that takes nothing is given up after write_timeout.
func TestSlowReader(t *testing.T) {
	limits := testLimits()
	limits.WriteTime = 50 * time.Millisecond
	f := start(t, ":0", limits, inMode(modeLater, func(*gateway.Request) (*gateway.Response, error) {
		return whole(200, "", strings.Repeat("x", 64<<20)), nil
	}))
	f.dial(t).send(get())
	outcome := f.outcome(t)
	if gateway.KindOf(outcome.Err) != gateway.KindClientGone || !strings.Contains(fmt.Sprint(outcome.Err), "limits.write_timeout") {
		t.Errorf("%+v", outcome)
	}
	if !f.has("slow_reader") {
		t.Error("it was not counted")
	}
}

// TestReaderBelowTheRate: a client that takes something all the time, but less than limits.write_min_rate.
func TestReaderBelowTheRate(t *testing.T) {
	limits := testLimits()
	limits.WriteTime, limits.WriteMinRate = time.Second, 1<<20
	f := start(t, ":0", limits, inMode(modeLater, func(*gateway.Request) (*gateway.Response, error) {
		return whole(200, "", strings.Repeat("x", 64<<20)), nil
	}))
	peer := f.dial(t).send(get())
	ended := make(chan gateway.Outcome, 1)
	go func() { ended <- f.outcome(t) }() // ends when the client is cut
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	const step = 2 << 10 // 40 KiB a second
	var told error
	for {
		select {
		case outcome := <-ended:
			if gateway.KindOf(outcome.Err) != gateway.KindClientGone || !strings.Contains(fmt.Sprint(outcome.Err), "limits.write_min_rate") {
				t.Errorf("%+v", outcome)
			}
			if !f.has("slow_reader") {
				t.Error("it was not counted")
			}
			// What the kernel had for it, some megabytes, is not kept for minutes after the end, until the peer has taken it.
			if n, err := io.Copy(io.Discard, peer); !errors.Is(errors.Join(told, err), syscall.ECONNRESET) {
				t.Errorf("afterwards it got %d bytes, and %v", n, err)
			}
			return
		case <-tick.C:
			if _, err := io.CopyN(io.Discard, peer, step); err != nil && told == nil { // it fails once the connection is cut, and is asked again
				told = err
			}
		}
	}
}

// TestAnswer_EndsInOnePacket: over TCP the answer and the end of the connection arrive together, after the packets that accept
// the connection and confirm the request.
func TestAnswer_EndsInOnePacket(t *testing.T) {
	f := start(t, ":0", testLimits(), inMode(modeLater, func(*gateway.Request) (*gateway.Response, error) {
		return whole(200, "", "x"), nil
	}))
	c := f.dial(t).send(get())
	if _, content := c.answer("GET"); content != "x" {
		t.Error(content)
	}
	if n := testkit.PacketsIn(t, c.Conn); n > 3 {
		t.Errorf("%d packets", n)
	}
}
