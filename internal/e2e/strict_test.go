package e2e

import (
	"bufio"
	"net"
	"strings"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// environWire asks the application for its environ.
func environWire(target, version, fields, body string) string {
	return "POST " + target + " " + version + "\r\nHost: x\r\nConnection: close\r\n" + fields + "\r\n" + body
}

// TestPythonSeesOneReading: what Python gets of requests that others read in two ways. "-" is a key that must not be
// there.
func TestPythonSeesOneReading(t *testing.T) {
	s := serve(t, "attacked:application", testkit.Options{})
	for name, test := range map[string]struct {
		wire string
		want map[string]string
	}{
		"twins": {environWire("/environ", "HTTP/1.1", "X-A: 1\r\nX_A: 2\r\nX.A: 3\r\nx-a: 4\r\nContent_Length: 7\r\nContent_Type: a/b\r\n", ""),
			map[string]string{"HTTP_X_A": "1, 4", "HTTP_X.A": "-", "CONTENT_TYPE": "-"}},
		"what is ours": {environWire("/environ", "HTTP/1.1", "REMOTE_ADDR: 9.9.9.9\r\nRemote-User: root\r\nSCRIPT_NAME: /x\r\nHTTPS: on\r\n"+
			"wsgi.url_scheme: https\r\nUWSGI_FILE: /x\r\nProxy: http://evil\r\nTE: trailers\r\n", ""),
			map[string]string{"REMOTE_ADDR": "127.0.0.1", "REMOTE_USER": "-", "HTTP_REMOTE_USER": "-", "SCRIPT_NAME": "", "HTTPS": "-",
				"wsgi.url_scheme": "http", "UWSGI_FILE": "-", "HTTP_UWSGI_FILE": "-", "HTTP_PROXY": "-", "HTTP_TE": "trailers"}},
		"what is a proxy's": {environWire("/environ", "HTTP/1.1", "X-Real-IP: 9.9.9.9\r\nX-Client-IP: 9.9.9.9\r\nX-Forwarded: for=9.9.9.9\r\n"+
			"CF-Connecting-IP: 9.9.9.9\r\nX-Forwarded-User: root\r\nX-Original-URL: /admin\r\n", ""),
			map[string]string{"HTTP_X_REAL_IP": "-", "HTTP_X_CLIENT_IP": "-", "HTTP_X_FORWARDED": "-", "HTTP_CF_CONNECTING_IP": "-",
				"HTTP_X_FORWARDED_USER": "-", "HTTP_X_ORIGINAL_URL": "-"}},
		"chunks and trailer": {environWire("/environ", "HTTP/1.1", "X-A: 1\r\nTransfer-Encoding: chunked\r\n", "3;x=y\r\nabc\r\n0\r\nX-A: 2\r\nX-B: 3\r\n\r\n"),
			map[string]string{"CONTENT_LENGTH": "3", "HTTP_TRANSFER_ENCODING": "-", "HTTP_X_A": "1", "HTTP_X_B": "-"}},
		"later version": {environWire("/environ", "HTTP/1.2", "", ""), map[string]string{"SERVER_PROTOCOL": "HTTP/1.1"}},
		"scheme of the target": {environWire("https://y/environ", "HTTP/1.1", "", ""),
			map[string]string{"wsgi.url_scheme": "http", "HTTP_HOST": "y", "PATH_INFO": "/environ", "REQUEST_URI": "https://y/environ"}},
		"decoded once": {environWire("/%65nviron?%41%00", "HTTP/1.1", "", ""),
			map[string]string{"PATH_INFO": "/environ", "REQUEST_URI": "/%65nviron?%41%00", "QUERY_STRING": "%41%00"}},
		"leading zeros": {environWire("/environ", "HTTP/1.1", "Content-Length: 0003\r\n", "abc"), map[string]string{"CONTENT_LENGTH": "3"}},
	} {
		t.Run(name, func(t *testing.T) {
			exchange, err := testkit.HTTPClient(s.HTTP).Dial()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = exchange.Close() }()
			_, _ = exchange.Write([]byte(test.wire))
			answer, err := exchange.Receive()
			if err != nil {
				t.Fatal(err)
			}
			environ := decode[map[string]string](t, answer)
			for key, want := range test.want {
				got, there := environ[key]
				if !there {
					got = "-"
				}
				if got != want {
					t.Errorf("%s is %q, want %q", key, got, want)
				}
			}
		})
	}
}

// TestNoControlBytesInLogs: nothing that a client sends, served or refused, reaches the log as a control character, and
// nobody writes a line of his own.
func TestNoControlBytesInLogs(t *testing.T) {
	s := serve(t, "attacked:application", testkit.Options{})
	for _, wire := range []string{
		"GET /%0d%0aforged%1b[31m%7f%c2%9b HTTP/1.1\r\nHost: x\r\n",
		"GET /\xc2\x9b\xff\x9b HTTP/1.1\r\nHost: x\r\nUser-Agent: \xc2\x9b31m\tx\xff\r\nReferer: a\"b\\\xc2\x85\r\n",
		"GET /a\x00b\x1b[31m HTTP/1.1\r\nHost: x\r\n",
		"GET /a\x7f\x01 HTTP/1.1\r\nHost: x\r\n",
		"GET /a HTTP/1.1\r\nHost: x\r\nX: \x1b[31m\r\n",
		"GET /a%00 HTTP/1.1\r\nHost: x\r\n",
		"G\x1bT / HTTP/1.1\r\nHost: x\r\n",
		"GET /a\rforged HTTP/1.1\r\nHost: x\r\n",
	} {
		conn, err := net.Dial("tcp", s.HTTP)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(callTimeout))
		_, _ = conn.Write([]byte(wire + "Connection: close\r\n\r\n"))
		status, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil || strings.Count(status, "\r") != 1 || len(status) > 40 {
			t.Errorf("%q: status line %q, %v", wire, status, err)
		}
		_ = conn.Close()
	}
	s.AwaitOutput(t, "forged")
	s.Terminate(t, callTimeout) // everything is written then
	for line := range strings.SplitSeq(strings.TrimSuffix(s.Output(), "\n"), "\n") {
		if strings.HasPrefix(line, "forged") {
			t.Errorf("a line that a client wrote: %q", line)
		}
		for _, c := range line {
			if c < ' ' || 0x7f <= c && c < 0xa0 || c == '\ufffd' {
				t.Errorf("%U in %q", c, line)
			}
		}
	}
}
