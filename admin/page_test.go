package admin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"penknife/control"
)

// hostile is what a client may put into a path, an application into an error, and nobody into our page.
const hostile = `"><script>alert(1)</script><img src=x onerror=alert(1)>'{{.}}`

// fullReport has something for every part of the page, and hostile texts wherever they can come from outside.
func fullReport() control.Report {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	next := now.Add(time.Hour)
	r := control.Report{
		Status: control.Status{
			Version: "1.2.3", PID: 7, State: "running", Uptime: 90000, Application: "shop:app" + hostile, Config: "p.yaml",
			Listeners: []control.Listener{{Protocol: "http", Address: "127.0.0.1:80"}},
			Current: control.Generation{
				Number: 2, Python: "3.12.1", InFlight: 3, Waiting: 1, Places: 20, Threads: 2, Retired: map[string]int{"max_rss": 3},
				Workers: []control.Worker{
					{Index: 0, PID: 11, State: "ready", Busy: 2, Requests: 12345, Load: .5, Resident: 50 << 20},
					{Index: 1, PID: 12, State: "draining", Reason: "max_rss" + hostile},
				},
			},
			Draining: []control.Generation{{Number: 1, InFlight: 1, Workers: []control.Worker{{Index: 0, PID: 9, State: "draining"}}}},
			Joining:  &control.Generation{Number: 3, Workers: []control.Worker{{Index: 0, PID: 21, State: "ready"}}},
			Daemons:  []control.Daemon{{Name: "queue" + hostile, State: "running", PID: 31, Uptime: 60, Restarts: 1, Last: hostile}},
			Jobs:     []control.Job{{Name: "nightly", Schedule: "0 3 * * *", Next: &next, LastBegin: &next, LastOutcome: "status 1", Runs: 2, Failures: 1}},
			Reloads:  control.Reloads{Succeeded: 1, Failed: 1, Last: &control.Reloaded{Failure: &control.Failure{Reason: "x"}}},
		},
		At: now, Ready: true, Traffic: control.Traffic{Requests: 10, Classes: [6]uint64{1, 0, 6, 1, 1, 1}},
		Running: []control.Running{
			{Generation: 2, Worker: 0, Request: 5, State: "running", Method: "GET", Path: "/" + hostile, Client: hostile, Age: 3.2, App: 3.1},
			{Generation: 2, Worker: -1, State: "waiting", Method: hostile, Path: "/b", Age: .0012},
		},
		Errors: []control.Incident{{
			First: now, Last: now, Count: 3, Message: "app", Text: "Traceback\n  line\nKeyError: " + hostile,
			Details: map[string]string{hostile: hostile},
		}, {First: now.Add(-48 * time.Hour), Last: now.Add(-48 * time.Hour), Count: 1, Message: "worker died", Details: map[string]string{"exit": "signal 9"}}},
		ErrorsAll: 4,
		Past: []control.Reloaded{
			{At: now, Generation: 2, NeedsRestart: []string{"http"}, Took: .25},
			{At: now, Failure: &control.Failure{Fault: control.FaultApp, Reason: hostile + "\nsecond", Traceback: hostile}},
		},
		Settings: []control.Setting{{Key: "app.wsgi", Value: hostile, Source: "p.yaml:1"}, {Key: "a.b", Value: "c", Source: "default", Default: true}},
		Cache:    &control.CacheStats{Entries: 3, Bytes: 512, Limit: 1024, Hits: 3, Misses: 1, Top: []control.CacheTop{{URL: hostile, Hits: 3}}},
	}
	for i := range 20 {
		r.History = append(r.History, control.Sample{
			At: now.Add(time.Duration(i-20) * time.Second), Seconds: 1, Requests: uint64(10 * i), Errors: 1, Busy: 1, Threads: 2, Memory: 80 << 20,
			Latency: control.Latency{P50: .001, P95: .01, P99: .1},
		})
	}
	return r
}

func rendered(t *testing.T, r *control.Report) string {
	t.Helper()
	text, err := newPage().render(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestPage_EscapesWhatComesFromOutside(t *testing.T) {
	r := fullReport()
	text := rendered(t, &r)
	for _, bad := range []string{"<script>alert", "<img", "onerror=alert(1)>'{{.}}\"", "ZgotmplZ"} {
		if strings.Contains(text, bad) {
			t.Errorf("%q is on the page", bad)
		}
	}
	if n := strings.Count(text, "<script"); n != 1 {
		t.Errorf("%d scripts, want ours alone", n)
	}
	escaped := "&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"
	if n := strings.Count(text, escaped); n < 12 {
		t.Errorf("the hostile text is shown %d times, which is not everywhere", n)
	}
	for _, attribute := range []string{" style=", " onclick=", "javascript:", "http://www.w3.org/1999"} {
		if strings.Contains(text, attribute) {
			t.Errorf("%q is on the page, and the policy forbids it", attribute)
		}
	}
}

func TestPage_ShowsEverything(t *testing.T) {
	r := fullReport()
	text := rendered(t, &r)
	for _, want := range []string{
		"<title>shop:app", "penknife 1.2.3", "1 d 1 h", ">3.12.1<", "of 3 threads busy", "3 left for max_rss", "12\u202f345", "50 MiB",
		"0 of generation 1", "0 of generation 3", "1 restart, pid 31", "next at ", "0 3 * * *, 2 runs, 1 failure", "GET /&#34;", "3.1 s", "1.2 ms", "KeyError: ", ">3×<", "2026-11-20 ", "worker died: signal 9",
		"The last reload failed", "Only a restart takes over: http", "1 key has its default", "75 % hits", "512 B of 1 KiB", "<noscript>",
		"p.yaml:1", `aria-label="Requests per second: now 190`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not on the page", want)
		}
	}
}

// TestPage_OfNothing: the first moment, with neither workers nor samples.
func TestPage_OfNothing(t *testing.T) {
	text := rendered(t, &control.Report{Status: control.Status{State: "starting"}, At: time.Now(), NotReady: "the application is starting"})
	for _, want := range []string{
		"Starting", "Requests are not answered: the application is starting.", "No request is in progress", "No worker is there",
		"No error since the start", "Nothing was reloaded", "Every key has its default",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not on the page", want)
		}
	}
	if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") || strings.Contains(text, "h-cache") {
		t.Error(text)
	}
}

func TestPage_IsBounded(t *testing.T) {
	r := fullReport()
	for i := range 2000 {
		r.Current.Workers = append(r.Current.Workers, control.Worker{Index: i, PID: i, State: "ready"})
		r.Running = append(r.Running, control.Running{Worker: -1, Path: "/x"})
	}
	text := rendered(t, &r)
	if len(text) > 200<<10 || !strings.Contains(text, "and 1\u202f940 more") || !strings.Contains(text, "and 1\u202f982 more") {
		t.Errorf("%d bytes", len(text))
	}
}

// get asks a mux that believes in a peer.
func (g guard) get(t *testing.T, path, host, peer string) *httptest.ResponseRecorder {
	t.Helper()
	listener := listenLocal(t, peer)
	client, server := connect(t, listener)
	defer client.Close()
	defer server.Close()
	deps := Deps{
		Metrics: http.NotFoundHandler(), Ready: func() error { return nil }, Report: fullReport, Audience: g.audience, Hosts: g.hosts,
	}
	request := httptest.NewRequest(http.MethodGet, path, nil)
	request.Host = host
	recorder := httptest.NewRecorder()
	newMux(deps).ServeHTTP(recorder, request.WithContext(rememberPeer(t.Context(), server)))
	return recorder
}

func TestGuard(t *testing.T) {
	for _, test := range []struct {
		audience   Audience
		host, peer string
		want       int
	}{
		{Local, "127.0.0.1:9191", "tcp", 200}, {Local, "[::1]:9191", "tcp", 200}, {Local, "localhost:9191", "tcp", 200},
		{Local, "app.localhost", "tcp", 200}, {Local, "STATUS.example.org:80", "tcp", 200}, {Local, "192.0.2.7", "tcp", 200},
		{Local, "evil.example", "tcp", 421}, {Local, "127.0.0.1.evil.example", "tcp", 421}, {Local, "", "tcp", 421},
		{Everyone, "evil.example", "tcp", 421}, {Local, "evil.example", "unix", 200}, {Local, "127.0.0.1", "nobody", 403},
		{Everyone, "127.0.0.1", "nobody", 200},
	} {
		g := guard{test.audience, []string{"status.example.org"}}
		for _, path := range []string{"/", "/status.json"} {
			if got := g.get(t, path, test.host, test.peer); got.Code != test.want {
				t.Errorf("%s for %v as %q from %s: %d, want %d", path, test.audience, test.host, test.peer, got.Code, test.want)
			}
		}
	}
}

func TestAudiences(t *testing.T) {
	for a := Nobody; a <= Everyone; a++ {
		if AudienceOf(a.String()) != a {
			t.Errorf("%d is called %s", a, a)
		}
	}
	if AudienceOf("") != Nobody || AudienceOf("ON") != Nobody || Audience(0).String() != "unknown" || Audience(9).String() != "unknown" {
		t.Error("an unknown audience is somebody")
	}
}

func TestPolicyPermitsOursAlone(t *testing.T) {
	answer := guard{Local, nil}.get(t, "/", "localhost", "tcp")
	policy := answer.Header().Get("Content-Security-Policy")
	text := answer.Body.String()
	for tag, directive := range map[string]string{"style": "style-src ", "script": "script-src "} {
		_, rest, _ := strings.Cut(text, "<"+tag+">")
		inside, _, _ := strings.Cut(rest, "</"+tag+">")
		if !strings.Contains(policy, directive+hashOf(inside)) {
			t.Errorf("the policy does not permit the %s of the page", tag)
		}
	}
	if !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || answer.Header().Get("X-Frame-Options") != "DENY" {
		t.Error(policy, answer.Header())
	}
}

func TestStatusJSON(t *testing.T) {
	answer := guard{Local, nil}.get(t, "/status.json", "localhost", "tcp")
	var back control.Report
	decoder := json.NewDecoder(answer.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&back); err != nil {
		t.Fatal(err)
	}
	want := fullReport()
	if fmt.Sprintf("%+v", back.Running) != fmt.Sprintf("%+v", want.Running) || back.PID != 7 || len(back.History) != 20 {
		t.Errorf("%+v", back)
	}
	if answer.Header().Get("Access-Control-Allow-Origin") != "" || answer.Header().Get("Cross-Origin-Resource-Policy") != "same-origin" {
		t.Error(answer.Header())
	}
}

func BenchmarkPage(b *testing.B) {
	r, page := fullReport(), newPage()
	for range 280 {
		r.History = append(r.History, r.History[5])
	}
	for b.Loop() {
		text, err := page.render(&r)
		if err != nil || !bytes.Contains(text, []byte("</html>")) {
			b.Fatal(err)
		}
	}
}
