package httpfront

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"penknife/configs"
	"penknife/gateway"
	"penknife/internal/testkit"
)

// encrypted are options for a server with TLS.
func encrypted(t testing.TB) options {
	t.Helper()
	authority := testkit.NewAuthority(t, "penknife tests")
	issued := authority.Issue(t, "app.example.org", nil)
	return options{
		tls: &tls.Config{
			Certificates: []tls.Certificate{issued.Certificate}, NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12,
		},
		authority: authority,
	}
}

// handshook waits for the result of one more handshake.
func (r *recorder) handshook(t testing.TB, n int) string {
	t.Helper()
	waitFor(t, fmt.Sprintf("handshake %d", n), func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.handshakes) >= n
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.handshakes[n-1]
}

// TestRowsOverTLS: whatever is sent, TLS changes nothing about the answer and about what becomes of the connection.
func TestRowsOverTLS(t *testing.T) {
	log := &calls{}
	o := encrypted(t)
	o.limits = rowLimits
	f := startFront(t, log, o)
	for _, r := range rows {
		t.Run(r.rule, func(t *testing.T) {
			if r.wire[0] == recordHandshake {
				return // refused as TLS, which needs no second one
			}
			checkRow(t, f, r)
			log.take()
		})
	}
}

// TestBodiesOverTLS: megabytes in both directions, with every framing, and never by sendfile.
func TestBodiesOverTLS(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef!"), 1<<17)
	file, fileText := writeFile(t, 3<<20)
	fileContent := []byte(fileText)
	sums := make(chan [sha256.Size]byte, 1)
	o := encrypted(t)
	f := startFront(t, gateway.HandlerFunc(func(req *gateway.Request) (*gateway.Response, error) {
		body, err := readAll(req)
		if err != nil {
			return nil, err
		}
		sums <- sha256.Sum256(body)
		switch string(req.Path) {
		case "/whole":
			return whole(200, "", string(content)), nil
		case "/stream":
			return streamed(-1, bytes.NewReader(content)), nil
		}
		resp := streamed(int64(len(fileContent)), strings.NewReader(""))
		resp.File = file
		return resp, nil
	}), o)
	for _, framing := range []string{"length", "chunked"} {
		for path, want := range map[string][]byte{"/whole": content, "/stream": content, "/file": fileContent} {
			c := f.dial(t)
			head := "POST " + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
			if framing == "length" {
				c.send(fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, len(content), content))
			} else {
				c.send(fmt.Sprintf("%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", head, len(content), content))
			}
			head = c.head()
			var body []byte
			if strings.Contains(head, "chunked") {
				body = unchunk(t, c.Reader)
			} else {
				body = []byte(c.rest())
			}
			if sum := <-sums; !bytes.Equal(body, want) || sum != sha256.Sum256(content) {
				t.Errorf("%s, %s: %d bytes came back", framing, path, len(body))
			}
		}
	}
	if n := f.sendfileCalls.Load(); n > 0 {
		t.Errorf("%d times the kernel has copied a file into a TLS connection", n)
	}
}

// unchunk reads a chunked body to the end of the connection.
func unchunk(t *testing.T, r io.Reader) (body []byte) {
	t.Helper()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	for {
		line, rest, _ := bytes.Cut(text, []byte("\r\n"))
		var size int
		if _, err := fmt.Sscanf(string(line), "%x", &size); err != nil {
			t.Fatal(err)
		}
		if size == 0 {
			return body
		}
		body, text = append(body, rest[:size]...), rest[size+2:]
	}
}

// TestSlowReaderOverTLS: a client that makes progress gets everything, although a single write of the server takes longer
// than write_timeout; one that takes nothing is cut off.
func TestSlowReaderOverTLS(t *testing.T) {
	content := strings.Repeat("0123456789abcdef", 1<<19) // 8 MiB, in one write of the answer
	o := encrypted(t)
	o.limits = configs.Limits{WriteTime: 700 * time.Millisecond}
	f := startFront(t, gateway.HandlerFunc(func(*gateway.Request) (*gateway.Response, error) { return whole(200, "", content), nil }), o)
	t.Run("steady", func(t *testing.T) {
		t.Parallel()
		c := f.dial(t)
		c.Conn.(*tls.Conn).NetConn().(*net.TCPConn).SetReadBuffer(64 << 10)
		c.send(get + "Connection: close\r\n\r\n")
		c.head()
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		const step, steps = 70 << 10, 100
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
	t.Run("stuck", func(t *testing.T) {
		t.Parallel()
		c := f.dial(t)
		c.send(get + "\r\n")
		waitFor(t, "the cut", func() bool { return strings.Contains(f.sortedReasons(), slowReader) })
	})
}

// TestTruncationShowsOverTLS: the end of an answer that nothing else delimits is an alert; without it, it was cut.
func TestTruncationShowsOverTLS(t *testing.T) {
	for name, test := range map[string]struct {
		body io.Reader
		cut  bool
	}{
		"complete": {strings.NewReader("all of it"), false},
		"cut":      {&pieces{[]string{"a part"}, gateway.Errorf(gateway.KindWorkerDied, "x")}, true},
	} {
		t.Run(name, func(t *testing.T) {
			f := startFront(t, gateway.HandlerFunc(func(*gateway.Request) (*gateway.Response, error) {
				return streamed(-1, test.body), nil
			}), encrypted(t))
			c := f.dial(t)
			c.send("GET / HTTP/1.0\r\n\r\n")
			c.head()
			if _, err := io.ReadAll(c.Reader); (err != nil) != test.cut {
				t.Errorf("the connection ends with %v", err)
			}
		})
	}
}

// TestHandshakesThatFail: each ends with its label, and the log says it once a minute.
func TestHandshakesThatFail(t *testing.T) {
	var log testkit.Buffer
	o := encrypted(t)
	o.log = slog.New(slog.NewTextHandler(&log, nil))
	f := startFront(t, echo, o)
	o.limits.TLSHandshakeTime = 200 * time.Millisecond
	impatient := startFront(t, echo, o)
	raw := func(bytes string, leave bool) func(net.Conn) {
		return func(nc net.Conn) {
			io.WriteString(nc, bytes)
			if leave {
				nc.Close()
				return
			}
			io.Copy(io.Discard, nc)
		}
	}
	with := func(change func(*tls.Config)) func(net.Conn) {
		return func(nc net.Conn) {
			config := f.trusts.Clone()
			change(config)
			client := tls.Client(nc, config)
			if err := client.Handshake(); err == nil {
				t.Error("they shook hands")
			}
		}
	}
	shaken := map[*front]int{}
	for _, test := range []struct {
		want   string
		client func(net.Conn)
	}{
		{handshakeTimeout, raw("", false)},
		{handshakeTimeout, raw("\x16\x03\x01\x02\x00\x01", false)},
		{handshakeLeft, raw("", true)},
		{handshakeLeft, raw("\x16\x03\x01", true)},
		{handshakePlain, raw("GET / HTTP/1.1\r\n\r\n", false)},
		{handshakeNotTLS, raw("\x00\x00\x00\x00\x00\x00", false)},
		{handshakeNotTLS, raw("\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10", false)}, // a hello of SSL 2
		{handshakeRejected, with(func(c *tls.Config) { c.RootCAs = nil })},
		{handshakeRejected, with(func(c *tls.Config) { c.ServerName = "other.example.org" })},
		{handshakeVersion, with(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 })},
		{handshakeProtocol, with(func(c *tls.Config) { c.NextProtos = []string{"h2"} })},
		{handshakeCipher, with(func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
		})},
	} {
		to := f
		if test.want == handshakeTimeout {
			to = impatient
		}
		nc, err := net.Dial("tcp", to.ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		nc.SetDeadline(time.Now().Add(patience))
		test.client(nc)
		nc.Close()
		shaken[to]++
		if got := to.handshook(t, shaken[to]); got != test.want {
			t.Errorf("handshake %d is %s, want %s", shaken[to], got, test.want)
		}
	}
	if f.dial(t).Conn.(*tls.Conn).Handshake() != nil || f.handshook(t, shaken[f]+1) != handshakeDone {
		t.Error("a good one fails")
	}
	lines := log.Lines()
	for _, reason := range []string{handshakeTimeout, handshakeLeft, handshakeRejected} {
		count := 0
		for _, line := range lines {
			if strings.Contains(line, `msg="tls handshake failed"`) && strings.Contains(line, "reason="+reason+" ") {
				count++
			}
		}
		if count != 1 {
			t.Errorf("%d lines about %s: %q", count, reason, lines)
		}
	}
}

// TestHandshakeLog: one line for each kind in each minute, with the number of those between.
func TestHandshakeLog(t *testing.T) {
	var l handshakeLog
	now := time.Unix(1e9, 0)
	for _, step := range []struct {
		after      time.Duration
		result     string
		suppressed int
		ok         bool
	}{
		{0, "a", 0, true}, {time.Second, "a", 0, false}, {0, "b", 0, true}, {58 * time.Second, "a", 0, false},
		{time.Second, "a", 2, true}, {0, "a", 0, false}, {time.Hour, "a", 1, true},
	} {
		now = now.Add(step.after)
		if n, ok := l.admit(step.result, now); n != step.suppressed || ok != step.ok {
			t.Errorf("at %s, %s: %d, %v", now, step.result, n, ok)
		}
	}
}

// TestPlainHTTPOnATLSPort: whoever forgets the s can read it.
func TestPlainHTTPOnATLSPort(t *testing.T) {
	o := encrypted(t)
	f := startFront(t, echo, o)
	f.trusts = nil
	for _, wire := range []string{"GET /a HTTP/1.1\r\nHost: a\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n12345" + canary} {
		c := f.dial(t)
		c.send(wire)
		status, body := c.response()
		if status != "400" || !strings.Contains(body, "this port speaks HTTPS") {
			t.Errorf("%s %q", status, body)
		}
		c.Conn.(*net.TCPConn).CloseWrite()
		c.ended()
	}
	if o := f.next(t); o.Status != 400 {
		t.Errorf("%+v", o)
	}
	if got := f.sortedReasons(); got != "plain_http plain_http" {
		t.Error(got)
	}
}

// TestTLSOnAPlainPort: the log says what is wrong; the client gets an answer that at least tcpdump can read.
func TestTLSOnAPlainPort(t *testing.T) {
	var log testkit.Buffer
	f := startFront(t, echo, options{log: slog.New(slog.NewTextHandler(&log, nil))})
	for range 2 {
		c := f.dial(t)
		if err := tls.Client(c.Conn, &tls.Config{ServerName: "localhost"}).Handshake(); err == nil {
			t.Error("they shook hands")
		}
		c.Conn.Close()
		f.next(t)
	}
	if lines := log.Lines(); !strings.Contains(lines[0], "TLS on a port that speaks plain HTTP") || f.sortedReasons() != "tls tls" {
		t.Errorf("%q, %s", lines, f.sortedReasons())
	}
}

// TestThousandHalfHandshakes: they cost connections for a while, and nothing else; others are served meanwhile.
func TestThousandHalfHandshakes(t *testing.T) {
	o := encrypted(t)
	o.limits.TLSHandshakeTime = 2 * time.Second
	f := startFront(t, echo, o)
	const half = 1000
	for i := range half {
		nc, err := net.Dial("tcp", f.ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		io.WriteString(nc, "\x16\x03\x01\x02\x00\x01"[:i%7])
	}
	c := f.dial(t)
	c.send(get + "\r\n")
	if status, _ := c.response(); status != "200" {
		t.Error(status)
	}
	began := time.Now()
	waitFor(t, "all are gone", func() bool { return f.closedConns.Load() == half })
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("it took %s", took)
	}
}

// TestTooManyConnectionsOverTLS: the 503 can be read.
func TestTooManyConnectionsOverTLS(t *testing.T) {
	o := encrypted(t)
	o.limits.Connections = 1
	f := startFront(t, echo, o)
	first := f.dial(t)
	first.send(get + "\r\n")
	first.response()
	c := f.dial(t)
	c.send("")
	if status, body := c.response(); status != "503" || !strings.Contains(body, "too many connections") {
		t.Errorf("%s %q", status, body)
	}
}

// TestShutdownOverTLS: nobody who has asked is cut off, and nobody who only shakes hands or waits delays the end.
func TestShutdownOverTLS(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	o := encrypted(t)
	o.limits.TLSHandshakeTime = time.Minute
	f := startFront(t, gateway.HandlerFunc(func(req *gateway.Request) (*gateway.Response, error) {
		if string(req.Path) == "/slow" {
			close(arrived)
			<-release
		}
		return whole(200, "", "done"), nil
	}), o)
	shaking, err := net.Dial("tcp", f.ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer shaking.Close()
	io.WriteString(shaking, "\x16\x03\x01")
	idle, busy := f.dial(t), f.dial(t)
	idle.send(get + "\r\n")
	idle.response()
	busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n" + "GET /second HTTP/1.1\r\nHost: a\r\n\r\n")
	<-arrived
	waitFor(t, "all connections are there", func() bool { return f.opened.Load() == 3 })
	stopped := make(chan error, 1)
	go func() { stopped <- f.Shutdown(context.Background()) }() // ends when the busy request has
	idle.ended()
	if got := f.handshook(t, 3); got != handshakeTimeout {
		t.Error(got)
	}
	close(release)
	if head := busy.head(); !strings.Contains(head, "Connection: close\r\n") {
		t.Errorf("%q", head)
	}
	busy.expect("done")
	busy.ended()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// TestLastRequestInTheBuffersOfTLS: a request that crypto/tls has read together with the one before is served although
// the server stops.
func TestLastRequestInTheBuffersOfTLS(t *testing.T) {
	var stopping atomic.Pointer[front]
	f := startFront(t, gateway.HandlerFunc(func(req *gateway.Request) (*gateway.Response, error) {
		resp, err := echo.Serve(req)
		if string(req.Path) == "/1" {
			resp.Body = bodyThat{resp.Body, func() { stopping.Load().advance(phaseStopping) }}
		}
		return resp, err
	}), encrypted(t))
	stopping.Store(f)
	c := f.dial(t)
	together := &holder{Conn: c.Conn.(*tls.Conn).NetConn()}
	session := tls.Client(together, f.trusts)
	if err := session.Handshake(); err != nil {
		t.Fatal(err)
	}
	together.holds = true
	c = &client{session, bufio.NewReader(session), t}
	c.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n")
	c.send("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
	if _, err := together.Conn.Write(together.held); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"GET /1 []", "GET /2 []"} {
		if status, body := c.response(); status != "200" || body != want {
			t.Errorf("%s %q", status, body)
		}
	}
	c.ended()
}

// holder keeps what is written, so that several records can be sent in one packet.
type holder struct {
	net.Conn
	holds bool
	held  []byte
}

func (h *holder) Write(p []byte) (int, error) {
	if !h.holds {
		return h.Conn.Write(p)
	}
	h.held = append(h.held, p...)
	return len(p), nil
}

// bodyThat does something when it is closed.
type bodyThat struct {
	gateway.Body
	closed func()
}

func (b bodyThat) CloseWithError(err error) {
	b.closed()
	b.Body.CloseWithError(err)
}

// TestShutdownCutsOverTLS: at the end of its patience Shutdown closes sockets and does not wait for clients that take no
// alerts either.
func TestShutdownCutsOverTLS(t *testing.T) {
	content := strings.Repeat("x", 16<<20)
	f := startFront(t, gateway.HandlerFunc(func(*gateway.Request) (*gateway.Response, error) { return whole(200, "", content), nil }), encrypted(t))
	for range 10 {
		c := f.dial(t)
		c.send(get + "\r\n")
		c.head()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := f.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %s", took)
	}
	waitFor(t, "all are gone", func() bool { return f.closedConns.Load() == 10 })
}
