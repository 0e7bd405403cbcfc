package httpfront

import (
	"strings"
	"testing"

	"penknife/configs"
)

// environRows tell what the application sees. "-" stands for a variable that must not be there.
var environRows = []struct{ rule, wire, variable, want string }{
	// One name in the environ for one name on the wire (RFC 3875 section 4.1.18).
	{"3875 4.1.18 a twin by underscore", get + "X-A: 1\r\nX_A: 2\r\n\r\n", "HTTP_X_A", "1"},
	{"3875 4.1.18 a twin that comes first", get + "X_A: 2\r\nX-A: 1\r\n\r\n", "HTTP_X_A", "1"},
	{"3875 4.1.18 only the twin", get + "X_A: 2\r\n\r\n", "HTTP_X_A", "-"},
	{"3875 4.1.18 a twin by a dot", get + "X.A: 2\r\n\r\n", "HTTP_X_A", "-"},
	{"3875 4.1.18 a twin by a tilde", get + "X~A: 2\r\n\r\n", "HTTP_X_A", "-"},
	{"3875 4.1.18 a dot does not stay", get + "X.A: 2\r\n\r\n", "HTTP_X.A", "-"},
	{"3875 4.1.18 a twin of Content-Length", get + "Content_Length: 7\r\n\r\n", "CONTENT_LENGTH", "-"},
	{"3875 4.1.18 a twin of Content-Type", get + "Content_Type: a/b\r\n\r\n", "CONTENT_TYPE", "-"},
	{"3875 4.1.18 a twin of Host", get + "HTTP_HOST: b\r\n\r\n", "HTTP_HOST", "a"},
	{"3875 4.1.18 a twin of a forwarding field", get + "X_Forwarded_For: 9.9.9.9\r\n\r\n", "HTTP_X_FORWARDED_FOR", "-"},
	{"3875 4.1.18 a twin of Proxy", get + "Proxy_: x\r\n\r\n", "HTTP_PROXY_", "-"},
	{"9110 5.3 cases are one name", get + "x-a: 1\r\nX-A: 2\r\n\r\n", "HTTP_X_A", "1, 2"},
	{"9110 5.3 order is kept", get + "X-A: 2\r\nX-B: 0\r\nX-A: 1\r\n\r\n", "HTTP_X_A", "2, 1"},
	{"6265 5.4 cookies are joined by semicolons", get + "Cookie: a=1\r\nCookie: b=2\r\n\r\n", "HTTP_COOKIE", "a=1; b=2"},

	// No field chooses a variable that is not HTTP_ something.
	{"3875 4.1 REMOTE_ADDR", get + "REMOTE_ADDR: 9.9.9.9\r\nRemote-Addr: 9.9.9.9\r\n\r\n", "REMOTE_ADDR", "127.0.0.1"},
	{"3875 4.1 REMOTE_USER", get + "REMOTE_USER: root\r\nRemote-User: root\r\n\r\n", "REMOTE_USER", "-"},
	{"3875 4.1 SCRIPT_NAME", get + "SCRIPT_NAME: /x\r\nScript-Name: /x\r\n\r\n", "SCRIPT_NAME", ""},
	{"3875 4.1 PATH_INFO", get + "PATH_INFO: /x\r\nPath-Info: /x\r\n\r\n", "PATH_INFO", "/"},
	{"3875 4.1 SERVER_NAME", get + "SERVER_NAME: x\r\nServer-Name: x\r\n\r\n", "SERVER_NAME", "127.0.0.1"},
	{"3875 4.1 HTTPS", get + "HTTPS: on\r\n\r\n", "HTTPS", "-"},
	{"3875 4.1 the scheme", get + "wsgi.url_scheme: https\r\nRequest-Scheme: https\r\n\r\n", "REQUEST_SCHEME", "http"},
	{"3875 4.1 UWSGI_FILE", get + "UWSGI_FILE: /x\r\nUWSGI-File: /x\r\n\r\n", "UWSGI_FILE", "-"},
	{"httpoxy", get + "Proxy: http://evil\r\n\r\n", "HTTP_PROXY", "-"},
	{"httpoxy twice", get + "Proxy: a\r\nPROXY: b\r\n\r\n", "HTTP_PROXY", "-"},

	// Framing is ours; the application gets its result.
	{"9112 6.1 no coding", coding + "0\r\n\r\n", "HTTP_TRANSFER_ENCODING", "-"},
	{"9112 6.1 no length of chunks from here", coding + "1\r\nx\r\n0\r\n\r\n", "CONTENT_LENGTH", "-"},
	{"9110 8.6 leading zeros go", post + "Content-Length: 0003\r\n\r\nabc", "CONTENT_LENGTH", "3"},
	{"9110 6.5.1 a trailer is no header", coding + "0\r\nX-A: 1\r\n\r\n", "HTTP_X_A", "-"},
	{"9110 6.5.1 a trailer changes no header", post + "X-A: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-A: 1\r\n\r\n", "HTTP_X_A", "0"},
	{"9110 10.1.1 the expectation is ours", get + "Expect: 100-continue\r\n\r\n", "HTTP_EXPECT", "-"},

	// Target, host and version.
	{"9110 2.5 a later version is called 1.1", "GET / HTTP/1.7\r\n" + host, "SERVER_PROTOCOL", "HTTP/1.1"},
	{"9112 3.2.2 the scheme of a target is not the connection's", "GET https://b/ HTTP/1.1\r\n" + host, "REQUEST_SCHEME", "http"},
	{"9112 3.2.2 the target's authority beats Host", "GET http://b/ HTTP/1.1\r\n" + host, "HTTP_HOST", "b"},
	{"9112 3.2.2 the target's authority without Host", "GET http://b/ HTTP/1.0\r\n\r\n", "HTTP_HOST", "b"},
	{"9112 3.2.1 an empty segment first is no authority", "GET //b/c HTTP/1.1\r\n" + host, "PATH_INFO", "//b/c"},
	{"9112 3.2.4 asterisk", "OPTIONS * HTTP/1.1\r\n" + host, "REQUEST_URI", "*"},
	{"3986 2.1 decoded once", "GET /%2541%252e HTTP/1.1\r\n" + host, "PATH_INFO", "/%41%2e"},
	{"3986 2.1 the query stays encoded", "GET /?%41%00 HTTP/1.1\r\n" + host, "QUERY_STRING", "%41%00"},
	{"3986 2.1 CRLF in the path is data", "GET /%0d%0aX:%20y HTTP/1.1\r\n" + host, "PATH_INFO", "/\r\nX: y"},
	{"3986 2.1 CRLF in the path adds no field", "GET /%0d%0aX:%20y HTTP/1.1\r\n" + host, "HTTP_X", "-"},
	{"9112 5.1 blanks around a value go", get + "X-A: \t a  b \t\r\n\r\n", "HTTP_X_A", "a  b"},
	{"9110 5.5 obs-text stays", get + "X-A: \xe9\xff\r\n\r\n", "HTTP_X_A", "\xe9\xff"},
}

func TestEnvironRows(t *testing.T) {
	handler, seen := capture(t)
	f := startFront(t, handler, options{})
	for _, r := range environRows {
		t.Run(r.rule, func(t *testing.T) {
			c := f.dial(t)
			c.send(r.wire)
			if status, _ := c.response(); status != "200" {
				t.Fatalf("status %s", status)
			}
			expectVar(t, <-seen, r.variable, r.want)
		})
	}
}

func expectVar(t testing.TB, vars map[string]string, name, want string) {
	t.Helper()
	got, there := vars[name]
	if !there {
		got = "-"
	}
	if got != want {
		t.Errorf("%s is %q, want %q", name, got, want)
	}
}

// TestFieldsOfProxies: what a proxy says about its client is dropped from everybody else, under any spelling, and
// reaches the application from a trusted one.
func TestFieldsOfProxies(t *testing.T) {
	names := []string{"X-Forwarded", "X-Forwarded-For", "X-Forwarded-User", "X-Forwarded-Ssl", "X-Forwarded-Prefix"}
	for _, group := range proxyNames {
		names = append(names, group...)
	}
	if len(names) < 25 {
		t.Fatalf("only %d names", len(names))
	}
	for trusted, want := range map[string]string{"": "-", "127.0.0.1": "9.9.9.9"} {
		handler, seen := capture(t)
		f := startFront(t, handler, options{cfg: configs.HTTP{TrustedProxies: strings.Fields(trusted)}})
		c := f.dial(t)
		for _, name := range names {
			for _, spelling := range []string{name, strings.ToUpper(name)} {
				c.send(get + spelling + ": 9.9.9.9\r\nX-Kept: yes\r\n\r\n")
				c.response()
				vars := <-seen
				expectVar(t, vars, "HTTP_"+strings.ReplaceAll(strings.ToUpper(name), "-", "_"), want)
				expectVar(t, vars, "HTTP_X_KEPT", "yes")
			}
		}
	}
}

// TestFieldsLikeThoseOfProxies: a name that only resembles one of them is the application's.
func TestFieldsLikeThoseOfProxies(t *testing.T) {
	handler, seen := capture(t)
	c := startFront(t, handler, options{}).dial(t)
	for _, name := range []string{"X-Real", "X-Real-IPs", "X-Request-ID", "X-Requested-With", "X-Hosts", "Forward", "Remote",
		"Client", "X-" + strings.Repeat("a", 40), "X", "C", "From", "Referer", "TE", "Cookie", "X-CSRFToken"} {
		c.send(get + name + ": 1\r\n\r\n")
		c.response()
		expectVar(t, <-seen, "HTTP_"+strings.ReplaceAll(strings.ToUpper(name), "-", "_"), "1")
	}
}
