package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// viewer stands between the browser and the admin listener. Before each answer the application gets a request, so that
// every page is different from the one before; pages are changed by edit.
type viewer struct {
	*httptest.Server
	served chan string // the number of requests on each page that was served
	edit   func(*http.Response, string) string
}

// requestsShown finds the number of requests on a page.
var requestsShown = regexp.MustCompile(`<span class="count">([0-9\x{202f}]+) requests</span>`)

func viewerOf(t *testing.T, w *watched, edit func(*http.Response, string) string) *viewer {
	t.Helper()
	v := &viewer{served: make(chan string, 1000), edit: edit}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: w.admin})
	proxy.ModifyResponse = func(response *http.Response) error {
		text, err := io.ReadAll(response.Body)
		if err != nil || response.Header.Get("Content-Type") != "text/html; charset=utf-8" {
			return fmt.Errorf("no page: %w", err)
		}
		page := string(text)
		if found := requestsShown.FindStringSubmatch(page); found != nil {
			v.served <- found[1]
		}
		if v.edit != nil {
			page = v.edit(response, page)
		}
		response.Body, response.ContentLength = io.NopCloser(strings.NewReader(page)), int64(len(page))
		response.Header.Set("Content-Length", strconv.Itoa(len(page)))
		return nil
	}
	v.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if _, err := testkit.HTTPClient(w.HTTP).Try(testkit.Call{}); err != nil {
			t.Error(err)
		}
		proxy.ServeHTTP(rw, r)
	}))
	t.Cleanup(v.Close)
	return v
}

// shownIn gives the number of requests in a document of the browser.
func shownIn(t *testing.T, dom string) string {
	t.Helper()
	found := requestsShown.FindStringSubmatch(dom)
	if found == nil {
		t.Fatalf("no number of requests in the document:\n%s", clip([]byte(dom)))
	}
	return found[1]
}

// serveTroubled starts a penknife with one request in progress, an error, and hostile texts in both.
func serveTroubled(t *testing.T) *watched {
	t.Helper()
	w := serveWatched(t, "statuspage:application", "", testkit.Options{Processes: 2})
	expectStatus(t, testkit.HTTPClient(w.HTTP).Do(t, testkit.Call{Target: "/broken"}), 500)
	gate := testkit.NewGate(t)
	waiting, err := testkit.UwsgiClient(w.Uwsgi).Send(testkit.Call{Target: target("/wait", "gate", gate.Path),
		Vars: []string{"REQUEST_URI=/wait<script>document.title='owned'</script>?token=hidden"}})
	if err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, 10*time.Second, func() error {
		if !strings.Contains(w.status(t), `"path":"/wait`) {
			return errNotYet
		}
		return nil
	})
	t.Cleanup(func() {
		gate.Pass(t, 1)
		answer, err := waiting.Receive()
		if err != nil || answer.Status != 200 {
			t.Errorf("the request that waited: %d, %v", answer.Status, err)
		}
		_ = waiting.Close()
	})
	return w
}

// status gives what status.json has.
func (w *watched) status(t testing.TB) string {
	t.Helper()
	answer := testkit.HTTPClient(w.admin).Do(t, testkit.Call{Target: "/status.json", Headers: []string{"Host: localhost"}})
	expectStatus(t, answer, 200)
	return string(answer.Body)
}

// TestStatusPage_UpdatesInARealBrowser: the document has what the last answer had, not the first, and neither our script
// nor the policy has a complaint.
func TestStatusPage_UpdatesInARealBrowser(t *testing.T) {
	w := serveTroubled(t)
	v := viewerOf(t, w, nil)
	viewed := testkit.Chromium(t, v.URL, 4500*time.Millisecond)
	close(v.served)
	var served []string
	for number := range v.served {
		served = append(served, number)
	}
	if len(served) < 3 || shownIn(t, viewed.DOM) == served[0] || shownIn(t, viewed.DOM) != served[len(served)-1] {
		t.Errorf("shown: %s, served: %v", shownIn(t, viewed.DOM), served)
	}
	if len(viewed.Console) > 0 {
		t.Errorf("the console has:\n%s", strings.Join(viewed.Console, "\n"))
	}
	for _, want := range []string{">Live<", "ValueError: &lt;script&gt;document.title", "/wait&lt;script&gt;", ">running<", "statuspage:application – penknife</title>"} {
		if !strings.Contains(viewed.DOM, want) {
			t.Errorf("%q is not in the document", want)
		}
	}
	if strings.Contains(viewed.DOM, "owned</title>") || strings.Contains(viewed.DOM, "token=hidden") {
		t.Error("the page runs what came from outside, or shows a query")
	}
}

// TestStatusPage_IsCompleteWithoutScripts: the same page where scripts are turned off, by a policy that makes a browser
// behave as if it had none (HTML, sandboxing: scripting is disabled, and noscript shows).
func TestStatusPage_IsCompleteWithoutScripts(t *testing.T) {
	w := serveTroubled(t)
	v := viewerOf(t, w, func(response *http.Response, page string) string {
		response.Header.Add("Content-Security-Policy", "sandbox")
		return page
	})
	viewed := testkit.Chromium(t, v.URL, 3*time.Second)
	for _, want := range []string{"This page is of", "ValueError: ", "/wait&lt;script&gt;", "app.wsgi", `<path class="line`, `scope="col"`, "<main"} {
		if !strings.Contains(viewed.DOM, want) {
			t.Errorf("%q is not in the document", want)
		}
	}
	if strings.Contains(viewed.DOM, "data-updates") || strings.Contains(viewed.DOM, ">Live<") {
		t.Error("scripts ran")
	}
}

// TestStatusPage_FitsAPhone: at phone width nothing sticks out to the right, with everything unfolded. The probe is a
// script that the policy would not permit, so the policy is taken off.
func TestStatusPage_FitsAPhone(t *testing.T) {
	w := serveTroubled(t)
	const probe = `<script>onload = () => {
		document.querySelectorAll("details").forEach((d) => { d.open = true; });
		const root = document.documentElement;
		root.dataset.overflow = root.scrollWidth + " in " + innerWidth;
	}</script></body>`
	v := viewerOf(t, w, func(response *http.Response, page string) string {
		response.Header.Del("Content-Security-Policy")
		return strings.Replace(page, "</body>", probe, 1)
	})
	for _, width := range []string{"390", "320", "1280"} {
		dom := testkit.Chromium(t, v.URL, time.Millisecond, "--window-size="+width+",900").DOM
		_, rest, found := strings.Cut(dom, `data-overflow="`)
		got, _, _ := strings.Cut(rest, `"`)
		scroll, inner, _ := strings.Cut(got, " in ")
		if !found || scroll != inner {
			t.Errorf("at %s: %q", width, got)
		}
	}
}

// TestStatusPage_JSONIsTheControlSocketsReport: programs get the same by both ways.
func TestStatusPage_JSONIsTheControlSocketsReport(t *testing.T) {
	w := serveTroubled(t)
	text := w.status(t)
	for _, want := range []string{`"state":"running"`, `"path":"/wait\u003cscript`, `"key":"app.wsgi"`, `"p95_seconds":`, `"text":"Traceback`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in status.json", want)
		}
	}
	answer := testkit.HTTPClient(w.admin).Do(t, testkit.Call{Target: "/", Headers: []string{"Host: evil.example"}})
	expectStatus(t, answer, 421)
}
