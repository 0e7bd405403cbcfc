package uwsgifront

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"penknife/configs"
	"penknife/gateway"
	"penknife/uwsgiproto"
)

func parsed(t *testing.T, send string) (*conn, *refusal) {
	t.Helper()
	s, err := New(configs.Uwsgi{}, testLimits(), Deps{})
	if err != nil {
		t.Fatal(err)
	}
	c := newConn(s)
	c.have = copy(c.buf, send)
	header, err := uwsgiproto.ParseHeader(c.buf[:c.have])
	if err != nil {
		t.Fatal(err)
	}
	size := uwsgiproto.HeaderSize + header.Size
	return c, c.parse(c.buf[uwsgiproto.HeaderSize:size], c.buf[size:c.have])
}

func TestViews(t *testing.T) {
	send := packet("REQUEST_METHOD=POST", "REQUEST_URI=/a%20b?x=1", "PATH_INFO=/a b", "QUERY_STRING=x=1", "HTTP_HOST=h:1",
		"SERVER_PROTOCOL=HTTP/1.1", "REMOTE_ADDR=::1", "REQUEST_SCHEME=http", "HTTP_TRANSFER_ENCODING=chunked", "X=\x00\xff")
	c, r := parsed(t, send)
	if r != nil {
		t.Fatal(r)
	}
	q := &c.req
	got := fmt.Sprintf("%s %s %s %s %s %s %s %s", q.Method, q.Target, q.Path, q.Query, q.Host, q.Proto, q.RemoteAddr, q.Scheme)
	if got != "POST /a%20b?x=1 /a b x=1 h:1 HTTP/1.1 ::1 http" {
		t.Error(got)
	}
	if string(q.Vars) != send[uwsgiproto.HeaderSize:] {
		t.Error("the block is not passed on as it came")
	}
	if q.Body != nil || q.ContentLength != 0 {
		t.Error("a body without CONTENT_LENGTH")
	}
}

func TestLaterVariableWins(t *testing.T) {
	c, r := parsed(t, packet("REQUEST_METHOD=GET", "REQUEST_METHOD=PUT", "CONTENT_LENGTH=7", "CONTENT_LENGTH="))
	if r != nil || string(c.req.Method) != "PUT" || c.req.ContentLength != 0 {
		t.Errorf("%s %d %v", c.req.Method, c.req.ContentLength, r)
	}
}

// TestLaterHostWins: of hosts that differ in nothing but the port. TestRefusals has the others.
func TestLaterHostWins(t *testing.T) {
	for _, hosts := range [][2]string{{"a.test", "a.test:81"}, {"a.test:80", "A.test"}, {"[::1]", "[::1]:81"}, {"", ""}, {"81", "81"}} {
		c, r := parsed(t, packet("REQUEST_METHOD=GET", "HTTP_HOST="+hosts[0], "HTTP_HOST="+hosts[1]))
		if r != nil || string(c.req.Host) != hosts[1] {
			t.Errorf("%q: %s, %v", hosts, c.req.Host, r)
		}
	}
}

func TestScheme(t *testing.T) {
	for _, c := range []struct{ vars, want string }{
		{"A=b", "http"}, {"REQUEST_SCHEME=https", "https"}, {"HTTPS=on", "https"}, {"HTTPS=ON", "https"}, {"HTTPS=1", "https"},
		{"HTTPS=True", "https"}, {"HTTPS=yes", "https"}, {"HTTPS=off", "http"}, {"HTTPS=", "http"},
		{"HTTPS=on REQUEST_SCHEME=http", "https"}, {"UWSGI_SCHEME=http HTTPS=on", "http"},
		{"UWSGI_SCHEME= HTTPS=off REQUEST_SCHEME=https", "https"}, {"HTTP_X_FORWARDED_PROTO=https", "http"},
		{"REQUEST_SCHEME=HTTPS", "https"}, {"REQUEST_SCHEME=gopher", "http"}, {"UWSGI_SCHEME=x REQUEST_SCHEME=https", "https"},
	} {
		got, r := parsed(t, get(strings.Fields(c.vars)...))
		if r != nil || string(got.req.Scheme) != c.want {
			t.Errorf("%s: %s, %v", c.vars, got.req.Scheme, r)
		}
	}
}

func TestPath(t *testing.T) {
	for _, c := range []struct {
		modifier                byte
		script, info, path, now string // now is PATH_INFO as the application sees it
	}{
		{0, "", "/a", "/a", "/a"},
		{0, "/old", "/a", "/old/a", "/a"},
		{0, "/old", "", "/old", ""},
		{30, "", "/a", "/a", "/a"},
		{30, "/old", "/old/a", "/old/a", "/a"},
		{30, "/old", "/old", "/old", ""},
		{30, "/old", "/older", "/old/older", "/older"},
		{30, "/old", "/a", "/old/a", "/a"},
		{30, "/", "/a", "//a", "/a"},
	} {
		send := frame(c.modifier, block("REQUEST_METHOD=GET", "SCRIPT_NAME="+c.script, "PATH_INFO="+c.info))
		got, r := parsed(t, send)
		if r != nil {
			t.Fatal(r)
		}
		info, _ := uwsgiproto.Vars(got.req.Vars).Lookup("PATH_INFO")
		if string(got.req.Path) != c.path || string(info) != c.now || !strings.HasPrefix(string(got.req.Vars), send[4:]) {
			t.Errorf("%d %q %q: path %q, PATH_INFO %q", c.modifier, c.script, c.info, got.req.Path, info)
		}
	}
}

// echo answers with the body and what is known of it.
func echo(r *gateway.Request) (*gateway.Response, error) {
	if r.Body == nil {
		return whole(200, "", fmt.Sprintf("%d none", r.ContentLength)), nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	return whole(200, "", fmt.Sprintf("%d %s", r.ContentLength, body)), nil
}

func TestBody(t *testing.T) {
	long := strings.Repeat("0123456789", 50000)
	for network, listen := range networks(t) {
		for name, m := range modes {
			t.Run(network+"/"+name, func(t *testing.T) {
				f := start(t, listen, testLimits(), inMode(m, echo))
				for _, c := range []struct{ send, want string }{
					{get(), "0 none"},
					{get("CONTENT_LENGTH=0"), "0 none"},
					{get("CONTENT_LENGTH=007") + "abcdefg", "7 abcdefg"},
					{get("CONTENT_LENGTH=3") + "abcdefg", "3 abc"},
					{get("CONTENT_LENGTH=3", "HTTP_TRANSFER_ENCODING=chunked", "HTTP_CONTENT_LENGTH=9") + "abc", "3 abc"},
					{get("CONTENT_LENGTH=500000") + long, "500000 " + long},
					{get("X="+strings.Repeat("x", 60000), "CONTENT_LENGTH=2") + "ab", "2 ab"},
				} {
					if _, content := f.dial(t).send(c.send).answer("GET"); content != c.want {
						t.Errorf("%.40q: %d bytes %.40q", c.want, len(content), content)
					}
				}
			})
		}
	}
}

// TestDrip: a packet and its body that come byte by byte.
func TestDrip(t *testing.T) {
	for network, listen := range networks(t) {
		f := start(t, listen, testLimits(), inMode(modeLater, echo))
		peer := f.dial(t)
		for _, b := range []byte(get("CONTENT_LENGTH=5") + "abcde") {
			peer.send(string(b))
		}
		if _, content := peer.answer("GET"); content != "5 abcde" {
			t.Errorf("%s: %q", network, content)
		}
	}
}

func TestBodyFailures(t *testing.T) {
	for name, c := range map[string]struct {
		then   func(*client)
		limits func(*configs.Limits)
		status int
		reason string
	}{
		"slow":  {func(*client) {}, func(l *configs.Limits) { l.BodyTime = 50 * time.Millisecond }, 408, "slow_body"},
		"short": {func(c *client) { closeWrite(t, c) }, func(*configs.Limits) {}, 400, "cut_body"},
	} {
		limits := testLimits()
		c.limits(&limits)
		f := start(t, ":0", limits, inMode(modeLater, echo))
		peer := f.dial(t).send(get("CONTENT_LENGTH=9") + "abc")
		c.then(peer)
		if resp, _ := peer.answer("GET"); resp.StatusCode != c.status || !f.has(c.reason) {
			t.Errorf("%s: %d, %v", name, resp.StatusCode, f.reasons)
		}
		if outcome := f.outcome(t); outcome.Status != c.status || outcome.Err == nil {
			t.Errorf("%s: %+v", name, outcome)
		}
	}
}

func TestBodyMinRate(t *testing.T) {
	limits := configs.Limits{BodyTime: time.Second, BodyMinRate: 100}
	for _, c := range []struct {
		waited   time.Duration
		received int64
		slow     bool
	}{
		{time.Second, 0, false}, {2 * time.Second, 199, true}, {2 * time.Second, 200, false}, {time.Minute, 5999, true},
	} {
		if got := (&body{waited: c.waited}).tooSlow(&limits, c.received); got != c.slow {
			t.Errorf("%d bytes in %v: %v", c.received, c.waited, got)
		}
	}
	limits.BodyMinRate = 0
	if (&body{waited: time.Hour}).tooSlow(&limits, 0) {
		t.Error("too slow without a rate")
	}
}

// TestTricklingBody: bytes that keep coming, but under the rate.
func TestTricklingBody(t *testing.T) {
	limits := testLimits()
	limits.BodyTime, limits.BodyMinRate = 50*time.Millisecond, 1<<20
	f := start(t, ":0", limits, inMode(modeSync, echo))
	peer := f.dial(t).send(get("CONTENT_LENGTH=100000"))
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !f.has("slow_body") {
		<-ticker.C
		if _, err := peer.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	closeWrite(t, peer)
	if resp, _ := peer.answer("GET"); resp.StatusCode != 408 {
		t.Errorf("%d", resp.StatusCode)
	}
}

// TestBodyErrorsLast: an engine that reads again gets the same error.
func TestBodyErrorsLast(t *testing.T) {
	f := start(t, ":0", testLimits(), gateway.HandlerFunc(func(r *gateway.Request) (*gateway.Response, error) {
		_, first := io.ReadAll(r.Body)
		_, second := r.Body.Read(make([]byte, 1))
		if first == nil || !errors.Is(second, first) {
			t.Errorf("%v, then %v", first, second)
		}
		return nil, first
	}))
	peer := f.dial(t).send(get("CONTENT_LENGTH=9") + "abc")
	closeWrite(t, peer)
	if resp, _ := peer.answer("GET"); resp.StatusCode != 400 {
		t.Errorf("%d", resp.StatusCode)
	}
}

// TestClientGoneDuringBody: nobody is left to answer, and nothing is logged above debug.
func TestClientGoneDuringBody(t *testing.T) {
	entered := make(chan struct{})
	kind := make(chan gateway.Kind, 1)
	f := start(t, ":0", testLimits(), gateway.HandlerFunc(func(r *gateway.Request) (*gateway.Response, error) {
		r.Body.Read(make([]byte, 3))
		close(entered)
		_, err := io.ReadAll(r.Body)
		kind <- gateway.KindOf(err)
		return nil, err
	}))
	peer := f.dial(t).send(get("CONTENT_LENGTH=9") + "abc")
	<-entered
	resetOnClose(t, peer)
	peer.Close()
	if got := <-kind; got != gateway.KindClientGone {
		t.Errorf("%v", got)
	}
	if outcome := f.outcome(t); outcome.Status != 0 || strings.Contains(f.logs.String(), "WARN") {
		t.Errorf("%+v\n%s", outcome, f.logs)
	}
}
