package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"penknife/internal/testkit"
)

const logTime = 10 * time.Second

// accessLine is a line of the JSON access log.
type accessLine struct {
	RequestID string `json:"request_id"`
	Front     string
	Method    string
	URL       string
	Status    int
	Bytes     int64
	Total     float64
	Queue     float64
	App       float64
	Worker    *int
	PID       int
	Error     string
}

// accessLines waits until the file has that many lines, and decodes them: each must be JSON.
func accessLines(t *testing.T, path string, count int) []accessLine {
	t.Helper()
	var lines []accessLine
	testkit.Eventually(t, logTime, func() error {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		lines = nil
		for line := range strings.Lines(string(text)) {
			var one accessLine
			if err := json.Unmarshal([]byte(line), &one); err != nil {
				return fmt.Errorf("%q: %w", line, err)
			}
			lines = append(lines, one)
		}
		if len(lines) < count {
			return fmt.Errorf("%d lines of %d", len(lines), count)
		}
		return nil
	})
	return lines
}

// TestAccessLogHasEveryRequest: those that were answered, and on both fronts those that were refused, timed out, failed
// or whose client left.
func TestAccessLogHasEveryRequest(t *testing.T) {
	dir := testkit.Dir(t)
	file := filepath.Join(dir, "access.log")
	s := serve(t, "logged:application", testkit.Options{Errors: anOverdueRequest, Config: "log: {access: json, access_file: " + file + ", access_delay: 10ms}\n" +
		"limits: {body: 1KiB}\nworkers: {request_timeout: 700ms, queue_timeout: 200ms}\n"})
	had := len(accessLines(t, file, 1)) // of waiting until it is ready
	for _, c := range s.Fronts() {
		t.Run(c.Name, func(t *testing.T) {
			c.Get(t, "/ok?a=%22\\b")
			expectStatus(t, c.Do(t, testkit.Call{Target: "/boom"}), 500)
			expectStatus(t, c.Do(t, testkit.Call{Method: "POST", Target: "/large", Body: make([]byte, 2000)}), 413)
			nonsense(t, c)
			leaveEarly(t, c)
			s.AwaitReady(t, logTime) // the worker may still be at the answer that nobody reads
			before := strings.Count(s.Output(), "slow-entered")
			slow, err := c.Send(testkit.Call{Target: "/slow"})
			if err != nil {
				t.Fatal(err)
			}
			testkit.Eventually(t, logTime, func() error {
				if strings.Count(s.Output(), "slow-entered") == before {
					return errors.New("the slow request has not begun")
				}
				return nil
			})
			expectStatus(t, c.Do(t, testkit.Call{Target: "/refused"}), 503)
			answer, err := slow.Receive()
			if err != nil || answer.Status != 504 {
				t.Errorf("%v, %v", answer.Status, err)
			}
			s.AwaitReady(t, logTime) // with another worker
			for _, want := range []accessLine{
				{URL: "/ok?a=%22\\b", Status: 200, Method: "GET"}, {URL: "/boom", Status: 500, Method: "GET", Error: "app_error"},
				{URL: "/large", Status: 413, Method: "POST", Error: "body_too_large"}, {Status: 400, Error: "bad_request"},
				{URL: "/big", Status: 200, Method: "GET", Error: "client_gone"},
				{URL: "/refused", Status: 503, Method: "GET", Error: "queue_timeout"},
				{URL: "/slow", Status: 504, Method: "GET", Error: "request_timeout"},
			} {
				want.Front = c.Name
				checkAccessLine(t, file, had, want)
			}
		})
	}
}

// nonsense sends what is no request, and waits for the refusal.
func nonsense(t *testing.T, c testkit.Client) {
	t.Helper()
	exchange, err := c.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = exchange.Conn.Close() }()
	text := "GET / HTTP/1.1\r\nHost : a\r\n\r\n" // no uwsgi packet either
	if _, err := exchange.Conn.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if answer, err := exchange.Receive(); err != nil || answer.Status != 400 {
		t.Errorf("%d, %v", answer.Status, err)
	}
}

// leaveEarly takes the head of a large answer and goes.
func leaveEarly(t *testing.T, c testkit.Client) {
	t.Helper()
	exchange, err := c.Send(testkit.Call{Target: "/big"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = exchange.Conn.Close() }()
	if answer, err := exchange.ReceiveHead(); err != nil || answer.Status != 200 {
		t.Errorf("%d, %v", answer.Status, err)
	}
}

// checkAccessLine waits for one line like want, and checks what else it must have.
func checkAccessLine(t *testing.T, file string, from int, want accessLine) {
	t.Helper()
	testkit.Eventually(t, logTime, func() error {
		for _, line := range accessLines(t, file, from)[from:] {
			if line.URL != want.URL && want.URL != "" || line.Status != want.Status || line.Front != want.Front || line.Error != want.Error ||
				line.Method != want.Method && want.Method != "" {
				continue
			}
			if line.RequestID == "" || line.Bytes == 0 || line.Total <= 0 {
				t.Errorf("something is missing in %+v", line)
			}
			if answered := line.Status == 200 && line.Error == "" || line.Status == 500; answered && (line.Worker == nil || *line.Worker != 0 || line.PID == 0 || line.App <= 0) {
				t.Errorf("no worker in %+v", line)
			}
			if line.Status == 503 && line.Queue < 0.2 || line.Status == 504 && line.App < 0.7 {
				t.Errorf("times in %+v", line)
			}
			return nil
		}
		return fmt.Errorf("no line like %+v in\n%s", want, testkit.ReadFile(t, file))
	})
}

// TestAccessLogInUwsgisFormat compares the shape of our line with that of a line which Debian's uWSGI writes for the same
// request: what is no number or name of a place is the same, byte for byte.
func TestAccessLogInUwsgisFormat(t *testing.T) {
	socket := testkit.FreeAddress(t)
	real := testkit.Start(t, apps(t), []string{"PYTHONDONTWRITEBYTECODE=1"}, testkit.Command(t, "uwsgi"), "--plugin", "python3",
		"--http-socket", socket, "--wsgi-file", filepath.Join(apps(t), "logged.py"), "--die-on-term")
	real.AwaitAccept(t, socket)
	s := serve(t, "logged:application", testkit.Options{Flags: []string{"--access-log", "uwsgi"}})
	shape := func(line string) string {
		_, line, _ = strings.Cut(line, "[pid: ")
		return regexp.MustCompile(`\d+`).ReplaceAllString(regexp.MustCompile(`\[\w{3} \w{3} `).ReplaceAllString(line, "[day month "), "N")
	}
	headers := []string{"X-Request-ID: 0f1e"}
	testkit.HTTPClient(socket).Do(t, testkit.Call{Target: "/path?q=1", Headers: headers})
	testkit.HTTPClient(s.HTTP).Do(t, testkit.Call{Target: "/path?q=1", Headers: headers})
	want := shape(real.AwaitOutput(t, "/path?q=1 =>"))
	if got := shape(s.AwaitOutput(t, "/path?q=1 =>")); got != want || !strings.Contains(got, "generated N bytes in N msecs (HTTP/N.N N)") {
		t.Errorf("\n%s\nuWSGI:\n%s", got, want)
	}
}

// TestRequestIDs: taken from trusted peers, made for others, and the same for client, application and every log line.
func TestRequestIDs(t *testing.T) {
	s := serve(t, "logged:application", testkit.Options{
		Config: "log: {access: '%(h)s id=%(request_id)s %({x-answer}o)s %({REQUEST_ID}e)s', access_delay: 0s, request_id_response: true}\n"})
	front := testkit.Nginx(t, "", "location / { include "+testkit.Write(t, s.Dir, "uwsgi_params", testkit.UwsgiParams)+
		"; uwsgi_param REQUEST_ID $request_id; uwsgi_pass unix:"+s.Uwsgi+"; }")
	seen := map[string]bool{}
	for _, test := range []struct {
		name   string
		client testkit.Client
		taken  bool
	}{
		{"stranger", testkit.HTTPClient(s.HTTP), false}, {"unix socket", testkit.HTTPClient(s.HTTPUnix), true},
		{"uwsgi", testkit.UwsgiClient(s.Uwsgi), true}, {"nginx that decides itself", front.Client(), false},
	} {
		own := "0123-" + strings.ReplaceAll(test.name, " ", "-")
		answer := test.client.Do(t, testkit.Call{Target: "/say", Headers: []string{"X-Request-ID: " + own}})
		id, _, _ := strings.Cut(string(answer.Body), "|")
		if (id == own) != test.taken || id == "-" || answer.Header.Get("X-Request-ID") != id || seen[id] {
			t.Errorf("%s: the application was told %q, the client %q", test.name, id, answer.Header.Get("X-Request-ID"))
		}
		seen[id] = true
		line := s.AwaitOutput(t, " id="+id+" ")
		if !strings.HasSuffix(strings.TrimSpace(line), "id="+id+" a b "+id) {
			t.Errorf("%s: access log: %q", test.name, line)
		}
		if line := s.AwaitOutput(t, "request_id="+id+" text=said-something"); !strings.Contains(line, "level=WARN") {
			t.Errorf("%s: %s", test.name, line)
		}
	}
	plain := front.Client().Get(t, "/")
	if id, _, _ := strings.Cut(string(plain.Body), "|"); !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(id) {
		t.Errorf("nginx's own identifier became %q", id)
	}
	failed := testkit.HTTPClient(s.HTTP).Do(t, testkit.Call{Target: "/boom"})
	id := failed.Header.Get("X-Request-ID")
	if failed.Status != 500 || id == "" {
		t.Errorf("%d, %q", failed.Status, id)
	}
	s.AwaitOutput(t, "request_id="+id+" text=\"KeyError: 'boom of "+id)
}
