package httpfront

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"penknife/configs"
	"penknife/gateway"
	"penknife/internal/testkit"
	"penknife/proxyproto"
	"penknife/sockets"
)

// ends answers with what the application sees of both ends of the connection.
func ends(t *testing.T) gateway.HandlerFunc {
	return func(r *gateway.Request) (*gateway.Response, error) {
		vars := varsOf(t, r.Vars)
		text := fmt.Sprintf("%s:%s %s:%s %s%s %v", vars["REMOTE_ADDR"], vars["REMOTE_PORT"], vars["SERVER_NAME"], vars["SERVER_PORT"],
			vars["REQUEST_SCHEME"], vars["HTTPS"], r.Trusted)
		return whole(200, "", text), nil
	}
}

const (
	proxyGet  = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	proxyLine = "PROXY TCP4 203.0.113.9 198.51.100.2 56324 443\r\n"
	signature = "\r\n\r\n\x00\r\nQUIT\n"
	proxyV2   = signature + "\x21\x11\x00\x0c\xcb\x00\x71\x09\xc6\x33\x64\x02\xdc\x04\x01\xbb"
)

func loopbackSender() configs.HTTP {
	return configs.HTTP{ProxyProtocol: true, ProxyProtocolFrom: []string{"127.0.0.1"}}
}

// TestProxyHeader: the application sees the client, for all requests of the connection, however the bytes come.
func TestProxyHeader(t *testing.T) {
	f := startFront(t, ends(t), options{cfg: loopbackSender()})
	_, own, _ := net.SplitHostPort(f.ln.Addr().String())
	for _, row := range []struct{ header, want string }{
		{proxyLine, "203.0.113.9:56324 198.51.100.2:443 http false"},
		{proxyV2, "203.0.113.9:56324 198.51.100.2:443 http false"},
		{"PROXY TCP6 2001:db8::1 2001:db8::2 1 80\r\n", "2001:db8::1:1 2001:db8::2:80 http false"},
		{signature + "\x21\x11\x00\x14\xcb\x00\x71\x09\xc6\x33\x64\x02\xdc\x04\x01\xbb" + "\x20\x00\x05\x01\x00\x00\x00\x00",
			"203.0.113.9:56324 198.51.100.2:443 httpson false"},
		{"PROXY UNKNOWN\r\n", "127.0.0.1:* 127.0.0.1:" + own + " http false"},
		{signature + "\x20\x00\x00\x00", "127.0.0.1:* 127.0.0.1:" + own + " http false"},
	} {
		for _, piece := range []int{1, 7, 16, 1000} {
			c := f.dial(t)
			for rest := row.header + proxyGet; rest != ""; {
				n := min(piece, len(rest))
				c.send(rest[:n])
				rest = rest[n:]
			}
			_, local, _ := net.SplitHostPort(c.LocalAddr().String())
			want := strings.ReplaceAll(row.want, "*", local)
			for range 2 {
				if status, got := c.response(); status != "200" || got != want {
					t.Errorf("%q in pieces of %d: %s %s, want %s", row.header, piece, status, got, want)
				}
				c.send(proxyGet)
			}
			c.response()
			c.Conn.Close()
		}
	}
}

// TestProxyHeaderAndTrust: who is behind the load balancer is trusted by its own address, and never through the load balancer's.
func TestProxyHeaderAndTrust(t *testing.T) {
	forwarded := "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.77\r\nX-Forwarded-Proto: https\r\n\r\n"
	cfg := loopbackSender()
	cfg.TrustedProxies = []string{"127.0.0.1", "203.0.113.0/24"}
	tcp := startFront(t, ends(t), options{cfg: cfg})
	unix := startFront(t, ends(t), options{cfg: configs.HTTP{ProxyProtocol: true}, network: "unix"})
	_, port, _ := net.SplitHostPort(tcp.ln.Addr().String())
	for _, row := range []struct {
		f            *front
		header, want string
	}{
		{tcp, proxyLine, "192.0.2.77: 198.51.100.2:443 httpson true"},
		{tcp, "PROXY TCP4 8.8.8.8 198.51.100.2 1 80\r\n", "8.8.8.8:1 198.51.100.2:80 http false"},
		{tcp, "PROXY UNKNOWN\r\n", " 127.0.0.1:" + port + " http false"},
		{unix, "PROXY TCP4 8.8.8.8 198.51.100.2 1 80\r\n", "8.8.8.8:1 198.51.100.2:80 http false"},
		{unix, "PROXY UNKNOWN\r\n", ": localhost:80 http false"},
		{unix, signature + "\x20\x00\x00\x00", "192.0.2.77: localhost:443 httpson true"}, // the sender's own word
	} {
		c := row.f.dial(t)
		c.send(row.header + forwarded)
		if _, got := c.response(); !strings.HasSuffix(got, row.want) {
			t.Errorf("%q: %s, want %s", row.header, got, row.want)
		}
	}
}

// TestProxyHeaderRefused: nothing is answered, nothing behind the header is interpreted, and there is a reason.
func TestProxyHeaderRefused(t *testing.T) {
	var logs testkit.Buffer
	f := startFront(t, ends(t), options{cfg: loopbackSender(), log: slog.New(slog.NewTextHandler(&logs, nil)), limits: configs.Limits{ProxyHeader: 600}})
	for _, row := range []struct{ bytes, reason string }{
		{proxyGet, "proxy_missing"},
		{"\x16\x03\x01\x02\x00\x01", "proxy_missing"},
		{"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n" + proxyGet, "proxy_line"},
		{"PROXY UNKNOWN " + strings.Repeat("x", 200), "proxy_long_line"},
		{signature + "\x31\x11\x00\x0c", "proxy_version"},
		{signature + "\x21\x41\x00\x0c", "proxy_family"},
		{signature + "\x21\x11\x00\x0b", "proxy_length"},
		{signature + "\x21\x11\x00\x0d\xcb\x00\x71\x09\xc6\x33\x64\x02\xdc\x04\x01\xbb\x01" + proxyGet, "proxy_tlv"},
		{signature + "\x21\x11\x00\x13\xcb\x00\x71\x09\xc6\x33\x64\x02\xdc\x04\x01\xbb\x03\x00\x04abcd" + proxyGet, "proxy_checksum"},
		{signature + "\x21\x11\xff\xff", "proxy_large"},
	} {
		c := f.dial(t)
		c.send(row.bytes)
		c.ended()
		f.awaitReason(t, row.reason)
	}
	if text := logs.String(); strings.Count(text, `msg="connection refused"`) != 10 || !strings.Contains(text, "limits.proxy_header") {
		t.Errorf("the log says\n%s", text)
	}
	if len(f.outcomes) != 0 {
		t.Errorf("%d requests", len(f.outcomes))
	}
}

func TestProxyReasonsAreThoseOfTheCodec(t *testing.T) {
	if len(proxyReasons) != int(proxyproto.ProblemLarge)+1 || (proxyproto.ProblemLarge+1).String() != "unknown" {
		t.Fatal("there are problems without a reason")
	}
	for problem, reason := range proxyReasons {
		if problem > 0 && reason != "proxy_"+proxyproto.Problem(problem).String() {
			t.Errorf("%s is called %s", proxyproto.Problem(problem), reason)
		}
	}
}

// TestProxyHeaderCut: a header that ends early is counted; a connection that says nothing is a check.
func TestProxyHeaderCut(t *testing.T) {
	f := startFront(t, ends(t), options{cfg: loopbackSender()})
	c := f.dial(t)
	c.send(proxyLine[:20])
	c.Conn.Close()
	f.awaitReason(t, "proxy_cut")
	f.dial(t).Conn.Close()
	waitFor(t, "the connections", func() bool { return f.closedConns.Load() == 2 })
	if got := f.sortedReasons(); got != "" {
		t.Errorf("a check counts as %s", got)
	}
}

// TestProxyHeaderSlow: limits.header_timeout begins when the connection does, and pieces do not prolong it.
func TestProxyHeaderSlow(t *testing.T) {
	var logs testkit.Buffer
	f := startFront(t, ends(t), options{cfg: loopbackSender(), log: slog.New(slog.NewTextHandler(&logs, nil)), limits: configs.Limits{HeaderTime: 200 * time.Millisecond}})
	silent, dripping := f.dial(t), f.dial(t)
	stop := make(chan struct{})
	defer close(stop)
	go func() { // ends with the test
		for i := 0; i < len(proxyLine)-1; i++ {
			dripping.Conn.Write([]byte{proxyLine[i]})
			select {
			case <-time.After(20 * time.Millisecond):
			case <-stop:
				return
			}
		}
	}()
	begin := time.Now()
	silent.ended()
	dripping.ended()
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("they were borne for %s", took)
	}
	f.awaitReason(t, "proxy_slow")
	if !strings.Contains(logs.String(), "limits.header_timeout") {
		t.Errorf("the log says\n%s", logs.String())
	}
}

// TestProxySenders: the header counts only from those who are named.
func TestProxySenders(t *testing.T) {
	var logs testkit.Buffer
	f := startFront(t, ends(t), options{cfg: configs.HTTP{ProxyProtocol: true, ProxyProtocolFrom: []string{"192.0.2.1"}}, log: slog.New(slog.NewTextHandler(&logs, nil))})
	c := f.dial(t)
	c.Conn.Write([]byte(proxyLine + proxyGet)) // it may be closed already
	c.ended()
	f.awaitReason(t, "proxy")
	if f.opened.Load() != 0 || !strings.Contains(logs.String(), `msg="peer refused" reason=proxy client=127.0.0.1:`) {
		t.Errorf("%d opened; the log says\n%s", f.opened.Load(), logs.String())
	}
}

// TestProxyHeaderBeforeTLS: the header is in clear, then the handshake begins with the next byte, also in the same segment.
func TestProxyHeaderBeforeTLS(t *testing.T) {
	o := encrypted(t)
	o.cfg = loopbackSender()
	f := startFront(t, ends(t), o)
	for _, header := range []string{proxyLine, proxyV2} {
		nc, err := net.Dial("tcp", f.ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		nc.SetDeadline(time.Now().Add(patience))
		secure := tls.Client(&prefixed{nc, header}, f.trusts)
		c := &client{secure, bufio.NewReader(secure), t}
		c.send(proxyGet)
		if status, got := c.response(); status != "200" || got != "203.0.113.9:56324 198.51.100.2:443 httpson false" {
			t.Errorf("%s %s", status, got)
		}
	}
	f.trusts = nil
	c := f.dial(t)
	c.send("\x16\x03\x01\x00\x05") // a handshake without a header
	c.ended()
	f.awaitReason(t, "proxy_missing")
}

// prefixed sends a text in front of what is first written.
type prefixed struct {
	net.Conn
	text string
}

func (p *prefixed) Write(b []byte) (int, error) {
	n, err := p.Conn.Write(append([]byte(p.text), b...))
	n -= len(p.text)
	p.text = ""
	return n, err
}

// TestProxyHeaderWhereNoneIsWanted: it is no request, and the answer says what is wrong.
func TestProxyHeaderWhereNoneIsWanted(t *testing.T) {
	f := startFront(t, ends(t), options{})
	for _, header := range []string{proxyLine, proxyV2, "PROXY UNKNOWN\r\n"} {
		c := f.dial(t)
		c.send(header + proxyGet)
		if status, body := c.response(); status != "400" || !strings.Contains(body, "http.proxy_protocol") {
			t.Errorf("%q: %s %q", header, status, body)
		}
		f.awaitReason(t, "proxy_header")
	}
}

// TestStopDuringProxyHeader: who has not said anything does not hold up the end.
func TestStopDuringProxyHeader(t *testing.T) {
	f := startFront(t, ends(t), options{cfg: loopbackSender(), limits: configs.Limits{HeaderTime: time.Hour}})
	c := f.dial(t)
	waitFor(t, "the connections", func() bool { return f.opened.Load() == 1 })
	begin := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := f.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > patience/2 {
		t.Errorf("the end took %s", took)
	}
	c.ended()
}

// TestListenerLists: who may connect is judged before a byte is read; with the PROXY protocol by the client's address.
func TestListenerLists(t *testing.T) {
	proxied := func(allow, deny []string) configs.HTTP {
		cfg := loopbackSender()
		cfg.AllowFrom, cfg.DenyFrom = allow, deny
		return cfg
	}
	for _, row := range []struct {
		cfg     configs.HTTP
		network string
		header  string
		served  bool
	}{
		{cfg: configs.HTTP{AllowFrom: []string{"127.0.0.0/8"}}, served: true},
		{cfg: configs.HTTP{AllowFrom: []string{"192.0.2.0/24"}}},
		{cfg: configs.HTTP{DenyFrom: []string{"127.0.0.1"}}},
		{cfg: configs.HTTP{AllowFrom: []string{"127.0.0.1"}, DenyFrom: []string{"all"}}, served: true},
		{cfg: proxied([]string{"203.0.113.0/24"}, nil), header: proxyLine, served: true},
		{cfg: proxied([]string{"127.0.0.1"}, nil), header: proxyLine},
		{cfg: proxied(nil, []string{"203.0.113.9"}), header: proxyV2},
		{cfg: proxied(nil, []string{"127.0.0.1"}), header: proxyV2, served: true},
		{cfg: proxied([]string{"203.0.113.0/24"}, nil), network: "unix", header: proxyLine, served: true},
		{cfg: proxied([]string{"203.0.113.0/24"}, nil), network: "unix", header: "PROXY UNKNOWN\r\n"}, // nobody knows
	} {
		f := startFront(t, ends(t), options{cfg: row.cfg, network: row.network})
		c := f.dial(t)
		c.Conn.Write([]byte(row.header + proxyGet)) // it may be closed already
		if row.served {
			if status, _ := c.response(); status != "200" {
				t.Errorf("%+v: %s", row.cfg, status)
			}
			continue
		}
		c.ended()
		f.awaitReason(t, "address")
		if len(f.outcomes) != 0 {
			t.Errorf("%+v: there was a request", row.cfg)
		}
	}
	for _, cfg := range []configs.HTTP{{AllowFrom: []string{"x"}}, {DenyFrom: []string{"x"}}, {ProxyProtocolFrom: []string{"x"}}} {
		if _, err := New(cfg, configs.Limits{}, Deps{}); err == nil {
			t.Errorf("%+v was taken", cfg)
		}
	}
}

// TestAdmitAnew: a reload's lists hold for the connections that come; those that are open stay.
func TestAdmitAnew(t *testing.T) {
	f := startFront(t, ends(t), options{})
	open := f.dial(t)
	open.send(proxyGet)
	open.response()
	f.Admit(mustAccess(t, nil, []string{"127.0.0.1"}))
	refused := f.dial(t)
	refused.Conn.Write([]byte(proxyGet))
	refused.ended()
	open.send(proxyGet)
	open.response()
	f.Admit(mustAccess(t, nil, nil))
	again := f.dial(t)
	again.send(proxyGet)
	again.response()
}

func mustAccess(t *testing.T, allow, deny []string) sockets.Access {
	t.Helper()
	access, err := sockets.ParseAccess(allow, deny)
	if err != nil {
		t.Fatal(err)
	}
	return access
}

// awaitReason waits until something was counted by that label, and forgets it.
func (f *front) awaitReason(t *testing.T, reason string) {
	t.Helper()
	waitFor(t, "reason "+reason, func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		i := slices.Index(f.reasons, reason)
		if i >= 0 {
			f.reasons = slices.Delete(f.reasons, i, i+1)
		}
		return i >= 0
	})
}
