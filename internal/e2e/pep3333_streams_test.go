package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"penknife/internal/testkit"
)

// streamRules are 17 to 21: wsgi.input and wsgi.errors.
func streamRules() []rule {
	return []rule{
		{17, "input_and_errors_have_their_methods", checkInputMethods},
		{18, "input_ends_at_content_length", checkInputEnd},
		{19, "input_optional_arguments", checkInputArguments},
		{20, "errors_takes_any_text", checkErrors},
		{21, "input_terminated", checkInputTerminated},
	}
}

func post(path string, body string) testkit.Call {
	return testkit.Call{Method: "POST", Target: path, Body: []byte(body)}
}

func checkInputMethods(t *testing.T, s *testkit.Server) {
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		got := decode[map[string]any](t, c.Do(t, post("/input/kinds", "abcd\nefgh\nij\nkl\nmn")))
		want := map[string]string{
			"wrong": "[]", "read": "abc", "readline": "d\n", "readline_sized": "ef", "readline_rest": "gh\n",
			"readlines": "[ij\n]", "end": "",
		}
		for name, value := range want {
			if fmt.Sprint(got[name]) != value {
				t.Errorf("%s: %q, want %q", name, got[name], value)
			}
		}
		// readlines may read more than the hint; what it leaves is iterated.
		if all := fmt.Sprint(got["iterated"]); all != "[kl\n mn]" && all != "[]" {
			t.Errorf("iterated: %q", all)
		}
	})
}

type inputEnd struct {
	Body  string
	After []string
}

func checkInputEnd(t *testing.T, s *testkit.Server) {
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		for _, body := range []string{"", "x", strings.Repeat("line\n", 5000), string(make([]byte, 300000))} {
			call := post("/input/end", body)
			call.Headers = []string{"Connection: keep-alive"} // the connection gives no end
			got := decode[inputEnd](t, c.Do(t, call))
			if got.Body != body || strings.Join(got.After, "") != "" {
				t.Errorf("%d bytes: read %d, then %q", len(body), len(got.Body), got.After)
			}
		}
		got := decode[inputEnd](t, c.Do(t, testkit.Call{Target: "/input/end"}))
		if got.Body != "" || strings.Join(got.After, "") != "" {
			t.Errorf("a request without a body gives %q", got)
		}
	})
}

func checkInputArguments(t *testing.T, s *testkit.Server) {
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		body := strings.Repeat("0123456789", 20000)
		got := decode[[]string](t, c.Do(t, post("/input/rest", body)))
		if got[0] != body[:4] || got[1] != body[4:] {
			t.Errorf("read(4) then read(): %d and %d bytes", len(got[0]), len(got[1]))
		}
		if rest := decode[string](t, c.Do(t, post("/input/negative", body))); rest != body {
			t.Errorf("read(-1): %d bytes", len(rest))
		}
	})
}

func checkErrors(t *testing.T, s *testkit.Server) {
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		got := decode[map[string]bool](t, c.Get(t, target("/errors", "key", "errors-by-"+c.Name)))
		if !got["flush"] || !got["refused"] {
			t.Errorf("flush and refusal of bytes: %v", got)
		}
		mark := "-errors-by-" + c.Name
		for _, text := range []string{"written-line" + mark, "first-of-two" + mark, "second-of-two" + mark,
			"and nul", "two parts of one line errors-by-" + c.Name, "printed to errors errors-by-" + c.Name} {
			line := s.AwaitOutput(t, text)
			if !regexp.MustCompile(`(?i)request\w*["=: ]+[0-9a-z]+`).MatchString(line) {
				t.Errorf("no request id in %q", line)
			}
		}
		if line := s.AwaitOutput(t, "snow "); !strings.Contains(line, "\u2603") && !strings.Contains(line, `\u2603`) {
			t.Errorf("the snowman is lost: %q", line)
		}
	})
}

func checkInputTerminated(t *testing.T, s *testkit.Server) {
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		if got := environOf(t, c, testkit.Call{})["wsgi.input_terminated"]; got != "bool:True" {
			t.Errorf("wsgi.input_terminated is %q", got)
		}
	})
}
