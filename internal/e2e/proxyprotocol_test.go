package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// getFrom asks over a connection of its own from an address of this machine, and gives the local end of it and what the
// application saw.
func getFrom(t *testing.T, from, to string) (netLocal string, saw probed) {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 5 * time.Second}
	conn, err := dialer.DialContext(t.Context(), "tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(callTimeout))
	// Headers of a client behind a load balancer that only passes bytes on are the client's word.
	fmt.Fprintf(conn, "GET /x HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.66\r\nX-Real-IP: 192.0.2.66\r\nConnection: close\r\n\r\n")
	raw, err := io.ReadAll(conn)
	head, body, found := strings.Cut(string(raw), "\r\n\r\n")
	if err != nil || !found || !strings.HasPrefix(head, "HTTP/1.1 200 ") {
		t.Fatalf("%v: %q", err, raw)
	}
	return conn.LocalAddr().String(), decode[probed](t, testkit.Answer{Status: 200, Body: []byte(body)})
}

// TestProxyProtocolOfRealSenders: haproxy and nginx say who the client is, in every form that they know, to listeners of
// both kinds.
func TestProxyProtocolOfRealSenders(t *testing.T) {
	tcp, unix := testkit.FreeAddress(t), testkit.Dir(t)+"/p.sock"
	s := serve(t, "probe:application", testkit.Options{HTTP: []string{
		`listen: "` + tcp + `", proxy_protocol: true, proxy_protocol_from: ["127.0.0.1"], trusted_proxies: ["127.0.0.1"]`,
		`listen: "unix:` + unix + `", proxy_protocol: true`,
	}})
	var senders []*testkit.Front
	for _, keywords := range []string{
		"send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id,authority", "send-proxy-v2-ssl-cn",
	} {
		senders = append(senders, testkit.HAProxy(t, tcp+" "+keywords), testkit.HAProxy(t, "unix@"+unix+" "+keywords))
	}
	senders = append(senders, testkit.NginxStream(t, tcp), testkit.NginxStream(t, "unix:"+unix))
	for i, sender := range senders {
		local, saw := getFrom(t, "127.0.0.9", sender.Address)
		got := net.JoinHostPort(saw.text(t, "REMOTE_ADDR"), saw.text(t, "REMOTE_PORT"))
		server := net.JoinHostPort(saw.text(t, "SERVER_NAME"), saw.text(t, "SERVER_PORT"))
		if got != local || server != sender.Address || saw.text(t, "wsgi.url_scheme") != "http" {
			t.Errorf("sender %d: the application saw %s at %s, the client is %s at %s", i, got, server, local, sender.Address)
		}
		for _, field := range []string{"HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP"} {
			if saw.Environ[field] != nil {
				t.Errorf("sender %d: a client's %s is believed", i, field)
			}
		}
	}
	if text := s.Output(); strings.Contains(text, "refused") {
		t.Errorf("the log says\n%s", text)
	}
}

// TestProxyProtocolChecks: haproxy's health checks, with a header of their own, find the server alive.
func TestProxyProtocolChecks(t *testing.T) {
	for _, version := range []string{"send-proxy", "send-proxy-v2"} {
		tcp := testkit.FreeAddress(t)
		w := serveWatched(t, "probe:application", "", testkit.Options{HTTP: []string{
			`listen: "` + tcp + `", proxy_protocol: true, proxy_protocol_from: ["127.0.0.1"]`}})
		sender := testkit.HAProxy(t, tcp+" "+version+" check check-send-proxy inter 100ms fall 1\n  option httpchk OPTIONS /healthy")
		testkit.Eventually(t, 10*time.Second, func() error {
			_, count, _ := strings.Cut(w.scrape(t), `penknife_requests_total{class="2xx",front="http",method="OPTIONS"} `)
			if n := 0; scanned(fmt.Sscan(count, &n)) && n >= 3 {
				return nil
			}
			return errNotYet
		})
		getFrom(t, "127.0.0.9", sender.Address)
		if text := sender.Output(); strings.Contains(text, "DOWN") {
			t.Errorf("%s: haproxy says\n%s", version, text)
		}
	}
}

func scanned(_ int, err error) bool { return err == nil }

// TestProxyProtocolOfStrangers: who is not named, says nothing, or says something else is closed, with a reason.
func TestProxyProtocolOfStrangers(t *testing.T) {
	named, other := testkit.FreeAddress(t), testkit.FreeAddress(t)
	w := serveWatched(t, "probe:application", "limits: {header_timeout: 300ms}\n", testkit.Options{HTTP: []string{
		`listen: "` + named + `", proxy_protocol: true, proxy_protocol_from: ["127.0.0.1"]`,
		`listen: "` + other + `", proxy_protocol: true, proxy_protocol_from: ["192.0.2.1"]`,
	}})
	get := "GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
	for _, row := range []struct{ address, bytes, counter string }{
		{named, get, `penknife_protocol_errors_total{front="http",reason="proxy_missing"} 1`},
		{named, "PROXY TCP4 1.2.3.4 1.2.3.4 080 80\r\n" + get, `penknife_protocol_errors_total{front="http",reason="proxy_line"} 1`},
		{named, "PROXY TCP4 1.2.3.4", `penknife_protocol_errors_total{front="http",reason="proxy_slow"} 1`},
		{other, "PROXY TCP4 1.2.3.4 1.2.3.4 80 80\r\n" + get, `penknife_connections_refused_total{front="http",reason="proxy"} 1`},
	} {
		conn, err := net.Dial("tcp", row.address)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(callTimeout))
		_, _ = io.WriteString(conn, row.bytes) // it may be closed already
		if got, err := io.ReadAll(conn); len(got) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%q: %q, %v", row.bytes, got, err)
		}
		_ = conn.Close()
		if text := w.scrape(t); !strings.Contains(text, row.counter+"\n") {
			t.Errorf("%q: no %s", row.bytes, row.counter)
		}
	}
}
