package e2e

import (
	"os"
	"strings"
	"testing"

	"penknife/internal/testkit"
)

// TestSendfileAnswersAsNginxDoes: the same application names the same files, once to nginx in front of a penknife without
// directories of its own, and once to penknife.
func TestSendfileAnswersAsNginxDoes(t *testing.T) {
	root := staticTree(t)
	plain := serve(t, "library:application", testkit.Options{})
	nginx := testkit.Nginx(t, "", uwsgiTo(plain.Uwsgi)+"\n location /protected/ { internal; alias "+root+"/; if_modified_since before; }").Client()
	s := serve(t, "library:application", testkit.Options{Config: "sendfile: {roots: {/protected/: " + root + "}}\n"})
	for name, client := range staticClients(t, s) {
		for _, call := range sendfileCalls() {
			want := nginx.Do(t, resolve(t, nginx, call))
			got := client.Do(t, resolve(t, client, call))
			if asSeen(got) != asSeen(want) {
				t.Errorf("%s: %s %s %q\n got %s\nwant %s", name, call.Method, call.Target, call.Headers, asSeen(got), asSeen(want))
			}
			for _, field := range []string{"Set-Cookie", "Content-Disposition", "X-Accel-Redirect"} {
				if got.Status < 300 && got.Header.Get(field) != want.Header.Get(field) {
					t.Errorf("%s: %s: %s is %q, nginx says %q", name, call.Target, field, got.Header.Get(field), want.Header.Get(field))
				}
			}
		}
		sent := client.Get(t, "/sendfile/x?"+root+"/small.txt")
		if string(sent.Body) != "0123456789" || sent.Header.Get("X-Sendfile") != "" {
			t.Errorf("%s: X-Sendfile: %d %q", name, sent.Status, sent.Body)
		}
		if got := client.Do(t, testkit.Call{Target: "/sendfile/x?/etc/passwd"}); got.Status != 500 || strings.Contains(string(got.Body), "root:") {
			t.Errorf("%s: a file outside: %d", name, got.Status)
		}
		if got := client.Do(t, testkit.Call{Target: "/protected/small.txt"}); string(got.Body) != "not this" {
			t.Errorf("%s: a client gets a protected file by asking for it", name)
		}
	}
}

// uwsgiTo is nginx's server block with every path passed to one uwsgi address.
func uwsgiTo(address string) string {
	if strings.HasPrefix(address, "/") {
		address = "unix:" + address
	}
	return testkit.UwsgiParams + "location / { uwsgi_pass " + address + "; }"
}

func sendfileCalls() []testkit.Call {
	var calls []testkit.Call
	add := func(name string, headers ...string) {
		calls = append(calls, testkit.Call{Method: "GET", Target: "/accel/a.bin?/protected/" + name, Headers: headers})
	}
	for _, name := range []string{"small.txt", "large.bin", "empty.txt", "a%20b/%C3%BC.txt", "none", "../secret", "%2e%2e/secret"} {
		add(name)
	}
	for _, headers := range [][]string{
		{"If-None-Match: ETAG"}, {`If-None-Match: "x"`}, {"If-Modified-Since: DATE"}, {"Range: bytes=2-5"}, {"Range: bytes=-3"},
		{"Range: bytes=99999999-"}, {"Range: bytes=1-1", "If-Range: ETAG"}, {"Range: bytes=1-1", `If-Range: "x"`},
	} {
		add("small.txt", headers...)
		add("large.bin", headers...)
	}
	return append(calls, testkit.Call{Method: "HEAD", Target: "/accel/a.bin?/protected/large.bin"})
}

// TestStaticListing: a person and a program look into a directory, over each front.
func TestStaticListing(t *testing.T) {
	root := staticTree(t)
	s := serve(t, "hello:application", testkit.Options{Config: "static: [{url: /files/, root: " + root + ", listing: true}]\n"})
	for name, client := range staticClients(t, s) {
		page := client.Do(t, testkit.Call{Target: "/files/", Headers: []string{"Accept: text/html"}})
		if !strings.Contains(string(page.Body), `<a href="./a%20b/">a b/</a>`) || page.Header.Get("Content-Security-Policy") == "" {
			t.Errorf("%s: %d %s", name, page.Status, page.Body)
		}
		got := decode[struct{ Entries []struct{ Name string } }](t,
			client.Do(t, testkit.Call{Target: "/files/", Headers: []string{"Accept: application/json"}}))
		there, err := os.ReadDir(root)
		if err != nil || len(got.Entries) != len(there) {
			t.Errorf("%s: %d entries are listed, %d are there", name, len(got.Entries), len(there))
		}
		if got := client.Get(t, "/files/docs/"); string(got.Body) != "docs" {
			t.Errorf("%s: the index file is %q", name, got.Body)
		}
	}
}
