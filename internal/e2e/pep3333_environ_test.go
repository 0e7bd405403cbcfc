package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"penknife/internal/testkit"
)

// environRules are 7 to 16.
func environRules() []rule {
	return []rule{
		{7, "request_method", checkMethod},
		{8, "path_query_and_body_variables", checkEmptyVariables},
		{9, "server_name_and_port", checkServerName},
		{10, "server_protocol", checkProtocol},
		{11, "http_variables_exactly_the_headers", checkHeaders},
		{12, "other_cgi_variables", checkOtherVariables},
		{13, "wsgi_keys_tell_the_truth", checkWSGIKeys},
		{14, "own_keys_have_a_prefix", checkOwnKeys},
		{15, "deployer_adds_variables", checkDeployerVariables},
		{16, "path_info_decoded_once", checkPaths},
	}
}

// environOf calls and gives the environ that the application saw.
func environOf(t testing.TB, c testkit.Client, call testkit.Call) map[string]string {
	t.Helper()
	if call.Target == "" {
		call.Target = "/environ"
	}
	return decode[map[string]string](t, c.Do(t, call))
}

func checkMethod(t *testing.T, s *testkit.Server) {
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "BREW"} {
			if got := environOf(t, c, testkit.Call{Method: method})["REQUEST_METHOD"]; got != method {
				t.Errorf("REQUEST_METHOD is %q, want %q", got, method)
			}
		}
	})
}

func checkEmptyVariables(t *testing.T, s *testkit.Server) {
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		environ := environOf(t, c, testkit.Call{})
		for name, want := range map[string]string{
			"SCRIPT_NAME": "", "PATH_INFO": "/environ", "QUERY_STRING": "", "CONTENT_TYPE": "", "CONTENT_LENGTH": "",
		} {
			if environ[name] != want {
				t.Errorf("%s is %q, want %q", name, environ[name], want)
			}
		}
		environ = environOf(t, c, testkit.Call{
			Method: "POST", Target: "/environ?a=1&b=%20", Body: []byte("12345"), Headers: []string{"Content-Type: text/x"},
		})
		for name, want := range map[string]string{
			"QUERY_STRING": "a=1&b=%20", "CONTENT_TYPE": "text/x", "CONTENT_LENGTH": "5", "PATH_INFO": "/environ",
		} {
			if environ[name] != want {
				t.Errorf("%s is %q, want %q", name, environ[name], want)
			}
		}
	})
}

func checkServerName(t *testing.T, s *testkit.Server) {
	clients := append(s.Fronts(), testkit.HTTPClient(s.HTTPUnix), testkit.UwsgiClient(s.UwsgiTCP))
	for _, c := range clients {
		for _, proto := range []string{"HTTP/1.1", "HTTP/1.0"} {
			environ := environOf(t, c, testkit.Call{Proto: proto})
			for _, name := range []string{"SERVER_NAME", "SERVER_PORT"} {
				if value := environ[name]; value == "" || strings.Contains(value, ":") && name == "SERVER_PORT" {
					t.Errorf("%s %s: %s is %q", c.Name, proto, name, value)
				}
			}
		}
	}
	// nginx without a server_name sends an empty one, and no protocol for HTTP/0.9.
	bare := testkit.Call{Vars: []string{"SERVER_NAME=", "SERVER_PORT=", "SERVER_PROTOCOL="}}
	environ := environOf(t, testkit.UwsgiClient(s.UwsgiTCP), bare)
	for _, name := range []string{"SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL"} {
		if environ[name] == "" {
			t.Errorf("%s is empty", name)
		}
	}
	_, port, _ := strings.Cut(s.HTTP, ":")
	if got := environOf(t, testkit.HTTPClient(s.HTTP), testkit.Call{})["SERVER_PORT"]; got != port {
		t.Errorf("SERVER_PORT is %q, want %q", got, port)
	}
}

func checkProtocol(t *testing.T, s *testkit.Server) {
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		for _, proto := range []string{"HTTP/1.0", "HTTP/1.1"} {
			if got := environOf(t, c, testkit.Call{Proto: proto})["SERVER_PROTOCOL"]; got != proto {
				t.Errorf("SERVER_PROTOCOL is %q, want %q", got, proto)
			}
		}
	})
}

func checkHeaders(t *testing.T, s *testkit.Server) {
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		environ := environOf(t, c, testkit.Call{
			Method: "POST", Body: []byte("{}"),
			Headers: []string{"X-One: 1", "x-mixed-Case: kept AS is", "X-Empty:", "Content-Type: application/json",
				"Accept: a, b", "Cookie: a=1; b=\"2\"", "Proxy: http://evil.test"},
		})
		for name, want := range map[string]string{
			"HTTP_X_ONE": "1", "HTTP_X_MIXED_CASE": "kept AS is", "HTTP_X_EMPTY": "", "HTTP_ACCEPT": "a, b",
			"HTTP_COOKIE": `a=1; b="2"`, "CONTENT_TYPE": "application/json", "HTTP_HOST": "penknife.test",
		} {
			if got, ok := environ[name]; got != want || !ok {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		allowed := regexp.MustCompile(`^HTTP_(X_ONE|X_MIXED_CASE|X_EMPTY|ACCEPT|COOKIE|HOST|CONNECTION)$`)
		for name := range environ {
			if strings.HasPrefix(name, "HTTP_") && !allowed.MatchString(name) {
				t.Errorf("%s is there without such a header", name)
			}
		}
	})
}

func checkOtherVariables(t *testing.T, s *testkit.Server) {
	environ := environOf(t, testkit.HTTPClient(s.HTTP), testkit.Call{Target: "/environ?q"})
	if environ["REMOTE_ADDR"] != "127.0.0.1" || environ["REMOTE_PORT"] == "" || environ["REQUEST_URI"] != "/environ?q" {
		t.Errorf("REMOTE_ADDR %q, REMOTE_PORT %q, REQUEST_URI %q",
			environ["REMOTE_ADDR"], environ["REMOTE_PORT"], environ["REQUEST_URI"])
	}
	if _, there := environ["HTTPS"]; there {
		t.Error("HTTPS is set without TLS")
	}
	for _, vars := range [][]string{{"HTTPS=on", "REQUEST_SCHEME=https"}, {"HTTPS=ON"}, {"HTTPS=", "REQUEST_SCHEME=HTTPS"}} {
		secure := environOf(t, testkit.UwsgiClient(s.Uwsgi), testkit.Call{Vars: vars})
		if "HTTPS="+secure["HTTPS"] != vars[0] || secure["wsgi.url_scheme"] != "https" {
			t.Errorf("%q: HTTPS %q, wsgi.url_scheme %q", vars, secure["HTTPS"], secure["wsgi.url_scheme"])
		}
	}
}

func checkWSGIKeys(t *testing.T, s *testkit.Server) {
	for _, shape := range [][2]int{{1, 1}, {2, 1}, {1, 2}, {2, 2}} {
		server := s
		if shape != [2]int{1, 1} {
			server = serve(t, "pep3333:application", testkit.Options{Processes: shape[0], Threads: shape[1]})
		}
		for _, c := range server.Fronts() {
			environ := environOf(t, c, testkit.Call{})
			for name, want := range map[string]string{
				"wsgi.version": "tuple:(1, 0)", "wsgi.url_scheme": "http", "wsgi.run_once": "bool:False",
				"wsgi.multiprocess": pythonBool(shape[0] > 1), "wsgi.multithread": pythonBool(shape[1] > 1),
			} {
				if environ[name] != want {
					t.Errorf("%v %s: %s is %q, want %q", shape, c.Name, name, environ[name], want)
				}
			}
			if environ["wsgi.input"] == "" || environ["wsgi.errors"] == "" {
				t.Errorf("%s: wsgi.input or wsgi.errors is missing", c.Name)
			}
		}
	}
}

func pythonBool(value bool) string {
	if value {
		return "bool:True"
	}
	return "bool:False"
}

func checkOwnKeys(t *testing.T, s *testkit.Server) {
	shape := regexp.MustCompile(`^([A-Z][A-Z0-9_]*|(wsgi|penknife)\.[a-z0-9_.]+)$`)
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		for name := range environOf(t, c, testkit.Call{}) {
			if !shape.MatchString(name) {
				t.Errorf("environ has %q", name)
			}
		}
		environ := environOf(t, c, testkit.Call{Headers: []string{"wsgi.input: forged"}, Vars: []string{"wsgi.errors=forged", "penknife.worker=forged"}})
		if environ["wsgi.input"] == "forged" || environ["wsgi.errors"] == "forged" || environ["penknife.worker"] == "forged" {
			t.Error("a client sets the server's keys")
		}
	})
}

func checkDeployerVariables(t *testing.T, s *testkit.Server) {
	environ := environOf(t, testkit.UwsgiClient(s.Uwsgi), testkit.Call{Vars: []string{"SITE=blue = green", "myapp.key=kept", "EMPTY="}})
	for name, want := range map[string]string{"SITE": "blue = green", "myapp.key": "kept", "EMPTY": ""} {
		if got, there := environ[name]; got != want || !there {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func checkPaths(t *testing.T, _ *testkit.Server) {
	s := serve(t, "probe:validated", testkit.Options{})
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		for raw, want := range map[string]string{
			"/":                    "/",
			"/a%20b":               "/a b",
			"/%2561dmin":           "/%61dmin",
			"/a%2Fb":               "/a/b",
			"/caf%C3%A9":           latin1("/caf\u00e9"),
			"/raw%FF%80":           latin1("/raw\xff\x80"),
			"/plus+sign;v=1,2":     "/plus+sign;v=1,2",
			"//double//slash/":     "//double//slash/",
			"/percent%25zz?q=%20":  "/percent%zz",
			"/dot/./x/../y?a=/../": "/dot/./x/../y",
		} {
			environ := decode[probed](t, c.Do(t, testkit.Call{Target: raw})).Environ
			got := fmt.Sprint(environ["SCRIPT_NAME"]) + fmt.Sprint(environ["PATH_INFO"])
			if environ["SCRIPT_NAME"] == nil {
				got = fmt.Sprint(environ["PATH_INFO"])
			}
			if got != want || environ["REQUEST_URI"] != raw {
				t.Errorf("%s: path %q, want %q; REQUEST_URI %q", raw, got, want, environ["REQUEST_URI"])
			}
		}
	})
}
