package e2e

import (
	"strings"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// startRules are 22 to 30: start_response.
func startRules() []rule {
	return []rule{
		{22, "head_waits_for_the_first_block", checkHeadWaits},
		{23, "second_call_is_fatal", checkSecondCall},
		{24, "exc_info_before_and_after_the_head", checkExcInfo},
		{25, "exc_info_is_let_go", checkExcInfoCycle},
		{26, "wrong_arguments_raise_at_once", checkWrongArguments},
		{27, "hop_by_hop_headers_raise", checkHopByHop},
		{28, "required_headers_are_added", checkRequiredHeaders},
		{29, "shared_header_list", checkSharedList},
		{30, "late_start_response", checkLateStart},
	}
}

func checkHeadWaits(t *testing.T, s *testkit.Server) {
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		// The second head could not replace the first if an empty block or the call itself had sent it.
		for _, path := range []string{"/start/replaced", "/start/replaced-early"} {
			answer := c.Do(t, testkit.Call{Target: path})
			if answer.Status != 503 || answer.Reason != "Second" || answer.Header.Get("X-Second") != "yes" ||
				answer.Header.Get("X-First") != "" || string(answer.Body) != "body" || answer.Cut != nil {
				t.Errorf("%s: %d %s %v %q", path, answer.Status, answer.Reason, answer.Lines, answer.Body)
			}
		}
		expectStatus(t, c.Do(t, testkit.Call{Target: "/start/raise-after-empty"}), 500)
		for _, n := range []string{"0", "1", "3"} {
			answer := c.Get(t, target("/start/empty", "n", n))
			if answer.Header.Get("X-Empty") != "yes" || len(answer.Body) != 0 {
				t.Errorf("%s empty blocks: %v %q", n, answer.Lines, answer.Body)
			}
		}
	})
}

func checkSecondCall(t *testing.T, s *testkit.Server) {
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		if answer := c.Get(t, "/start/twice"); !strings.HasPrefix(string(answer.Body), "raised ") {
			t.Errorf("a second call: %s", answer.Body)
		}
		expectBody(t, c.Do(t, testkit.Call{Target: "/start/twice-after-error"}), "raised/raised")
	})
}

func checkExcInfo(t *testing.T, s *testkit.Server) {
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		expectStatus(t, c.Do(t, testkit.Call{Target: "/start/replaced-early"}), 503)
		expectBody(t, c.Do(t, testkit.Call{Target: "/start/late-exc-info"}), "sent;same:1 traceback:1")
		answer := c.Do(t, testkit.Call{Target: "/start/late-uncaught"})
		if answer.Status != 200 || string(answer.Body) != "sent;" || answer.Cut == nil {
			t.Errorf("a late exc_info that is not caught: %d %q, cut %v", answer.Status, answer.Body, answer.Cut)
		}
		s.AwaitOutput(t, "the original")
	})
}

func checkExcInfoCycle(t *testing.T, s *testkit.Server) {
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		expectBody(t, c.Do(t, testkit.Call{Target: "/start/cycle"}), "gone")
	})
}

func checkWrongArguments(t *testing.T, s *testkit.Server) {
	wrong := []string{
		"status-bytes", "status-none", "status-short", "status-word", "status-break", "status-lf", "status-nul",
		"status-wide", "headers-tuple", "headers-dict", "headers-none", "header-triple", "header-single", "header-text",
		"name-bytes", "name-empty", "name-space", "name-colon", "name-break", "name-wide", "name-latin",
		"value-bytes", "value-int", "value-none", "value-crlf", "value-cr", "value-lf", "value-nul", "value-wide",
		"length-word", "length-sign", "length-negative",
	}
	for _, name := range wrong {
		expectRaised(t, s, name)
	}
}

// expectRaised checks that start_response raises, and that an application which does not catch it gets a 500.
func expectRaised(t *testing.T, s *testkit.Server, name string) {
	t.Helper()
	c := testkit.HTTPClient(s.HTTP)
	answer := c.Do(t, testkit.Call{Target: target("/start/wrong", "case", name)})
	if answer.Status != 200 || !strings.HasPrefix(string(answer.Body), "raised ") {
		t.Errorf("%s: %d %s", name, answer.Status, answer.Body)
	}
	for _, front := range s.Fronts() {
		answer = front.Do(t, testkit.Call{Target: target("/start/wrong-uncaught", "case", name)})
		if answer.Status != 500 || answer.Header.Get("X-Evil") != "" {
			t.Errorf("%s, not caught, over %s: %d %v", name, front.Name, answer.Status, answer.Lines)
		}
	}
}

func checkHopByHop(t *testing.T, s *testkit.Server) {
	for _, name := range []string{"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "TE",
		"Trailers", "Transfer-Encoding", "Upgrade"} {
		expectRaised(t, s, "hop-"+name)
		expectRaised(t, s, "hop-"+strings.ToLower(name))
	}
}

func checkRequiredHeaders(t *testing.T, s *testkit.Server) {
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		answer := c.Get(t, "/start/date")
		date, err := time.Parse(time.RFC1123, answer.Header.Get("Date"))
		if err != nil || time.Since(date).Abs() > time.Minute {
			t.Errorf("Date: %q (%v)", answer.Header.Get("Date"), err)
		}
		if c.Name == "http" && answer.Header.Get("Server") == "" {
			t.Error("no Server")
		}
		answer = c.Get(t, "/start/date?own=1")
		if got := answer.Header["Date"]; len(got) != 1 || got[0] != "Thu, 01 Jan 1970 00:00:00 GMT" {
			t.Errorf("the application's own Date: %q", got)
		}
		if got := answer.Header["Server"]; len(got) != 1 || got[0] != "mine" {
			t.Errorf("the application's own Server: %q", got)
		}
	})
}

func checkSharedList(t *testing.T, s *testkit.Server) {
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		first := c.Get(t, "/start/shared-list")
		for range 5 {
			answer := c.Get(t, "/start/shared-list")
			if len(answer.Lines) != len(first.Lines) || string(answer.Body) != string(first.Body) {
				t.Errorf("the answer grows: %v, first %v", answer.Lines, first.Lines)
			}
		}
	})
}

func checkLateStart(t *testing.T, s *testkit.Server) {
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		answer := c.Do(t, testkit.Call{Target: target("/start/late", "key", key(t))})
		if answer.Status != 202 || string(answer.Body) != "late" || answer.Cut != nil {
			t.Errorf("%d %q", answer.Status, answer.Body)
		}
		awaitRecords(t, s, key(t), "next")
	})
}
