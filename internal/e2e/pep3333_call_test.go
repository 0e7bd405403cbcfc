package e2e

import (
	"fmt"
	"strings"
	"testing"

	"penknife/internal/testkit"
)

// callRules are 1 to 6: how the application is called, and strings.
func callRules() []rule {
	return []rule{
		{1, "two_positional_arguments_any_callable", checkCallables},
		{2, "environ_is_a_fresh_builtin_dict", checkFreshEnviron},
		{3, "start_response_gives_write", checkStartResponse},
		{4, "one_call_per_request", checkOneCall},
		{5, "native_strings_are_latin_1", checkStrings},
		{6, "other_code_points_are_fatal", checkOtherCodePoints},
	}
}

func checkCallables(t *testing.T, _ *testkit.Server) {
	for name, want := range map[string]string{
		"function": "function", "renamed": "renamed", "instance": "instance", "sealed": "sealed", "method": "method",
		"Class": "class", "partial": "partial vanilla", "factory()": "instance",
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, "callables:"+name, testkit.Options{Flags: nil})
			for range 3 {
				eachFront(t, s, func(t *testing.T, c testkit.Client) { expectBody(t, c.Do(t, testkit.Call{}), want) })
			}
		})
	}
}

func checkFreshEnviron(t *testing.T, s *testkit.Server) {
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		for range 3 {
			if !decode[bool](t, c.Get(t, target("/environ/type", "key", key(t)))) {
				t.Error("environ is no plain dict")
			}
			c.Get(t, "/environ/clear")
		}
		got := records[any](t, s, key(t))
		if len(got) != 3 || fmt.Sprint(got[0]) != fmt.Sprint(got[1]) || fmt.Sprint(got[0]) != fmt.Sprint(got[2]) {
			t.Errorf("environ differs from request to request: %v", got)
		}
		environ := decode[map[string]string](t, c.Get(t, "/environ"))
		if _, stale := environ["test.mutated"]; stale || environ["wsgi.version"] != "tuple:(1, 0)" {
			t.Error("what one request did to environ is seen by another")
		}
	})
}

func checkStartResponse(t *testing.T, s *testkit.Server) {
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		for _, path := range []string{"/start/positional", "/start/positional?exc=1"} {
			expectBody(t, c.Do(t, testkit.Call{Target: path}), "written;4 refused")
		}
		expectStatus(t, c.Do(t, testkit.Call{Target: "/start/none?key=none"}), 500)
	})
}

func checkOneCall(t *testing.T, s *testkit.Server) {
	calls := func() int {
		n := 0
		for _, path := range records[string](t, s, "calls") {
			if path != "/records" && path != "/ready" {
				n++
			}
		}
		return n
	}
	before, made := calls(), 0
	for _, c := range s.Fronts() {
		for _, call := range []testkit.Call{
			{Target: "/start/json"}, {Method: "HEAD", Target: "/start/json"}, {Target: "/missing"},
			{Method: "POST", Target: "/input/ignored", Body: pattern(100000)}, {Target: "/start/raise?what=value"},
			{Target: "/body/too-short?key=none"}, {Method: "OPTIONS", Target: "/start/json"},
		} {
			c.Do(t, call)
			made++
		}
	}
	if got := calls() - before; got != made {
		t.Errorf("%d calls of the application for %d requests", got, made)
	}
}

func checkStrings(t *testing.T, s *testkit.Server) {
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		call := testkit.Call{
			Target:  "/environ/strings?raw=%E2%82%AC&x=1",
			Headers: []string{"X-Latin: caf\xe9", "X-Utf8: caf\u00e9 \u20ac"},
			Vars:    []string{"CUSTOM=\xff\x80\u20ac"},
		}
		if wrong := decode[[]string](t, c.Do(t, call)); len(wrong) != 0 {
			t.Errorf("no latin-1 str: %q", wrong)
		}
		call.Target = "/environ"
		environ := decode[map[string]string](t, c.Do(t, call))
		for name, want := range map[string]string{"HTTP_X_LATIN": "caf\u00e9", "HTTP_X_UTF8": latin1("caf\u00e9 \u20ac")} {
			if environ[name] != want {
				t.Errorf("%s is %q, want %q", name, environ[name], want)
			}
		}
		if c.Name == "uwsgi" && environ["CUSTOM"] != latin1("\xff\x80\u20ac") {
			t.Errorf("CUSTOM is %q", environ["CUSTOM"])
		}
	})
}

// latin1 reads bytes as PEP 3333 hands them to the application: each byte one code point.
func latin1(bytes string) string {
	var text strings.Builder
	for i := range len(bytes) {
		text.WriteRune(rune(bytes[i]))
	}
	return text.String()
}

func checkOtherCodePoints(t *testing.T, s *testkit.Server) {
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		for _, wrong := range []string{"status-wide", "name-wide", "value-wide"} {
			expectStatus(t, c.Do(t, testkit.Call{Target: target("/start/wrong-uncaught", "case", wrong)}), 500)
		}
		expectStatus(t, c.Do(t, testkit.Call{Target: "/body/text"}), 500)
		answer := c.Do(t, testkit.Call{Target: "/start/headers"})
		if answer.Header.Get("X-Latin") != "caf\xe9" {
			t.Errorf("X-Latin is %q, want the bytes of latin-1", answer.Header.Get("X-Latin"))
		}
	})
}
