package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// cached is a penknife with a response cache and an application that counts its calls.
type cached struct {
	*watched
	calls, gate string // files
}

// serveCached starts one with two processes; config is further YAML, indented, below cache.
func serveCached(t testing.TB, config string, options testkit.Options) *cached {
	t.Helper()
	dir := t.TempDir()
	c := &cached{calls: filepath.Join(dir, "calls"), gate: filepath.Join(dir, "gate")}
	options.Env = append(options.Env, "CALLS="+c.calls, "GATE="+c.gate)
	options.Processes = 2
	c.watched = serveWatched(t, "cached:application", "cache:\n  enabled: true\n"+config, options)
	return c
}

// called counts the application's calls for a request line.
func (c *cached) called(t testing.TB, line string) int {
	t.Helper()
	text, err := os.ReadFile(c.calls)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(text), line+"\n")
}

// open lets /slow and /stream go on.
func (c *cached) open(t testing.TB) {
	if err := os.WriteFile(c.gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (c *cached) penknife(t testing.TB, arguments ...string) string {
	t.Helper()
	code, output := testkit.Run(t, 10*time.Second, append(arguments, "--control", "unix:"+c.Uwsgi+".control")...)
	if code != 0 {
		t.Fatalf("penknife %s: exit %d\n%s", strings.Join(arguments, " "), code, output)
	}
	return output
}

const sameHost = "Host: example.com"

// TestCache_SharedByFrontsAndWorkers: one call for both protocols, nginx before penknife, and all ways to ask.
func TestCache_SharedByFrontsAndWorkers(t *testing.T) {
	c := serveCached(t, "", testkit.Options{})
	nginx := testkit.NginxPass(t, c.Uwsgi, "uwsgi_param HTTP_HOST example.com;")
	pids := map[string]bool{}
	for _, client := range append(c.Fronts(), nginx.Client(), testkit.HTTPClient(c.HTTPUnix), testkit.UwsgiClient(c.UwsgiTCP)) {
		for range 3 {
			answer := client.Do(t, testkit.Call{Target: "/page", Headers: []string{sameHost}})
			if answer.Status != 200 || string(answer.Body) != "http example.com /page" || answer.Cut != nil {
				t.Fatalf("%s: %d %q", client.Name, answer.Status, answer.Body)
			}
			pids[answer.Header.Get("X-Pid")] = true
		}
		part := client.Do(t, testkit.Call{Target: "/page", Headers: []string{sameHost, "Range: bytes=5-8"}})
		if part.Status != 206 || string(part.Body) != "exam" || part.Header.Get("Content-Range") != "bytes 5-8/22" {
			t.Errorf("%s: a range: %d %q %v", client.Name, part.Status, part.Body, part.Header)
		}
		head := client.Do(t, testkit.Call{Method: "HEAD", Target: "/page", Headers: []string{sameHost}})
		if head.Status != 200 || len(head.Body) != 0 || head.Header.Get("Content-Length") != "22" || head.Header.Get("Age") == "" {
			t.Errorf("%s: HEAD: %d %v", client.Name, head.Status, head.Header)
		}
	}
	if n := c.called(t, "GET /page"); n != 1 || len(pids) != 1 {
		t.Errorf("%d calls, by %v", n, pids)
	}
	scrape := c.scrape(t)
	promtool(t, scrape, "check", "metrics")
	for _, line := range []string{`penknife_cache_requests_total{outcome="miss",rule="none"} `, `penknife_cache_answers_total{reason="stored"} 1`} {
		if !strings.Contains(scrape, line) {
			t.Errorf("%s is missing", line)
		}
	}
}

// TestCache_Stampede: 1,000 requests over both protocols for one cold key make one call.
func TestCache_Stampede(t *testing.T) {
	const requests = 1000
	c := serveCached(t, "  wait: 60s\n", testkit.Options{})
	var all sync.WaitGroup
	answers := make([]error, requests)
	for i := range answers {
		client := c.Fronts()[i%2]
		all.Go(func() {
			answer, err := client.Try(testkit.Call{Target: "/slow/1", Headers: []string{sameHost}})
			if err == nil && (answer.Status != 200 || string(answer.Body) != "http example.com /slow/1") {
				err = fmt.Errorf("%d %q", answer.Status, answer.Body)
			}
			answers[i] = err
		})
	}
	testkit.Eventually(t, 20*time.Second, func() error {
		if !strings.Contains(c.scrape(t), fmt.Sprintf("penknife_cache_waiting_requests %d\n", requests-1)) {
			return fmt.Errorf("not all wait yet")
		}
		return nil
	})
	c.open(t)
	all.Wait()
	for _, err := range answers {
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := c.called(t, "GET /slow/1"); n != 1 {
		t.Errorf("%d calls", n)
	}
}

// TestCache_Purge: by URL, prefix, tag and all, from the command line and from Python; seen by both protocols at once.
func TestCache_Purge(t *testing.T) {
	c := serveCached(t, "", testkit.Options{})
	paths := []string{"/tagged/a", "/tagged/b", "/page"}
	ask := func() (calls int) {
		for _, path := range paths {
			before := c.called(t, "GET "+path)
			for _, client := range c.Fronts() {
				answer := client.Do(t, testkit.Call{Target: path, Headers: []string{sameHost}})
				if answer.Header.Get("Cache-Tag")+answer.Header.Get("Surrogate-Key") != "" {
					t.Errorf("tags reach the client: %v", answer.Header)
				}
			}
			calls += c.called(t, "GET "+path) - before
		}
		return calls
	}
	if n := ask(); n != 3 {
		t.Fatalf("%d calls at first", n)
	}
	for _, test := range []struct {
		arguments string
		calls     int
	}{
		{"--url http://example.com/tagged/a", 1}, {"--prefix http://example.com/tagged/", 2}, {"--tag b", 1}, {"--tag all", 2},
		{"--tag surrogate", 2}, {"--url http://other.com/page", 0}, {"--all", 3},
	} {
		output := c.penknife(t, append([]string{"cache", "purge"}, strings.Fields(test.arguments)...)...)
		if n := ask(); n != test.calls || !strings.HasPrefix(output, fmt.Sprintf("%d removed", test.calls)) {
			t.Errorf("%s: %d calls, want %d; %s", test.arguments, n, test.calls, output)
		}
	}
	purged := testkit.HTTPClient(c.HTTP).Get(t, "/purge/all")
	if n := ask(); n != 2 || string(purged.Body) != "2" {
		t.Errorf("from Python: %d calls, %s", n, purged.Body)
	}
	testkit.HTTPClient(c.HTTP).Do(t, testkit.Call{Method: "POST", Target: "/page", Headers: []string{sameHost}})
	if n := ask(); n != 1 {
		t.Errorf("after a POST: %d calls", n)
	}
	stats := c.penknife(t, "cache", "stats", "--top", "2")
	if !strings.Contains(stats, " entries, ") || strings.Count(stats, "http://example.com/") != 2 {
		t.Error(stats)
	}
}

// TestCache_OutlivesReload: what is stored stays, new rules count.
func TestCache_OutlivesReload(t *testing.T) {
	c := serveCached(t, "", testkit.Options{})
	client := testkit.HTTPClient(c.HTTP)
	call := testkit.Call{Target: "/page", Headers: []string{sameHost}}
	pid := client.Do(t, call).Header.Get("X-Pid")
	file := filepath.Join(c.Dir, "penknife.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte("  enabled: true\n"), []byte("  enabled: true\n  rules: [{path: /plain, ttl: 10m}]\n"), 1)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	c.penknife(t, "reload")
	if answer := client.Do(t, call); answer.Header.Get("X-Pid") != pid || c.called(t, "GET /page") != 1 {
		t.Errorf("%v", answer.Header)
	}
	for range 2 {
		client.Do(t, testkit.Call{Target: "/plain", Headers: []string{sameHost}})
	}
	if n := c.called(t, "GET /plain"); n != 1 {
		t.Errorf("the new rule does not count: %d calls", n)
	}
}

// TestCache_StreamsAMiss: the client has the first bytes while the application still works, and the whole is stored.
func TestCache_StreamsAMiss(t *testing.T) {
	c := serveCached(t, "", testkit.Options{})
	for _, client := range c.Fronts() {
		exchange, err := client.Send(testkit.Call{Target: "/stream/" + client.Name, Headers: []string{sameHost}})
		if err != nil {
			t.Fatal(err)
		}
		defer exchange.Close()
		if err := exchange.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		for begun := false; !begun; {
			line, err := exchange.Reader.ReadString(' ')
			if err != nil {
				t.Fatalf("%s: the first bytes do not come: %v", client.Name, err)
			}
			begun = strings.HasSuffix(line, "first ")
		}
	}
	c.open(t)
	for _, client := range c.Fronts() {
		line := "/stream/" + client.Name
		testkit.Eventually(t, 10*time.Second, func() error {
			answer := client.Do(t, testkit.Call{Target: line, Headers: []string{sameHost}})
			if !strings.Contains(answer.Header.Get("Cache-Status"), "hit") || string(answer.Body) != "first last" {
				return fmt.Errorf("%v %q", answer.Header, answer.Body)
			}
			return nil
		})
		if n := c.called(t, "GET "+line); n != 1 {
			t.Errorf("%s: %d calls", line, n)
		}
	}
}

// TestCache_DeadWorker: what a worker left unfinished is not stored.
func TestCache_DeadWorker(t *testing.T) {
	c := serveCached(t, "", testkit.Options{Errors: aDeadWorker})
	for _, client := range c.Fronts() {
		answer, err := client.Try(testkit.Call{Target: "/die", Headers: []string{sameHost}})
		if err == nil && answer.Cut == nil && answer.Status == 200 {
			t.Errorf("%s: a whole answer: %d bytes", client.Name, len(answer.Body))
		}
	}
	if n := c.called(t, "GET /die"); n != 2 {
		t.Errorf("%d calls", n)
	}
	if strings.Contains(c.scrape(t), `penknife_cache_answers_total{reason="stored"} 1`) {
		t.Error("something was stored")
	}
}

// TestCache_Sessions: Flask's own sessions, on pages that say max-age, with and without a rule. Nobody sees another's page or cookie.
func TestCache_Sessions(t *testing.T) {
	s := serve(t, "cached_flask:app", testkit.Options{
		Python: testkit.Virtualenv(t), Processes: 2, Config: "cache: {enabled: true, rules: [{path: /, ttl: 10m}]}\n",
	})
	nginx := testkit.NginxPass(t, s.Uwsgi, "")
	for _, client := range []testkit.Client{testkit.HTTPClient(s.HTTP), nginx.Client()} {
		cookies := map[string]string{}
		for _, user := range []string{"alice", "bob"} {
			answer := client.Get(t, "/login/"+user)
			cookie, _, _ := strings.Cut(answer.Header.Get("Set-Cookie"), ";")
			if cookie == "" {
				t.Fatalf("%s has no session: %v", user, answer.Header)
			}
			cookies[user] = cookie
			if again := client.Get(t, "/login/"+user); again.Header.Get("Set-Cookie") == "" {
				t.Errorf("the login of %s was stored", user)
			}
		}
		for range 2 {
			for _, path := range []string{"/me", "/me/quiet", "/visits"} {
				for user, cookie := range cookies {
					answer := client.Do(t, testkit.Call{Target: path, Headers: []string{"Cookie: " + cookie}})
					if !strings.HasPrefix(string(answer.Body), user) {
						t.Errorf("%s: %s gets %q (%s)", path, user, answer.Body, answer.Header.Get("Cache-Status"))
					}
				}
				if answer := client.Get(t, path); !strings.HasPrefix(string(answer.Body), "nobody") || answer.Header.Get("Set-Cookie") != "" {
					t.Errorf("%s: a visitor gets %q %v", path, answer.Body, answer.Header)
				}
			}
		}
		if answer := client.Get(t, "/me"); !strings.Contains(answer.Header.Get("Cache-Status"), "hit") {
			t.Errorf("a visitor's page is not cached: %v", answer.Header)
		}
	}
}
