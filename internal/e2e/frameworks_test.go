package e2e

import (
	"strings"
	"testing"

	"penknife/internal/testkit"
)

// TestFrameworks runs the same small application in each framework, by both fronts at once.
func TestFrameworks(t *testing.T) {
	for _, name := range []string{"flask", "bottle", "falcon", "cherrypy"} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, "frameworks_"+name, testkit.Options{Python: testkit.Virtualenv(t), Processes: 2})
			nginx := testkit.NginxPass(t, s.Uwsgi, "")
			for _, c := range []testkit.Client{testkit.HTTPClient(s.HTTP), nginx.Client()} {
				got := decode[struct {
					Path  string
					Query map[string]string
				}](t, c.Get(t, "/json?a=1&b=%C3%A9"))
				if got.Path != "/json" || got.Query["a"] != "1" || got.Query["b"] != "é" {
					t.Errorf("%+v", got)
				}
				checkRawBodies(t, c, "/upload")
				expectStatus(t, c.Do(t, testkit.Call{Target: "/error"}), 500)
				expectStatus(t, c.Do(t, testkit.Call{Target: "/missing"}), 404)
				if head := c.Do(t, testkit.Call{Method: "HEAD", Target: "/json"}); len(head.Body) != 0 {
					t.Errorf("HEAD: %q", head.Body)
				}
			}
		})
	}
}

func TestFlaskMore(t *testing.T) {
	s := serve(t, "frameworks_flask:app", testkit.Options{Python: testkit.Virtualenv(t), Threads: 2})
	nginx := testkit.NginxPass(t, s.UwsgiTCP, "")
	for _, c := range []testkit.Client{testkit.HTTPClient(s.HTTP), nginx.Client()} {
		answer := c.Do(t, testkit.Call{Method: "POST", Target: "/json", Body: []byte(`{"a": [1, "é"]}`),
			Headers: []string{"Content-Type: application/json"}})
		if answer.Status != 201 || !strings.Contains(string(answer.Body), `"got":{"a":[1,"\u00e9"]}`) {
			t.Errorf("%d %s", answer.Status, answer.Body)
		}
		unicode := decode[map[string]string](t, c.Get(t, "/h%C3%A4llo/w%C3%B6rld"))
		if unicode["name"] != "wörld" {
			t.Errorf("%v", unicode)
		}
		if lines := strings.Count(string(c.Get(t, "/stream").Body), "\n"); lines != 1000 {
			t.Errorf("%d lines streamed", lines)
		}
		if source := c.Get(t, "/source"); !strings.Contains(string(source.Body), "A Flask application") {
			t.Errorf("send_file: %s", clip(source.Body))
		}
		first := c.Get(t, "/count")
		cookie, _, _ := strings.Cut(first.Header.Get("Set-Cookie"), ";")
		second := c.Do(t, testkit.Call{Target: "/count", Headers: []string{"Cookie: " + cookie}})
		if n := decode[map[string]int](t, second)["n"]; n != 2 {
			t.Errorf("the session counts %d", n)
		}
	}
}
