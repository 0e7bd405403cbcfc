package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// staticTree makes the files that nginx and penknife both serve.
func staticTree(t testing.TB) string {
	t.Helper()
	root := testkit.Dir(t)
	when := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	for name, content := range map[string][]byte{
		"small.txt": []byte("0123456789"), "large.bin": pattern(1 << 20), "empty.txt": {}, "page.html": []byte("<p>page"),
		"style.css": bytes.Repeat([]byte("a{b:c}"), 50), "style.css.gz": []byte("compressed"), "docs/index.html": []byte("docs"),
		"a b/ü.txt": []byte("odd"), "data.json": []byte("{}"), "image.svg": []byte("<svg/>"), "archive.tar.gz": []byte("tar"),
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		testkit.Write(t, root, name, string(content))
		if err := os.Chtimes(path, when, when); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

const nginxStatic = `
  types { text/plain txt; text/html html; text/css css; application/json json; image/svg+xml svg; application/gzip gz; }
  default_type application/octet-stream;
  absolute_redirect off;
  if_modified_since before;
  gzip_static on;
  gzip_vary on;`

// staticCalls are requests to which nginx and penknife say the same. ETAG and DATE stand for what the server itself
// said about the file before.
func staticCalls() []testkit.Call {
	var calls []testkit.Call
	add := func(target string, headers ...string) {
		calls = append(calls, testkit.Call{Method: "GET", Target: "/static/" + target, Headers: headers})
		if !strings.Contains(strings.Join(headers, "\n"), "Range: bytes") { // nginx answers HEAD with 206, against RFC 9110 section 14.2
			calls = append(calls, testkit.Call{Method: "HEAD", Target: "/static/" + target, Headers: headers})
		}
	}
	for _, name := range []string{"small.txt", "large.bin", "empty.txt", "page.html", "style.css", "data.json", "image.svg", "archive.tar.gz",
		"docs/", "docs", "docs?x=1", "a%20b/%C3%BC.txt", "none", "none/", "small.txt/", "small.txt/x", "%73mall.txt", "small.txt?query",
		"%252e%252e/x"} {
		add(name)
	}
	for _, name := range []string{"small.txt", "large.bin"} {
		for _, headers := range [][]string{
			{"If-None-Match: ETAG"}, {"If-None-Match: W/ETAG"}, {`If-None-Match: "x", ETAG`}, {`If-None-Match: "x"`}, {"If-None-Match: *"},
			{"If-Match: ETAG"}, {`If-Match: "x"`}, {"If-Match: *"}, {"If-Match: W/ETAG"}, {`If-Match: "x"`, "If-None-Match: ETAG"},
			{"If-Modified-Since: DATE"}, {"If-Modified-Since: Thu, 01 Jan 2032 00:00:00 GMT"}, {"If-Modified-Since: Sat, 01 Jan 2000 00:00:00 GMT"},
			{"If-Modified-Since: nonsense"}, {"If-Unmodified-Since: DATE"}, {"If-Unmodified-Since: Sat, 01 Jan 2000 00:00:00 GMT"},
			{`If-None-Match: "x"`, "If-Modified-Since: DATE"},
			{"Range: bytes=0-0"}, {"Range: bytes=2-5"}, {"Range: bytes=7-"}, {"Range: bytes=-3"}, {"Range: bytes=-3000000"},
			{"Range: bytes=0-99999999999"}, {"Range: bytes=99999999-"}, {"Range: bytes=-0"}, {"Range: bytes=5-2"}, {"Range: bytes=x"},
			{"Range: lines=1-2"}, {"Range: bytes=1-2,4-5"}, {"Range: bytes=1-2, -1 , 99999999-"}, {"Range: bytes=0-,0-"},
			{"Range: bytes=1-1", "If-Range: ETAG"}, {"Range: bytes=1-1", `If-Range: "x"`}, {"Range: bytes=1-1", "If-Range: DATE"},
			{"Range: bytes=1-1", "If-Range: Sat, 01 Jan 2000 00:00:00 GMT"}, {"Range: bytes=1-1", "If-None-Match: ETAG"},
		} {
			add(name, headers...)
		}
	}
	add("style.css", "Accept-Encoding: gzip")
	add("style.css", "Accept-Encoding: gzip;q=0")
	add("style.css", "Accept-Encoding: br")
	calls = append(calls, testkit.Call{Method: "POST", Target: "/static/small.txt"}, testkit.Call{Method: "DELETE", Target: "/static/small.txt"})
	return calls
}

// asSeen is what of an answer must be equal.
func asSeen(a testkit.Answer) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d cut=%v", a.Status, a.Cut)
	kind := a.Header.Get("Content-Type")
	body := a.Body
	if line, ok := strings.CutPrefix(kind, "multipart/byteranges; boundary="); ok {
		kind = "multipart"
		body = regexp.MustCompile("(?m)^Content-Type: .*\r\n").ReplaceAll(bytes.ReplaceAll(body, []byte(line), []byte("LINE")), nil)
	}
	kind, _, _ = strings.Cut(kind, ";")
	if a.Status == 200 || a.Status == 206 {
		fmt.Fprintf(&b, " type=%s body=%s", kind, digest(body))
		if kind != "multipart" {
			fmt.Fprintf(&b, " length=%s", a.Header.Get("Content-Length"))
		}
	}
	if a.Status < 300 || a.Status == 304 {
		fmt.Fprintf(&b, " modified=%s etag=%v", a.Header.Get("Last-Modified"), a.Header.Get("ETag") != "")
	}
	for _, name := range []string{"Content-Range", "Content-Encoding", "Location"} {
		fmt.Fprintf(&b, " %s=%s", name, a.Header.Get(name))
	}
	return b.String()
}

// resolve fills in what the server said about the file.
func resolve(t testing.TB, c testkit.Client, call testkit.Call) testkit.Call {
	headers := strings.Join(call.Headers, "\n")
	if !strings.Contains(headers, "ETAG") && !strings.Contains(headers, "DATE") {
		return call
	}
	first := c.Do(t, testkit.Call{Target: call.Target})
	headers = strings.NewReplacer("ETAG", first.Header.Get("ETag"), "DATE", first.Header.Get("Last-Modified")).Replace(headers)
	call.Headers = strings.Split(headers, "\n")
	return call
}

// staticClients are the ways to penknife: each front end, and nginx before uwsgi.
func staticClients(t *testing.T, s *testkit.Server) map[string]testkit.Client {
	return map[string]testkit.Client{
		"http": testkit.HTTPClient(s.HTTP), "uwsgi": testkit.UwsgiClient(s.Uwsgi),
		"nginx": testkit.NginxPass(t, s.Uwsgi, "").Client(),
	}
}

func TestStaticAnswersAsNginxDoes(t *testing.T) {
	root := staticTree(t)
	nginx := testkit.Nginx(t, nginxStatic, "location /static/ { alias "+root+"/; }").Client()
	s := serve(t, "hello:application", testkit.Options{Flags: []string{"--static", "/static/=" + root}})
	clients := staticClients(t, s)
	for _, call := range staticCalls() {
		want := asSeen(nginx.Do(t, resolve(t, nginx, call)))
		for name, client := range clients {
			for range 2 { // from the disk, from memory
				if got := asSeen(client.Do(t, resolve(t, client, call))); got != want {
					t.Errorf("%s: %s %s %q\n got %s\nwant %s", name, call.Method, call.Target, call.Headers, got, want)
				}
			}
		}
	}
}

func TestStaticWithCurl(t *testing.T) {
	root := staticTree(t)
	s := serve(t, "hello:application", testkit.Options{Flags: []string{"--static", "/static/=" + root, "--static", "/one.css=" + root + "/style.css"}})
	testkit.Write(t, root, "script.js", strings.Repeat("the same again ", 1000))
	base := "http://" + s.HTTP
	etag := filepath.Join(t.TempDir(), "etag")
	for _, row := range []struct {
		want      string
		arguments []string
	}{
		{"0123456789", []string{base + "/static/small.txt"}},
		{"345", []string{"--range", "3-5", base + "/static/small.txt"}},
		{"200 10", []string{"--etag-save", etag, "-o", "/dev/null", "-w", "%{http_code} %{size_download}", base + "/static/small.txt"}},
		{"304 0", []string{"--etag-compare", etag, "-o", "/dev/null", "-w", "%{http_code} %{size_download}", base + "/static/small.txt"}},
		{"304", []string{"--time-cond", "Mon, 06 May 2024 07:08:09 GMT", "-o", "/dev/null", "-w", "%{http_code}", base + "/static/small.txt"}},
		{"200 1048576", []string{"-o", "/dev/null", "-w", "%{http_code} %{size_download}", base + "/static/large.bin"}},
		{"200 1", []string{"-L", "-o", "/dev/null", "-w", "%{http_code} %{num_redirects}", base + "/static/docs"}},
		{"404", []string{"--path-as-is", "-o", "/dev/null", "-w", "%{http_code}", base + "/static/../../../../etc/passwd"}},
		{"a{b:c}", []string{"--range", "0-5", base + "/one.css"}},
		{strings.Repeat("the same again ", 9), []string{"--compressed", base + "/static/script.js"}},
		{"gzip", []string{"--compressed", "-o", "/dev/null", "-w", "%header{content-encoding}", base + "/static/script.js"}},
		{"Content-Encoding: gzip", []string{"--head", "-H", "Accept-Encoding: gzip", base + "/static/style.css"}},
	} {
		if out := curl(t, row.arguments...); !strings.Contains(out, row.want) {
			t.Errorf("curl %q: %q, want %q", row.arguments, out, row.want)
		}
	}
	resumed := filepath.Join(t.TempDir(), "large.bin")
	if err := os.WriteFile(resumed, pattern(1 << 20)[:300000], 0o600); err != nil {
		t.Fatal(err)
	}
	curl(t, "-C", "-", "-o", resumed, base+"/static/large.bin")
	if got, err := os.ReadFile(resumed); err != nil || !bytes.Equal(got, pattern(1<<20)) {
		t.Errorf("a resumed download has %d bytes (%v)", len(got), err)
	}
}

// TestStaticDoesNotNeedTheApplication: files are there while the application is stuck, and a deploy shows at once.
func TestStaticDoesNotNeedTheApplication(t *testing.T) {
	root := staticTree(t)
	s := serve(t, "hello:application", testkit.Options{Config: "static:\n" +
		"  - {url: /static/, root: " + root + ", cache_control: max-age=9, headers: {X-Mount: one}}\n" +
		"  - {url: /, root: " + root + ", fallthrough: true, memory: 0}\n"})
	for name, client := range staticClients(t, s) {
		t.Run(name, func(t *testing.T) {
			if got := client.Get(t, "/static/small.txt"); got.Header.Get("Cache-Control") != "max-age=9" || got.Header.Get("X-Mount") != "one" {
				t.Errorf("got %q", got.Lines)
			}
			expectBody(t, client.Get(t, "/page.html"), "<p>page")
			hello := client.Get(t, "/nowhere")
			if string(hello.Body) == "<p>page" || hello.Header.Get("X-Mount") != "" {
				t.Errorf("a miss does not reach the application: %q", hello.Body)
			}
			for i := range 20 {
				text := fmt.Sprintf("deploy %02d of %s", i, name)
				next := testkit.Write(t, root, "next", text)
				if err := os.Rename(next, filepath.Join(root, "deployed.txt")); err != nil {
					t.Fatal(err)
				}
				expectBody(t, client.Get(t, "/static/deployed.txt"), text)
			}
		})
	}
}

// TestStaticHugeFile asks for ranges beyond 3 GiB of a file that is mostly a hole.
func TestStaticHugeFile(t *testing.T) {
	root := testkit.Dir(t)
	f, err := os.Create(filepath.Join(root, "huge"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // a test
	if _, err := f.WriteAt([]byte("far away"), 3<<30); err != nil {
		t.Fatal(err)
	}
	s := serve(t, "hello:application", testkit.Options{Flags: []string{"--static", "/=" + root}})
	for name, client := range staticClients(t, s) {
		got := client.Do(t, testkit.Call{Target: "/huge", Headers: []string{"Range: bytes=3221225472-"}})
		if got.Status != http.StatusPartialContent || string(got.Body) != "far away" || got.Header.Get("Content-Range") != "bytes 3221225472-3221225479/3221225480" {
			t.Errorf("%s: %d %q %q", name, got.Status, got.Body, got.Lines)
		}
		head := client.Do(t, testkit.Call{Method: "HEAD", Target: "/huge"})
		if head.Header.Get("Content-Length") != "3221225480" {
			t.Errorf("%s: HEAD: %q", name, head.Lines)
		}
	}
}

// TestStaticFileThatShrinksIsCut: whoever gets less than was announced must be able to tell.
func TestStaticFileThatShrinksIsCut(t *testing.T) {
	root := testkit.Dir(t)
	s := serve(t, "hello:application", testkit.Options{Flags: []string{"--static", "/=" + root}})
	for _, client := range s.Fronts() {
		path := testkit.Write(t, root, "shrinks", strings.Repeat("x", 64<<20))
		exchange, err := client.Send(testkit.Call{Target: "/shrinks"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := exchange.Reader.Peek(1); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, 1); err != nil {
			t.Fatal(err)
		}
		got, err := exchange.Receive()
		if err != nil || got.Status != 200 || len(got.Body) >= 64<<20 || got.Cut == nil {
			t.Errorf("%s: %d with %d bytes, cut: %v, %v", client.Name, got.Status, len(got.Body), got.Cut, err)
		}
		_ = exchange.Close()
	}
}
