package uwsgifront

import (
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"penknife/configs"
	"penknife/gateway"
	"penknife/sockets"
	"penknife/uwsgiproto"
)

// unexpected is a handler that must not be reached.
func unexpected(t *testing.T) gateway.HandlerFunc {
	return func(r *gateway.Request) (*gateway.Response, error) {
		t.Errorf("the handler was reached with %q", r.Vars)
		return whole(200, "", ""), nil
	}
}

func TestRefusals(t *testing.T) {
	many := make([]string, 30)
	for i := range many {
		many[i] = "K" + strconv.Itoa(i) + "=v"
	}
	cases := []struct {
		name, send string
		status     int
		reason     string
		says       string
	}{
		{"no variables", frame(0, ""), 400, "empty", "no variables"},
		{"no method", packet("PATH_INFO=/"), 400, "method", "REQUEST_METHOD"},
		{"empty method", packet("REQUEST_METHOD="), 400, "method", "REQUEST_METHOD"},
		{"lines in the method", packet("REQUEST_METHOD=GET / HTTP/1.1\r\nX: y"), 400, "method", "token"},
		{"NUL in the method", packet("REQUEST_METHOD=G\x00T"), 400, "method", "token"},
		{"blank after the method", packet("REQUEST_METHOD=GET "), 400, "method", "token"},
		{"method above ASCII", packet("REQUEST_METHOD=G\xc3\x89T"), 400, "method", "token"},
		{"quote in the method", packet("REQUEST_METHOD=G\"T"), 400, "method", "token"},
		{"Host twice", packet("REQUEST_METHOD=GET", "HTTP_HOST=a", "HTTP_HOST=b"), 400, "host", "HTTP_HOST"},
		{"Host twice, the last one empty", packet("REQUEST_METHOD=GET", "HTTP_HOST=a", "HTTP_HOST="), 400, "host", "HTTP_HOST"},
		{"Host twice, the first one empty", packet("REQUEST_METHOD=GET", "HTTP_HOST=", "HTTP_HOST=b"), 400, "host", "HTTP_HOST"},
		{"Host thrice, the second one different", packet("REQUEST_METHOD=GET", "HTTP_HOST=a", "HTTP_HOST=b", "HTTP_HOST=a"), 400, "host", "HTTP_HOST"},
		{"Host twice, addresses", packet("REQUEST_METHOD=GET", "HTTP_HOST=[::1]", "HTTP_HOST=[::2]:80"), 400, "host", "HTTP_HOST"},
		{"empty key", frame(0, "\x00\x00\x01\x00v"), 400, "empty_key", "at byte 0"},
		{"key overrun", frame(0, block("A=b")+"\x09\x00K"), 400, "key_overrun", "at byte 6"},
		{"value overrun", frame(0, "\x01\x00K\x09\x00v"), 400, "value_overrun", "at byte 3"},
		{"http", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 400, "http", "uwsgi protocol, not HTTP"},
		{"http post", "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", 400, "http", "uwsgi protocol"},
		{"tls", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "tls", "without TLS"},
		{"modifier", frame(5, block("REQUEST_METHOD=GET")), 501, "modifier", "modifiers"},
		{"reload request", frame(98, ""), 501, "modifier", "modifiers"},
		{"large block", get("X=" + strings.Repeat("x", 20000)), 431, "large_block", "limits.header_block"},
		{"many variables", get(many...), 431, "many_vars", "limits.header_count"},
		{"letters", get("CONTENT_LENGTH=3abc"), 400, "content_length", "CONTENT_LENGTH"},
		{"sign", get("CONTENT_LENGTH=+3"), 400, "content_length", "CONTENT_LENGTH"},
		{"negative", get("CONTENT_LENGTH=-1"), 400, "content_length", "CONTENT_LENGTH"},
		{"blank", get("CONTENT_LENGTH= 1"), 400, "content_length", "CONTENT_LENGTH"},
		{"overflow", get("CONTENT_LENGTH=99999999999999999999"), 400, "content_length", "CONTENT_LENGTH"},
		{"just over int64", get("CONTENT_LENGTH=9223372036854775808"), 400, "content_length", "CONTENT_LENGTH"},
		{"large body", get("CONTENT_LENGTH=1001") + "x", 413, "large_body", "too large"},
	}
	limits := testLimits()
	limits.HeaderBlock, limits.HeaderCount, limits.Body = 16000, 20, 1000
	for network, listen := range networks(t) {
		for _, c := range cases {
			t.Run(network+"/"+c.name, func(t *testing.T) {
				f := start(t, listen, limits, unexpected(t))
				peer := f.dial(t).send(c.send)
				closeWrite(t, peer)
				resp, content := peer.answer("GET")
				if resp.StatusCode != c.status || !strings.Contains(content, c.says) || !f.has(c.reason) {
					t.Errorf("%d %q %v", resp.StatusCode, content, f.reasons)
				}
				if !resp.Close || resp.Header.Get("Date") == "" || resp.ContentLength != int64(len(content)) {
					t.Errorf("%v", resp.Header)
				}
				outcome := f.outcome(t)
				if outcome.Status != c.status || gateway.KindOf(outcome.Err).Status() != c.status {
					t.Errorf("%+v", outcome)
				}
				if c.status != 413 && strings.Count(f.logs.String(), "request refused") != 1 {
					t.Errorf("log: %s", f.logs)
				}
				f.shutdown(t)
			})
		}
	}
}

func closeWrite(t *testing.T, c *client) {
	t.Helper()
	if err := c.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
}

func TestPing(t *testing.T) {
	for network, listen := range networks(t) {
		f := start(t, listen, testLimits(), unexpected(t))
		for _, ping := range []string{frame(uwsgiproto.ModifierPing, ""), frame(uwsgiproto.ModifierPing, "ignored")} {
			if got := f.dial(t).send(ping).all(); got != "d\x00\x00\x01" {
				t.Errorf("%s: %q", network, got)
			}
		}
	}
}

func TestNobodyIsIgnored(t *testing.T) {
	for _, listen := range networks(t) {
		f := start(t, listen, testLimits(), unexpected(t))
		peer := f.dial(t)
		closeWrite(t, peer)
		if got := peer.all(); got != "" {
			t.Errorf("%q", got)
		}
		f.shutdown(t)
		if len(f.outcomes)+len(f.reasons) != 0 || strings.Contains(f.logs.String(), "WARN") {
			t.Errorf("%v %v %s", f.outcomes, f.reasons, f.logs)
		}
	}
}

func TestSlowHead(t *testing.T) {
	limits := testLimits()
	limits.HeaderTime = 50 * time.Millisecond
	for _, sent := range []string{"", "\x00", get()[:20]} {
		f := start(t, networks(t)["unix"], limits, unexpected(t))
		resp, _ := f.dial(t).send(sent).answer("GET")
		if resp.StatusCode != 408 || !f.has("slow_head") {
			t.Errorf("after %d bytes: %d", len(sent), resp.StatusCode)
		}
	}
}

func TestCutHead(t *testing.T) {
	for _, sent := range []string{"\x00", get()[:4], get()[:20]} {
		f := start(t, ":0", testLimits(), unexpected(t))
		peer := f.dial(t).send(sent)
		closeWrite(t, peer)
		if resp, _ := peer.answer("GET"); resp.StatusCode != 400 || !f.has("cut_head") {
			t.Errorf("after %d bytes: %d", len(sent), resp.StatusCode)
		}
	}
}

// TestLateReader: a client that sends 10 MiB before it reads must still get the answer, without a reset.
func TestLateReader(t *testing.T) {
	const size = 10 << 20
	limits := testLimits()
	limits.Body = 1 << 20
	for network, listen := range networks(t) {
		for name, c := range map[string]struct {
			packet string
			status int
		}{
			"over the limit": {get("CONTENT_LENGTH=" + strconv.Itoa(size)), 413},
			"http":           {"PUT / HTTP/1.1\r\n\r\n", 400},
			"modifier":       {frame(7, "x"), 501},
		} {
			t.Run(network+"/"+name, func(t *testing.T) {
				f := start(t, listen, limits, unexpected(t))
				peer := f.dial(t).send(c.packet)
				if _, err := peer.Write(make([]byte, size)); err != nil {
					t.Fatal(err)
				}
				closeWrite(t, peer)
				if resp, _ := peer.answer("GET"); resp.StatusCode != c.status {
					t.Errorf("%d", resp.StatusCode)
				}
			})
		}
	}
}

// TestUnreadBodyIsDrained: the same for a handler that answers without reading.
func TestUnreadBodyIsDrained(t *testing.T) {
	const size = 4 << 20
	for network, listen := range networks(t) {
		for name, answer := range map[string]gateway.HandlerFunc{
			"answer": func(*gateway.Request) (*gateway.Response, error) { return whole(200, "", "done"), nil },
			"error":  func(*gateway.Request) (*gateway.Response, error) { return nil, gateway.Errorf(gateway.KindApp, "x") },
		} {
			t.Run(network+"/"+name, func(t *testing.T) {
				f := start(t, listen, testLimits(), answer)
				peer := f.dial(t).send(get("CONTENT_LENGTH=" + strconv.Itoa(size)))
				if _, err := peer.Write(make([]byte, size)); err != nil {
					t.Fatal(err)
				}
				peer.all()
				f.outcome(t)
			})
		}
	}
}

func TestAllowFrom(t *testing.T) {
	ok := gateway.HandlerFunc(func(*gateway.Request) (*gateway.Response, error) { return whole(200, "", "in"), nil })
	cases := []struct {
		allow, deny []string
		in          bool
	}{
		{nil, nil, true}, {[]string{"127.0.0.0/8"}, nil, true}, {[]string{"192.0.2.0/24"}, nil, false},
		{nil, []string{"192.0.2.0/24"}, true}, {nil, []string{"127.0.0.1"}, false},
		{[]string{"127.0.0.0/8"}, []string{"127.0.0.1"}, false}, {[]string{"127.0.0.1"}, []string{"all"}, true},
	}
	for _, c := range cases {
		f := startWith(t, ":0", configs.Uwsgi{AllowFrom: c.allow, DenyFrom: c.deny}, testLimits(), ok)
		if c.in {
			if got := f.dial(t).send(get()).all(); !strings.HasSuffix(got, "\r\n\r\nin") {
				t.Errorf("%v: %q", c.allow, got)
			}
			continue
		}
		for range 30 {
			if got, _ := io.ReadAll(f.dial(t).send(get())); len(got) != 0 {
				t.Errorf("%v: %q", c.allow, got)
			}
		}
		f.shutdown(t)
		lines := strings.Count(f.logs.String(), "peer refused")
		if f.refused != 30 || lines == 0 || lines > 20 { // 10 in a second
			t.Errorf("%d refused, %d lines", f.refused, lines)
		}
	}
	if _, err := New(configs.Uwsgi{AllowFrom: []string{"nonsense"}}, testLimits(), Deps{}); err == nil {
		t.Error("a bad allow_from was taken")
	}
	f := startWith(t, ":0", configs.Uwsgi{}, testLimits(), ok)
	denied, err := sockets.ParseAccess(nil, []string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	f.Admit(denied) // as a reload does
	if got, _ := io.ReadAll(f.dial(t).send(get())); len(got) != 0 {
		t.Errorf("after a reload: %q", got)
	}
}

func TestConnectionLimit(t *testing.T) {
	release := make(chan struct{})
	entered := make(chan struct{}, 1)
	limits := testLimits()
	limits.Connections = 1
	f := start(t, ":0", limits, inMode(modeLater, func(*gateway.Request) (*gateway.Response, error) {
		entered <- struct{}{}
		<-release
		return whole(200, "", "first"), nil
	}))
	first := f.dial(t).send(get())
	<-entered
	second := f.dial(t).send(get())
	resp, content := second.answer("GET")
	second.Close()
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") != "1" || !strings.Contains(content, "too many connections") {
		t.Errorf("%d %v %q", resp.StatusCode, resp.Header, content)
	}
	close(release)
	if got := first.all(); !strings.HasSuffix(got, "first") {
		t.Errorf("%q", got)
	}
	f.shutdown(t)
	if f.outcomes[0].Status != 503 || len(f.outcomes) != 2 {
		t.Errorf("the observer was told %+v", f.outcomes)
	}
	if f.refused != 1 || f.opened != 1 {
		t.Errorf("%d refused, %d opened", f.refused, f.opened)
	}
}

func TestServeNeedsADescriptor(t *testing.T) {
	s, err := New(configs.Uwsgi{}, testLimits(), Deps{})
	if err != nil {
		t.Fatal(err)
	}
	left, right := net.Pipe()
	defer left.Close()
	defer right.Close()
	if err := s.Serve(pipeListener{left}); err == nil {
		t.Error("served a listener without descriptor")
	}
}

type pipeListener struct{ net.Conn }

func (pipeListener) Accept() (net.Conn, error) { return nil, io.EOF }
func (l pipeListener) Addr() net.Addr          { return l.LocalAddr() }
