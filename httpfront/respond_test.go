package httpfront

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"penknife/configs"
	"penknife/gateway"
	"penknife/internal/testkit"
)

// answering serves one fixed answer; make is called per request.
func answering(t *testing.T, make func() *gateway.Response) *front {
	return startFront(t, gateway.HandlerFunc(func(*gateway.Request) (*gateway.Response, error) {
		return make(), nil
	}), options{})
}

// pieces is a body that gives one piece per Read, and err after the last one.
type pieces struct {
	list []string
	err  error
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.list) == 0 {
		return 0, p.err
	}
	n := copy(b, p.list[0])
	p.list = p.list[1:]
	return n, nil
}

func TestHeadKeepsTheApplicationsFields(t *testing.T) {
	f := answering(t, func() *gateway.Response {
		resp := whole(200, "x-b: 1\r\nSet-Cookie: a=1; Path=/\r\ndate: then\r\nSet-Cookie: a=1; Path=/x\r\nX-B: 2\r\nSERVER: mine\r\n", "hi")
		resp.Reason = []byte("Fine, thanks")
		return resp
	})
	c := f.dial(t)
	c.send(get + "\r\n")
	c.expect("HTTP/1.1 200 Fine, thanks\r\nx-b: 1\r\nSet-Cookie: a=1; Path=/\r\ndate: then\r\nSet-Cookie: a=1; Path=/x\r\nX-B: 2\r\n" +
		"SERVER: mine\r\nContent-Length: 2\r\n\r\nhi")
}

func TestDateAndServerAreAdded(t *testing.T) {
	f := answering(t, func() *gateway.Response { return whole(200, "X-Date: no\r\nServers: no\r\n", "") })
	c := f.dial(t)
	c.send(get + "\r\n")
	before := time.Now()
	head := c.head()
	_, text, _ := strings.Cut(head, "\r\nDate: ")
	date, err := http.ParseTime(text[:strings.Index(text, "\r\n")])
	if err != nil || date.Sub(before).Abs() > 2*time.Second {
		t.Errorf("%v, %v in %q", date, err, head)
	}
	if !strings.Contains(head, "\r\nServer: penknife\r\n") {
		t.Errorf("%q", head)
	}
}

// TestFraming: RFC 9112 section 6.3, RFC 9110 sections 8.6 and 15, PEP 3333 rules 39, 40 and 44.
func TestFraming(t *testing.T) {
	const request11, request10 = "%s / HTTP/1.1\r\nHost: a\r\n\r\n", "%s / HTTP/1.0\r\n\r\n"
	const keep10 = "%s / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
	body := func(length int64) func() *gateway.Response {
		return func() *gateway.Response { return streamed(length, &pieces{[]string{"ab", "c"}, io.EOF}) }
	}
	status := func(status int, fields string) func() *gateway.Response {
		return func() *gateway.Response { return whole(status, fields, "") }
	}
	for _, test := range []struct {
		name, method, request string
		make                  func() *gateway.Response
		fields, body          string
	}{
		{"whole", "GET", request11, func() *gateway.Response { return whole(200, "", "abc") }, "Content-Length: 3", "abc"},
		{"empty", "GET", request11, status(200, ""), "Content-Length: 0", ""},
		{"the application's length", "GET", request11, func() *gateway.Response { return whole(200, "content-length: 3\r\n", "abc") }, "content-length: 3", "abc"},
		{"stream of known length", "GET", request11, body(3), "Content-Length: 3", "abc"},
		{"stream", "GET", request11, body(-1), "Transfer-Encoding: chunked", "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"},
		{"stream to 1.0", "GET", request10, body(-1), "Connection: close", "abc"},
		{"stream to 1.0 that wants more", "GET", keep10, body(-1), "Connection: close", "abc"},
		{"whole to 1.0 that wants more", "GET", keep10, func() *gateway.Response { return whole(200, "", "abc") }, "Content-Length: 3|Connection: keep-alive", "abc"},
		{"HEAD of a stream", "HEAD", request11, body(-1), "", ""},
		{"HEAD of known length", "HEAD", request11, body(3), "Content-Length: 3", ""},
		{"HEAD with the application's length", "HEAD", request11, status(200, "Content-Length: 99\r\n"), "Content-Length: 99", ""},
		{"HEAD without body", "HEAD", request11, status(200, ""), "", ""},
		{"204", "GET", request11, status(204, ""), "", ""},
		{"204 with a length", "GET", request11, status(204, "A: b\r\nContent-Length: 0\r\nC: d\r\n"), "A: b|C: d", ""},
		{"304", "GET", request11, body(3), "Content-Length: 3", "abc"},
		{"304 without body", "GET", request11, status(304, "ETag: x\r\n"), "ETag: x", ""},
		{"304 with the length of the 200", "GET", request11, status(304, "Content-Length: 99\r\n"), "Content-Length: 99", ""},
		{"304 to HEAD", "HEAD", request11, func() *gateway.Response { r := streamed(5, &pieces{nil, io.EOF}); r.Status = 304; return r }, "", ""},
		{"204 to HEAD", "HEAD", request11, func() *gateway.Response { r := whole(204, "", "abc"); return r }, "", ""},
		{"empty stream", "GET", request11, func() *gateway.Response { return streamed(-1, &pieces{nil, io.EOF}) }, "Transfer-Encoding: chunked", "0\r\n\r\n"},
		{"empty stream to 1.0", "GET", request10, func() *gateway.Response { return streamed(-1, &pieces{nil, io.EOF}) }, "Connection: close", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := answering(t, test.make).dial(t)
			c.send(fmt.Sprintf(test.request, test.method))
			var fields []string
			head := c.head()
			for _, line := range strings.Split(strings.TrimSuffix(head, "\r\n\r\n"), "\r\n")[1:] {
				if !strings.HasPrefix(line, "Date:") && !strings.HasPrefix(line, "Server:") {
					fields = append(fields, line)
				}
			}
			if got := strings.Join(fields, "|"); got != test.fields {
				t.Errorf("fields %q, want %q", got, test.fields)
			}
			c.expect(test.body)
			if strings.Contains(head, "Connection: close") {
				c.ended()
				return
			}
			c.send("GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			c.expect("HTTP/1.1 ")
		})
	}
}

// TestPieceArrivesWhenItIsThere: no piece waits for the next one (PEP 3333 rule 31), whatever the framing.
func TestPieceArrivesWhenItIsThere(t *testing.T) {
	for _, length := range []int64{-1, 4} {
		for _, version := range []string{"1.1", "1.0"} {
			reader, writer := io.Pipe()
			f := answering(t, func() *gateway.Response { return streamed(length, reader) })
			c := f.dial(t)
			c.send("GET / HTTP/" + version + "\r\nHost: a\r\n\r\n")
			io.WriteString(writer, "ab")
			chunked := strings.Contains(c.head(), "chunked")
			if chunked {
				c.expect("2\r\nab\r\n")
			} else {
				c.expect("ab")
			}
			io.WriteString(writer, "cd")
			writer.Close()
			if chunked {
				c.expect("2\r\ncd\r\n0\r\n\r\n")
			} else {
				c.expect("cd")
			}
		}
	}
}

// TestBodyIsClosedOnce, with the reason.
func TestBodyIsClosedOnce(t *testing.T) {
	broken := gateway.Errorf(gateway.KindAppCut, "broken")
	for name, test := range map[string]struct {
		method string
		make   func() *gateway.Response
		kind   gateway.Kind // 0: closed with nil
	}{
		"whole":       {"GET", func() *gateway.Response { return whole(200, "", "abc") }, 0},
		"stream":      {"GET", func() *gateway.Response { return streamed(-1, strings.NewReader("abc")) }, 0},
		"HEAD":        {"HEAD", func() *gateway.Response { return streamed(-1, strings.NewReader("abc")) }, 0},
		"cut":         {"GET", func() *gateway.Response { return streamed(-1, &pieces{[]string{"a"}, broken}) }, gateway.KindAppCut},
		"short":       {"GET", func() *gateway.Response { return streamed(9, strings.NewReader("abc")) }, gateway.KindAppCut},
		"short whole": {"GET", func() *gateway.Response { r := whole(200, "", "abc"); r.Length = 9; return r }, gateway.KindAppCut},
		"panic":       {"GET", func() *gateway.Response { return streamed(9, panicReader{}) }, gateway.KindInternal},
	} {
		t.Run(name, func(t *testing.T) {
			resp := test.make()
			f := answering(t, func() *gateway.Response { return resp })
			c := f.dial(t)
			c.send(test.method + " / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			io.ReadAll(c.Reader)
			closed := resp.Body.(*fakeBody).closed
			err := <-closed
			if (err == nil) != (test.kind == 0) || err != nil && gateway.KindOf(err) != test.kind {
				t.Errorf("closed with %v", err)
			}
			f.next(t)
			select {
			case <-closed:
				t.Error("closed twice")
			default:
			}
		})
	}
}

type panicReader struct{}

func (panicReader) Read([]byte) (int, error) { panic("oh") }

// TestCutAnswer: what ends too early is not taken for complete.
func TestCutAnswer(t *testing.T) {
	broken := gateway.Errorf(gateway.KindAppCut, "broken")
	for name, test := range map[string]struct {
		version string
		length  int64
		last    error
	}{
		"chunked":       {"1.1", -1, broken},
		"length":        {"1.1", 10, broken},
		"short":         {"1.1", 10, io.EOF},
		"until close":   {"1.0", -1, broken},
		"foreign error": {"1.1", -1, errors.New("any")},
	} {
		t.Run(name, func(t *testing.T) {
			f := answering(t, func() *gateway.Response { return streamed(test.length, &pieces{[]string{"abc"}, test.last}) })
			c := f.dial(t)
			c.send("GET / HTTP/" + test.version + "\r\nHost: a\r\n\r\n")
			method := &http.Request{Method: "GET"}
			resp, err := http.ReadResponse(c.Reader, method)
			if err == nil {
				_, err = io.ReadAll(resp.Body)
			}
			if err == nil {
				t.Error("the client took it for complete")
			}
			if o := f.next(t); o.Err == nil || o.Status != 200 || o.Sent != 3 {
				t.Errorf("outcome %+v", o)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	for _, kind := range gateway.Kinds() {
		t.Run(kind.String(), func(t *testing.T) {
			failure := gateway.PublicErrorf(kind, "because")
			f := startFront(t, gateway.HandlerFunc(func(*gateway.Request) (*gateway.Response, error) { return nil, failure }), options{})
			page, ok := gateway.PageFor(failure)
			c := f.dial(t)
			c.send(get + "\r\n")
			if !ok {
				c.ended()
				if o := f.next(t); o.Status != 0 || o.Err != failure {
					t.Errorf("outcome %+v", o)
				}
				return
			}
			resp, err := http.ReadResponse(c.Reader, &http.Request{Method: "GET"})
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != page.Status || string(body) != page.Text || resp.Close != page.Close ||
				resp.Header.Get("Retry-After") != page.RetryAfter || resp.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
				t.Errorf("%+v %q; page %+v", resp, body, page)
			}
			if o := f.next(t); o.Status != page.Status || o.Err != failure || o.Sent != int64(len(page.Text)) {
				t.Errorf("outcome %+v", o)
			}
			if page.Close {
				c.ended()
				return
			}
			c.send(get + "\r\n")
			c.expect("HTTP/1.1 ")
		})
	}
}

func TestErrorToHead(t *testing.T) {
	f := startFront(t, gateway.HandlerFunc(func(*gateway.Request) (*gateway.Response, error) { return nil, errors.New("x") }), options{})
	c := f.dial(t)
	for range 2 {
		c.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
		if head := c.head(); !strings.HasPrefix(head, "HTTP/1.1 500 ") || !strings.Contains(head, "Content-Length: 26\r\n") {
			t.Errorf("%q", head)
		}
	}
}

func TestErrorBeforeTheFirstPieceBecomesAPage(t *testing.T) {
	f := answering(t, func() *gateway.Response {
		return streamed(-1, &pieces{nil, gateway.Errorf(gateway.KindWorkerDied, "x")})
	})
	c := f.dial(t)
	c.send(get + "\r\n")
	if status, _ := c.response(); status != "502" {
		t.Errorf("status %s", status)
	}
}

func TestHandlersThatMisbehave(t *testing.T) {
	for name, handler := range map[string]gateway.HandlerFunc{
		"panic":       func(*gateway.Request) (*gateway.Response, error) { panic("oh") },
		"no response": func(*gateway.Request) (*gateway.Response, error) { return nil, nil },
		"pending":     func(*gateway.Request) (*gateway.Response, error) { return nil, gateway.ErrPending },
	} {
		t.Run(name, func(t *testing.T) {
			c := startFront(t, handler, options{}).dial(t)
			for range 2 {
				c.send(get + "\r\n")
				if status, _ := c.response(); status != "500" {
					t.Errorf("status %s", status)
				}
			}
		})
	}
}

func TestClientLeavesDuringAnswer(t *testing.T) {
	resp := streamed(-1, endless{})
	f := answering(t, func() *gateway.Response { return resp })
	c := f.dial(t)
	c.send(get + "\r\n")
	c.head()
	c.Close()
	select {
	case err := <-resp.Body.(*fakeBody).closed:
		if gateway.KindOf(err) != gateway.KindClientGone {
			t.Errorf("closed with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("the body is not closed")
	}
	if o := f.next(t); o.Status != 200 || gateway.KindOf(o.Err) != gateway.KindClientGone {
		t.Errorf("outcome %+v", o)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// TestClientThatDoesNotRead: write_timeout is about progress.
func TestClientThatDoesNotRead(t *testing.T) {
	resp := streamed(-1, endless{})
	f := startFront(t, gateway.HandlerFunc(func(*gateway.Request) (*gateway.Response, error) { return resp, nil }),
		options{limits: configs.Limits{WriteTime: 50 * time.Millisecond}})
	c := f.dial(t)
	c.send(get + "\r\n")
	if err := <-resp.Body.(*fakeBody).closed; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("closed with %v", err)
	}
	if outcome := f.next(t); gateway.KindOf(outcome.Err) != gateway.KindClientGone || !strings.Contains(fmt.Sprint(outcome.Err), "limits.write_timeout") {
		t.Errorf("%+v", outcome)
	}
	if got := f.sortedReasons(); got != "slow_reader" {
		t.Errorf("counted as %q", got)
	}
}

// writeFile makes a file of n bytes whose content tells its offset.
func writeFile(t *testing.T, n int) (*os.File, string) {
	t.Helper()
	var text strings.Builder
	for text.Len() < n {
		fmt.Fprintf(&text, "%08d", text.Len())
	}
	content := text.String()[:n]
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file, content
}

func TestFile(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		for _, size := range []int{0, 1, 10_000, 3_000_000} {
			t.Run(fmt.Sprint(network, " ", size), func(t *testing.T) {
				file, content := writeFile(t, size+10)
				handler := gateway.HandlerFunc(func(*gateway.Request) (*gateway.Response, error) {
					resp := streamed(int64(size), strings.NewReader("the body is not read"))
					resp.File, resp.Offset = file, 3
					return resp, nil
				})
				o := options{}
				if network == "unix" {
					o.network = "unix"
				}
				f := startFront(t, handler, o)
				c := f.dial(t)
				for range 2 { // the file's own position is not touched
					c.send(get + "\r\n")
					if _, body := c.response(); body != content[3:3+size] {
						t.Errorf("%d bytes, want %d", len(body), size)
					}
					if o := f.next(t); o.Sent != int64(size) || o.Err != nil {
						t.Errorf("outcome %+v", o)
					}
				}
				if used := f.sendfileCalls.Load() > 0; used != (size > maxJoined) {
					t.Errorf("sendfile used: %v", used)
				}
			})
		}
	}
}

func TestFileThatIsTooShort(t *testing.T) {
	for _, size := range []int{100, 100_000} {
		file, _ := writeFile(t, size)
		f := answering(t, func() *gateway.Response {
			resp := streamed(int64(size)+50, strings.NewReader(""))
			resp.File = file
			return resp
		})
		c := f.dial(t)
		c.send(get + "\r\n")
		c.head()
		if got, _ := io.ReadAll(c.Reader); len(got) != size {
			t.Errorf("%d bytes, want %d", len(got), size)
		}
		if o := f.next(t); gateway.KindOf(o.Err) != gateway.KindAppCut {
			t.Errorf("outcome %+v", o)
		}
	}
}

func TestLargeWhole(t *testing.T) {
	content := strings.Repeat("0123456789abcdef", 1<<17) // 2 MiB: more than a socket buffer holds
	f := answering(t, func() *gateway.Response { return whole(200, "", content) })
	c := f.dial(t)
	for range 2 {
		c.send(get + "\r\n")
		if _, body := c.response(); body != content {
			t.Errorf("%d bytes came", len(body))
		}
	}
}

// TestSlowReaderGetsEverything: a write_timeout that is shorter than the whole answer takes.
func TestSlowReaderGetsEverything(t *testing.T) {
	for name, make := range large(t, 8<<20) {
		t.Run(name, func(t *testing.T) {
			f := startFront(t, gateway.HandlerFunc(func(*gateway.Request) (*gateway.Response, error) { return make(), nil }),
				options{limits: configs.Limits{WriteTime: 1500 * time.Millisecond}})
			t.Parallel()
			c := f.dial(t)
			c.Conn.(*net.TCPConn).SetReadBuffer(64 << 10)
			c.Conn.SetDeadline(time.Now().Add(30 * time.Second))
			c.send(get + "Connection: close\r\n\r\n")
			c.head()
			tick := time.NewTicker(25 * time.Millisecond)
			defer tick.Stop()
			const step, steps = 70 << 10, 100 // 7 of the 8 MiB in 2.5 s: longer than the first deadline, slack included
			for range steps {
				<-tick.C
				if _, err := io.CopyN(io.Discard, c.Reader, step); err != nil {
					t.Fatal(err)
				}
			}
			if got := step*steps + len(c.rest()); got != 8<<20 {
				t.Errorf("%d bytes", got)
			}
		})
	}
}

// TestAnswer_EndsInOnePacket: the last answer and the end of the connection arrive together, after the packets that accept the
// connection and confirm the request.
func TestAnswer_EndsInOnePacket(t *testing.T) {
	for _, row := range []struct {
		name, send string
		answer     *gateway.Response
	}{
		{"whole", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", whole(200, "", "x")},
		{"long", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", whole(200, "", strings.Repeat("x", maxJoined))},
		{"without content", "HEAD / HTTP/1.0\r\n\r\n", whole(200, "", "x")},
		{"error", "GET / HTTP/1.0\r\n\r\n", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := answering(t, func() *gateway.Response { return row.answer }).dial(t)
			c.send(row.send)
			if text := c.rest(); !strings.HasPrefix(text, "HTTP/1.1 ") {
				t.Fatal(text)
			}
			if n := testkit.PacketsIn(t, c.Conn); n > 3 {
				t.Errorf("%d packets", n)
			}
		})
	}
}
