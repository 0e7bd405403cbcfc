package e2e

import (
	"testing"

	"penknife/internal/testkit"
)

// TestOtherFrontServers runs the basics through Apache's mod_proxy_uwsgi and lighttpd's uwsgi mode.
func TestOtherFrontServers(t *testing.T) {
	socket := testkit.Dir(t) + "/open.sock" // Apache's user is not ours
	s := serve(t, "probe:validated", testkit.Options{})
	serve(t, "probe:validated", testkit.Options{
		Config: "uwsgi: [{listen: \"unix:" + socket + "\", mode: \"0666\"}]\n", NoUwsgi: true})
	for name, start := range map[string]func(*testing.T) *testkit.Front{
		"apache_tcp":  func(t *testing.T) *testkit.Front { return testkit.Apache(t, "uwsgi://"+s.UwsgiTCP+"/") },
		"apache_unix": func(t *testing.T) *testkit.Front { return testkit.Apache(t, "unix:"+socket+"|uwsgi://penknife/") },
		"lighttpd":    func(t *testing.T) *testkit.Front { return testkit.Lighttpd(t, s.Uwsgi, "") },
		"lighttpd_pass": func(t *testing.T) *testkit.Front {
			return testkit.Lighttpd(t, s.Uwsgi, "server.stream-request-body = 2")
		},
	} {
		t.Run(name, func(t *testing.T) { checkProxied(t, start(t).Client()) })
	}
}

func checkProxied(t *testing.T, c testkit.Client) {
	got := decode[probed](t, c.Do(t, testkit.Call{Target: "/caf%C3%A9/x%20y?q=%20&r", Headers: []string{"X-Thing: one"}}))
	path := latin1("/café/x y")
	if script, _ := got.Environ["SCRIPT_NAME"].(string); script+got.text(t, "PATH_INFO") != path {
		t.Errorf("SCRIPT_NAME %q, PATH_INFO %q", script, got.text(t, "PATH_INFO"))
	}
	for key, want := range map[string]string{
		"QUERY_STRING": "q=%20&r", "REQUEST_METHOD": "GET", "HTTP_X_THING": "one", "SERVER_PROTOCOL": "HTTP/1.1",
	} {
		if value := got.text(t, key); value != want {
			t.Errorf("%s is %q, want %q", key, value, want)
		}
	}
	for _, size := range []int{0, 1, 100_000, 8 << 20} {
		body := pattern(size)
		up := decode[probed](t, c.Do(t, testkit.Call{Method: "POST", Target: "/up", Body: body}))
		if up.Size != int64(size) || up.SHA256 != digest(body) {
			t.Errorf("upload of %d bytes: %d arrived, or others", size, up.Size)
		}
	}
	head := c.Do(t, testkit.Call{Method: "HEAD", Target: "/"})
	if head.Status != 200 || len(head.Body) != 0 {
		t.Errorf("HEAD: %d %q", head.Status, head.Body)
	}
}
