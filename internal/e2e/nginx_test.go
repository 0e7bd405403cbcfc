package e2e

import (
	"fmt"
	"strings"
	"testing"

	"penknife/internal/testkit"
)

// nginxListeners are the two kinds of address that uwsgi_pass takes.
func nginxListeners(s *testkit.Server) map[string]string {
	return map[string]string{"unix": s.Uwsgi, "tcp": s.UwsgiTCP}
}

func TestNginxEnviron(t *testing.T) {
	s := serve(t, "probe:validated", testkit.Options{})
	for name, address := range nginxListeners(s) {
		t.Run(name, func(t *testing.T) {
			nginx := testkit.NginxPass(t, address, `
				uwsgi_param X_CUSTOM "verbatim = $host; %20 ü";
				uwsgi_param UWSGI_SCRIPT /etc/passwd;
				uwsgi_param HTTP_PROXY http://evil.test;`)
			checkNginxEnviron(t, nginx.Client())
		})
	}
}

func checkNginxEnviron(t *testing.T, c testkit.Client) {
	got := decode[probed](t, c.Do(t, testkit.Call{
		Method: "POST", Target: "/caf%C3%A9/%2561/a%2Fb?q=%20&empty=&q=2", Body: []byte("12345"),
		Headers: []string{"Content-Type: text/x-odd", "X-Thing: one", "Cookie: a=1"},
	}))
	for key, want := range map[string]string{
		"PATH_INFO": latin1("/café/%61/a/b"), "QUERY_STRING": "q=%20&empty=&q=2", "CONTENT_LENGTH": "5",
		"REQUEST_URI": "/caf%C3%A9/%2561/a%2Fb?q=%20&empty=&q=2", "CONTENT_TYPE": "text/x-odd", "HTTP_X_THING": "one",
		"X_CUSTOM": latin1("verbatim = penknife.test; %20 ü"), "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1",
		"wsgi.url_scheme": "http", "HTTP_COOKIE": "a=1",
	} {
		if value := got.text(t, key); value != want {
			t.Errorf("%s is %q, want %q", key, value, want)
		}
	}
	for _, key := range []string{"HTTP_PROXY", "HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"} {
		if value, there := got.Environ[key]; there {
			t.Errorf("%s is there: %q", key, value)
		}
	}
	if got.Size != 5 || got.SHA256 != digest([]byte("12345")) {
		t.Errorf("body: %d bytes, %s", got.Size, got.SHA256)
	}
}

// TestNginxHostWithPort: what docs/nginx.md says to add after Debian's uwsgi_params, which have HTTP_HOST already. nginx sends
// both, and the later one counts.
func TestNginxHostWithPort(t *testing.T) {
	s := serve(t, "probe:validated", testkit.Options{})
	nginx := testkit.NginxPass(t, s.Uwsgi, "uwsgi_param HTTP_HOST $host;\n    uwsgi_param HTTP_HOST $host:$server_port;")
	_, port, _ := strings.Cut(nginx.Address, ":")
	got := decode[probed](t, nginx.Client().Do(t, testkit.Call{Headers: []string{"Host: example.org:" + port}}))
	if host := got.text(t, "HTTP_HOST"); host != "example.org:"+port {
		t.Errorf("HTTP_HOST is %q", host)
	}
}

// TestNginxLargeHeaders sends 60 KiB of header fields, close to what one packet can carry.
func TestNginxLargeHeaders(t *testing.T) {
	s := serve(t, "probe:validated", testkit.Options{})
	for name, address := range nginxListeners(s) {
		t.Run(name, func(t *testing.T) {
			nginx := testkit.NginxPass(t, address, "")
			var headers []string
			for i := range 15 {
				headers = append(headers, fmt.Sprintf("X-Large-%d: %s", i, strings.Repeat(string(rune('a'+i)), 4096)))
			}
			got := decode[probed](t, nginx.Client().Do(t, testkit.Call{Headers: headers}))
			for i := range 15 {
				value := got.text(t, fmt.Sprintf("HTTP_X_LARGE_%d", i))
				if value != strings.Repeat(string(rune('a'+i)), 4096) {
					t.Errorf("header %d arrives with %d bytes", i, len(value))
				}
			}
		})
	}
}

func TestNginxUploads(t *testing.T) {
	s := serve(t, "probe:validated", testkit.Options{Config: "limits: {body: 256MiB}\n"})
	bodies := map[string][]byte{"1MiB": pattern(1 << 20), "64MiB": pattern(64 << 20)}
	for name, address := range nginxListeners(s) {
		for _, buffering := range []string{"on", "off"} {
			t.Run(name+"/buffering_"+buffering, func(t *testing.T) {
				nginx := testkit.NginxPass(t, address, "uwsgi_request_buffering "+buffering+";")
				for size, body := range bodies {
					got := decode[probed](t, nginx.Client().Do(t, testkit.Call{Method: "POST", Target: "/up", Body: body}))
					if got.Size != int64(len(body)) || got.SHA256 != digest(body) {
						t.Errorf("%s: %d bytes arrived, or others", size, got.Size)
					}
				}
			})
		}
	}
}

// TestNginxChunkedUpload: nginx takes the chunked coding off, but passes the header on; the application must not see it.
func TestNginxChunkedUpload(t *testing.T) {
	s := serve(t, "probe:validated", testkit.Options{})
	nginx := testkit.NginxPass(t, s.Uwsgi, "")
	got := decode[probed](t, nginx.Client().Do(t, testkit.Call{
		Method: "POST", Headers: []string{"Transfer-Encoding: chunked"}, Body: []byte("5\r\nabcde\r\n0\r\n\r\n")}))
	if coding, there := got.Environ["HTTP_TRANSFER_ENCODING"]; there || got.Size != 5 || got.text(t, "CONTENT_LENGTH") != "5" {
		t.Errorf("%d bytes arrived, HTTP_TRANSFER_ENCODING %v", got.Size, coding)
	}
}

// TestNginxStreams: the first block passes nginx while the generator still waits.
func TestNginxStreams(t *testing.T) {
	s := serve(t, "streams:validated", testkit.Options{})
	for name, address := range nginxListeners(s) {
		t.Run(name, func(t *testing.T) {
			nginx := testkit.NginxPass(t, address, "uwsgi_buffering off;")
			gate := testkit.NewGate(t)
			exchange, err := nginx.Client().Send(testkit.Call{Target: target("/gated", "gate", gate.Path)})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = exchange.Close() }()
			readUntil(t, exchange, "first")
			gate.Pass(t, 1)
			readUntil(t, exchange, "second")
		})
	}
}

func TestNginxResponses(t *testing.T) {
	s := serve(t, "streams:validated", testkit.Options{})
	nginx := testkit.NginxPass(t, s.Uwsgi, "")
	answer := nginx.Client().Get(t, "/big?n=32")
	if len(answer.Body) != 32<<20 {
		t.Errorf("%d bytes", len(answer.Body))
	}
	answer = nginx.Client().Get(t, "/file?n=4&offset=100")
	if len(answer.Body) != 4<<20-100 || answer.Body[0] != 100 {
		t.Errorf("file: %d bytes", len(answer.Body))
	}
	head := nginx.Client().Do(t, testkit.Call{Method: "HEAD", Target: "/big?n=1"})
	if head.Status != 200 || len(head.Body) != 0 || head.Header.Get("Content-Length") != "1048576" {
		t.Errorf("HEAD: %d %v", head.Status, head.Lines)
	}
}

// TestNginxKeepsTheClient: many requests on one client connection, each a new one to penknife.
func TestNginxKeepsTheClient(t *testing.T) {
	s := serve(t, "probe:validated", testkit.Options{})
	nginx := testkit.NginxPass(t, s.Uwsgi, "")
	exchange, err := nginx.Client().Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = exchange.Close() }()
	for i := range 50 {
		request := fmt.Sprintf("POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", i)
		if _, err = exchange.Write([]byte(request)); err != nil {
			t.Fatal(err)
		}
		answer, err := exchange.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if got := decode[probed](t, answer); got.text(t, "PATH_INFO") != fmt.Sprintf("/%d", i) || got.Size != 3 {
			t.Errorf("request %d: %v", i, got)
		}
	}
}

// TestNginxUpstreamDownAndUp: nginx goes round a penknife that is not there, and comes back to it.
func TestNginxUpstreamDownAndUp(t *testing.T) {
	first := serve(t, "hello:application", testkit.Options{})
	second := serve(t, "hello:application", testkit.Options{})
	nginx := testkit.Nginx(t, fmt.Sprintf("upstream app { server unix:%s max_fails=1 fail_timeout=1s; server unix:%s max_fails=1 fail_timeout=1s; }",
		first.Uwsgi, second.Uwsgi), testkit.UwsgiParams+"location / { uwsgi_pass app; uwsgi_connect_timeout 1s; }")
	seen := func() map[int]bool {
		pids := map[int]bool{}
		for range 10 {
			pids[pidOf(t, nginx.Client().Get(t, "/"))] = true
		}
		return pids
	}
	if pids := seen(); len(pids) != 2 {
		t.Errorf("both upstreams up: answers from %v", pids)
	}
	first.Terminate(t, testkit.Grace)
	if pids := seen(); len(pids) != 1 {
		t.Errorf("one upstream down: answers from %v", pids)
	}
	third := testkit.Start(t, first.Dir, nil, testkit.Binary(t), "serve", "hello:application", "--chdir", apps(t),
		"--python", testkit.DefaultPython(t), "--http", testkit.FreeAddress(t), "--uwsgi", "unix:"+first.Uwsgi, "--processes", "1")
	third.AwaitOutput(t, "msg=ready") // until then it answers 503
	testkit.Eventually(t, callTimeout, func() error {
		if len(seen()) != 2 {
			return errNotYet
		}
		return nil
	})
}

// TestNginxStatuses: what penknife answers passes; what it cannot answer becomes nginx's own 502 and 504.
func TestNginxStatuses(t *testing.T) {
	s := serve(t, "deaths:application", testkit.Options{Config: "workers: {request_timeout: 1s}\n", Errors: aStubbornRequest})
	nginx := testkit.Nginx(t, "", testkit.UwsgiParams+fmt.Sprintf(`
		location / { uwsgi_pass unix:%s; }
		location /nowhere { uwsgi_pass unix:%s/nobody.sock; }`, s.Uwsgi, s.Dir))
	gate := testkit.NewGate(t)
	for path, want := range map[string]int{
		"/kill": 502, "/": 200, "/nowhere": 502, target("/wait", "gate", gate.Path): 504, "/systemexit": 500,
	} {
		testkit.Eventually(t, callTimeout, func() error {
			answer, err := nginx.Client().Try(testkit.Call{Target: path})
			if err == nil && answer.Status != want {
				err = fmt.Errorf("%s: %d, want %d", path, answer.Status, want)
			}
			return err
		})
	}
}
