package httpfront

import (
	"net"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"penknife/configs"
	"penknife/gateway"
)

// capture gives the variables of the requests that reach it, and checks that the views are views into them.
func capture(t *testing.T) (gateway.Handler, chan map[string]string) {
	seen := make(chan map[string]string, 16)
	return gateway.HandlerFunc(func(req *gateway.Request) (*gateway.Response, error) {
		vars := varsOf(t, req.Vars)
		for name, view := range map[string][]byte{
			"REQUEST_METHOD": req.Method, "REQUEST_URI": req.Target, "PATH_INFO": req.Path, "QUERY_STRING": req.Query,
			"HTTP_HOST": req.Host, "REQUEST_SCHEME": req.Scheme, "SERVER_PROTOCOL": req.Proto, "REMOTE_ADDR": req.RemoteAddr,
		} {
			if string(view) != vars[name] {
				t.Errorf("the view of %s is %q, the variable %q", name, view, vars[name])
			}
		}
		if req.ID == 0 || req.Front != gateway.FrontHTTP || req.Start.IsZero() || req.Later != nil {
			t.Errorf("request %+v", req)
		}
		seen <- vars
		return whole(200, "", ""), nil
	}), seen
}

func TestVars(t *testing.T) {
	handler, seen := capture(t)
	f := startFront(t, handler, options{})
	c := f.dial(t)
	c.send("POST /caf%C3%A9//..%2fx;y%2525?a=%20&b HTTP/1.1\r\nhost: Example.org:81\r\nCONTENT-TYPE: text/plain\r\n" +
		"Content-Length: 003\r\nCookie: a=1\r\nX-List: 1\r\nCookie: b=\"2\";\r\nx-list:  2 \r\nX_List: 3\r\nX.Y: 4\r\n" +
		"Proxy: evil\r\nExpect: 100-continue\r\nContent-Encoding: gzip\r\nAuthorization: Basic x\r\nx-LIST: \r\n" +
		"X-Forwarded-For: 9.9.9.9\r\nForwarded: for=9.9.9.9\r\nX-Forwarded-Anything: 1\r\nX-Raw: \xff\r\nContent_Type: a\r\n\r\nabc")
	c.response()
	host, port, _ := net.SplitHostPort(f.ln.Addr().String())
	_, remotePort, _ := net.SplitHostPort(c.LocalAddr().String())
	want := map[string]string{
		"REQUEST_METHOD": "POST", "REQUEST_URI": "/caf%C3%A9//..%2fx;y%2525?a=%20&b", "PATH_INFO": "/caf\xc3\xa9//../x;y%25",
		"QUERY_STRING": "a=%20&b", "SERVER_PROTOCOL": "HTTP/1.1", "SCRIPT_NAME": "", "SERVER_NAME": host, "SERVER_PORT": port,
		"REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": remotePort, "REQUEST_SCHEME": "http", "HTTP_HOST": "Example.org:81",
		"CONTENT_TYPE": "text/plain", "CONTENT_LENGTH": "3", "HTTP_COOKIE": `a=1; b="2";`, "HTTP_X_LIST": "1, 2, ",
		"HTTP_CONTENT_ENCODING": "gzip", "HTTP_AUTHORIZATION": "Basic x", "HTTP_X_RAW": "\xff",
	}
	if got := <-seen; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestVarsOfMinimalRequest(t *testing.T) {
	handler, seen := capture(t)
	f := startFront(t, handler, options{network: "unix"})
	c := f.dial(t)
	c.send("GET / HTTP/1.0\r\n\r\n")
	c.response()
	want := map[string]string{
		"REQUEST_METHOD": "GET", "REQUEST_URI": "/", "PATH_INFO": "/", "QUERY_STRING": "", "SERVER_PROTOCOL": "HTTP/1.0",
		"SCRIPT_NAME": "", "SERVER_NAME": "localhost", "SERVER_PORT": "80", "REMOTE_ADDR": "", "REMOTE_PORT": "",
		"REQUEST_SCHEME": "http",
	}
	if got := <-seen; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// TestVarsByRequest checks single variables; "-" stands for one that must not be there.
func TestVarsByRequest(t *testing.T) {
	cases := []struct{ name, wire, variable, want string }{
		{"absolute-form beats Host", "GET http://b:81/c?d HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP_HOST", "b:81"},
		{"absolute-form is kept raw", "GET http://b:81/c?d HTTP/1.1\r\nHost: a\r\n\r\n", "REQUEST_URI", "http://b:81/c?d"},
		{"absolute-form path", "GET http://b:81/c?d HTTP/1.1\r\nHost: a\r\n\r\n", "PATH_INFO", "/c"},
		{"absolute-form query", "GET http://b?d HTTP/1.1\r\nHost: a\r\n\r\n", "QUERY_STRING", "d"},
		{"absolute-form without path", "GET http://b?d HTTP/1.1\r\nHost: a\r\n\r\n", "PATH_INFO", "/"},
		{"asterisk of a proxy", "OPTIONS http://b HTTP/1.1\r\nHost: a\r\n\r\n", "PATH_INFO", ""},
		{"asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "PATH_INFO", ""},
		{"empty query", "GET /? HTTP/1.1\r\nHost: a\r\n\r\n", "QUERY_STRING", ""},
		{"raw bytes in the path", "GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", "PATH_INFO", "/\xff"},
		{"no length for chunks", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "CONTENT_LENGTH", "-"},
		{"no coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP_TRANSFER_ENCODING", "-"},
		{"no length without one", get + "\r\n", "CONTENT_LENGTH", "-"},
		{"length of zero", get + "Content-Length: 0\r\n\r\n", "CONTENT_LENGTH", "0"},
		{"no type without one", get + "\r\n", "CONTENT_TYPE", "-"},
		{"empty type", get + "Content-Type:\r\n\r\n", "CONTENT_TYPE", ""},
		{"no HTTP_CONTENT_TYPE", get + "Content-Type: a\r\n\r\n", "HTTP_CONTENT_TYPE", "-"},
		{"no HTTP_CONTENT_LENGTH", get + "Content-Length: 0\r\n\r\n", "HTTP_CONTENT_LENGTH", "-"},
		{"httpoxy", get + "pRoXy: a\r\n\r\n", "HTTP_PROXY", "-"},
		{"no expectation", get + "Expect: 100-continue\r\n\r\n", "HTTP_EXPECT", "-"},
		{"connection options", get + "Connection: keep-alive, x\r\n\r\n", "HTTP_CONNECTION", "keep-alive, x"},
		{"digits in a name", get + "X-1a: b\r\n\r\n", "HTTP_X_1A", "b"},
		{"not HTTPS", get + "\r\n", "HTTPS", "-"},
	}
	handler, seen := capture(t)
	f := startFront(t, handler, options{})
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cl := f.dial(t)
			cl.send(c.wire)
			cl.response()
			got, there := (<-seen)[c.variable]
			if !there {
				got = "-"
			}
			if got != c.want {
				t.Errorf("%s is %q, want %q", c.variable, got, c.want)
			}
		})
	}
}

func TestValueThatGrewTooLong(t *testing.T) {
	f := startFront(t, echo, options{limits: configs.Limits{HeaderBlock: 200 << 10}})
	for count, want := range map[int]string{65: "200", 66: "431"} {
		c := f.dial(t)
		line := "X: " + strings.Repeat("a", 990) + "\r\n" // with ", " 992 bytes: 66 of them are 65470, 67 are 66462
		c.send(get + strings.Repeat(line, count+1) + "\r\n")
		if status, _ := c.response(); status != want {
			t.Errorf("%d fields: %s, want %s", count+1, status, want)
		}
	}
	c := f.dial(t)
	c.send(get + "X: " + strings.Repeat("a", maxVar+1) + "\r\n\r\n")
	if status, _ := c.response(); status != "431" {
		t.Errorf("one long value: %s", status)
	}
}

func TestServerPortIsThePortOfTheConnection(t *testing.T) {
	handler, seen := capture(t)
	f := startFront(t, handler, options{network: "tcp", address: "[::1]:0"})
	c := f.dial(t)
	c.send("GET / HTTP/1.0\r\nHost: elsewhere:1\r\n\r\n")
	c.response()
	vars := <-seen
	want := strconv.Itoa(f.ln.Addr().(*net.TCPAddr).Port)
	if vars["SERVER_NAME"] != "::1" || vars["SERVER_PORT"] != want || vars["REMOTE_ADDR"] != "::1" {
		t.Errorf("%q", vars)
	}
}

func TestForwarded(t *testing.T) {
	const all = "X-Forwarded-For: 1.1.1.1, 2.2.2.2\r\nX-Forwarded-For: 10.0.0.7\r\nX-Forwarded-Proto: http, HTTPS\r\n" +
		"X-Forwarded-Host: evil, shop.example\r\nX-Forwarded-Port: 443\r\nForwarded: for=1.1.1.1\r\n"
	cases := []struct {
		name, network, fields string
		trusted               []string
		want                  map[string]string
	}{
		{"not trusted", "tcp", all, nil, map[string]string{
			"REMOTE_ADDR": "127.0.0.1", "REQUEST_SCHEME": "http", "HTTPS": "-", "HTTP_HOST": "a",
			"HTTP_X_FORWARDED_FOR": "-", "HTTP_X_FORWARDED_PROTO": "-", "HTTP_FORWARDED": "-"}},
		{"trusted peer only", "tcp", all, []string{"127.0.0.1"}, map[string]string{
			"REMOTE_ADDR": "10.0.0.7", "REMOTE_PORT": "", "REQUEST_SCHEME": "https", "HTTPS": "on", "HTTP_HOST": "shop.example",
			"SERVER_PORT": "443", "HTTP_X_FORWARDED_FOR": "1.1.1.1, 2.2.2.2, 10.0.0.7", "HTTP_FORWARDED": "for=1.1.1.1"}},
		{"trusted chain", "tcp", all, []string{"127.0.0.0/8", "10.0.0.0/8"}, map[string]string{"REMOTE_ADDR": "2.2.2.2"}},
		{"everybody trusted", "tcp", all, []string{"0.0.0.0/0"}, map[string]string{"REMOTE_ADDR": "1.1.1.1"}},
		{"unix peers are trusted", "unix", all, nil, map[string]string{
			"REMOTE_ADDR": "10.0.0.7", "REQUEST_SCHEME": "https", "HTTPS": "on"}},
		{"port of https on unix", "unix", "X-Forwarded-Proto: https\r\n", nil, map[string]string{"SERVER_PORT": "443"}},
		{"port and brackets", "unix", "X-Forwarded-For: [2001:db8::1]:99\r\n", nil, map[string]string{"REMOTE_ADDR": "2001:db8::1"}},
		{"mapped address", "unix", "X-Forwarded-For: ::ffff:1.2.3.4\r\n", nil, map[string]string{"REMOTE_ADDR": "1.2.3.4"}},
		{"nonsense to the left of trusted", "tcp", "X-Forwarded-For: <script>, 10.0.0.7\r\n", []string{"127.0.0.1", "10.0.0.0/8"},
			map[string]string{"REMOTE_ADDR": "10.0.0.7"}},
		{"Forwarded", "unix", "Forwarded: for=1.1.1.1;host=x, For=\"[2001:db8::1]:4711\";PROTO=https; host=\"shop\\.example\"\r\n", nil,
			map[string]string{"REMOTE_ADDR": "2001:db8::1", "REQUEST_SCHEME": "https", "HTTPS": "on", "HTTP_HOST": "shop.example"}},
		{"Forwarded by a trusted chain", "tcp", "Forwarded: for=1.1.1.1, for=2.2.2.2;proto=http\r\nForwarded: for=10.0.0.7\r\n",
			[]string{"127.0.0.0/8", "10.0.0.0/8"}, map[string]string{"REMOTE_ADDR": "2.2.2.2", "REQUEST_SCHEME": "http"}},
		{"Forwarded beside X-Forwarded-Proto", "unix", "Forwarded: for=1.1.1.1;host=x\r\nX-Forwarded-Proto: https\r\n", nil,
			map[string]string{"REMOTE_ADDR": "", "REQUEST_SCHEME": "https", "HTTP_HOST": "a"}},
		{"Forwarded without address", "unix", "Forwarded: for=1.1.1.1, for=unknown;proto=https\r\n", nil,
			map[string]string{"REMOTE_ADDR": "", "REQUEST_SCHEME": "https"}},
		{"malformed Forwarded", "unix", "Forwarded: proto=https;for=[::1], for=2.2.2.2\r\n", nil,
			map[string]string{"REMOTE_ADDR": "", "REQUEST_SCHEME": "http"}},
		{"unfinished Forwarded", "unix", "Forwarded: for=2.2.2.2;proto=\r\n", nil, map[string]string{"REMOTE_ADDR": ""}},
		{"nothing but nonsense", "tcp", "X-Forwarded-For: unknown\r\nX-Forwarded-Proto: gopher\r\nX-Forwarded-Host: a b\r\nX-Forwarded-Port: x\r\n",
			[]string{"127.0.0.1"}, map[string]string{"REMOTE_ADDR": "127.0.0.1", "REQUEST_SCHEME": "http", "HTTP_HOST": "a"}},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			handler, seen := capture(t)
			o := options{cfg: configs.HTTP{TrustedProxies: test.trusted}}
			if test.network == "unix" {
				o.network = "unix"
			}
			c := startFront(t, handler, o).dial(t)
			c.send(get + test.fields + "\r\n")
			c.response()
			vars := <-seen
			for name, want := range test.want {
				got, there := vars[name]
				if !there {
					got = "-"
				}
				if got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestNewRefusesBadProxies(t *testing.T) {
	if _, err := New(configs.HTTP{TrustedProxies: []string{"everybody"}}, configs.Limits{}, Deps{}); err == nil {
		t.Error("no error")
	}
}
