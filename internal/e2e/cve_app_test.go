package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"penknife/internal/testkit"
)

// TestCVE_2018_1000164_ResponseSplitting: gunicorn wrote line breaks of the application's headers as they were, and
// mod_proxy_uwsgi (CVE-2023-27522, CVE-2024-24795) passed a backend's on; what the application must not say is its error,
// and no byte of it is sent.
func TestCVE_2018_1000164_ResponseSplitting(t *testing.T) {
	s := serve(t, "attacked:application", testkit.Options{})
	nginx := testkit.NginxPass(t, s.Uwsgi, "")
	apache := testkit.Apache(t, "uwsgi://"+s.UwsgiTCP+"/")
	clients := map[string]testkit.Client{
		"http": testkit.HTTPClient(s.HTTP), "uwsgi": testkit.UwsgiClient(s.Uwsgi), "nginx": nginx.Client(), "apache": apache.Client()}
	for name, c := range clients {
		t.Run(name, func(t *testing.T) {
			expectBody(t, respond(t, c, "200 OK", "X-Fine", "yes"), "content")
			for _, header := range [][2]string{
				{"X", "a\r\nX-Split: yes"}, {"X", "a\nX-Split: yes"}, {"X", "a\rX-Split: yes"}, {"X", "a\x00X-Split: yes"}, {"X", "a\x7f"},
				{"X", "a\r\n\r\nX-Split: yes"}, {"X\r\nX-Split", "yes"}, {"X-Split: yes\r\nX", "a"}, {"", "X-Split"}, {"X-Split ", "yes"},
				{"X Split", "yes"}, {"X-Split:", "yes"}, {"X-Splït", "yes"}, {"Transfer-Encoding", "chunked"}, {"transfer-encoding", "X-Split"},
				{"Content-Length", "+7"}, {"Content-Length", "7, 7"}, {"Content-Length", "-1"}, {"Content-Length", "0x7"}, {"Content-Length", "٧"},
				{"Content-Length", ""}, {"Connection", "X-Split"}, {"Upgrade", "h2c"},
			} {
				checkSplit(t, header, respond(t, c, "200 OK", header[0], header[1]))
			}
			for _, status := range []string{"200 OK\r\nX-Split: yes", "200 OK\nX-Split: yes", "200\x00OK", "2000 OK", "+20 OK", "200X OK", "", "٢٠٠ OK", "099 Low"} {
				checkSplit(t, [2]string{"status", status}, respond(t, c, status, "X", "a"))
			}
			for _, twice := range [][]string{{"7", "7"}, {"7", "8"}} {
				checkSplit(t, [2]string{"two lengths", twice[1]}, respond(t, c, "200 OK", "Content-Length", twice[0], "Content-Length", twice[1]))
			}
		})
	}
}

// respond has the application answer with a status and pairs of name and value.
func respond(t testing.TB, c testkit.Client, status string, pairs ...string) testkit.Answer {
	t.Helper()
	said := struct {
		Status  string      `json:"status"`
		Headers [][2]string `json:"headers"`
	}{Status: status}
	for i := 0; i+1 < len(pairs); i += 2 {
		said.Headers = append(said.Headers, [2]string{pairs[i], pairs[i+1]})
	}
	text, err := json.Marshal(said)
	if err != nil {
		t.Fatal(err)
	}
	return c.Do(t, testkit.Call{Method: "POST", Target: "/respond", Body: text})
}

func checkSplit(t *testing.T, what [2]string, answer testkit.Answer) {
	t.Helper()
	if all := strings.Join(answer.Lines, "\n") + answer.Reason + string(answer.Body); answer.Status != 500 || strings.Contains(all, "X-Split") {
		t.Errorf("%q: %d %s %q %q", what, answer.Status, answer.Reason, answer.Lines, clip(answer.Body))
	}
}

// TestCVE_cheroot_SystemExit: an application that raises SystemExit ended cheroot's server; it must cost its own request
// only, and not even the worker.
func TestCVE_cheroot_SystemExit(t *testing.T) {
	s := serve(t, "attacked:application", testkit.Options{})
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		pid := pidOf(t, c.Get(t, "/"))
		expectStatus(t, c.Do(t, testkit.Call{Target: "/exit"}), 500)
		if now := pidOf(t, c.Get(t, "/")); now != pid {
			t.Errorf("worker %d was replaced by %d", pid, now)
		}
	})
}

// TestCVE_2023_25577_BodiesAreNotParsed: werkzeug made objects of any number of multipart parts (CVE-2023-46136: took
// quadratic time for line breaks, CVE-2024-49767: memory without bound); a body is passed on as bytes, to a limit that is
// there without being asked for.
func TestCVE_2023_25577_BodiesAreNotParsed(t *testing.T) {
	s := serve(t, "probe:application", testkit.Options{})
	part := "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n"
	bodies := [][]byte{
		[]byte(strings.Repeat(part, 200_000) + "--b--\r\n"),
		[]byte("--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"a\"\r\n\r\n" + strings.Repeat("\r\n", 4<<20)),
		[]byte("--b\r\n" + strings.Repeat("\r", 8<<20)),
	}
	before := testkit.CPUTime(t, s.PID())
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		for i, body := range bodies {
			got := decode[probed](t, c.Do(t, testkit.Call{Method: "POST", Body: body, Headers: []string{"Content-Type: multipart/form-data; boundary=b"}}))
			if got.SHA256 != digest(body) {
				t.Errorf("body %d: %d of %d bytes arrived, or others", i, got.Size, len(body))
			}
		}
		call := testkit.Call{Method: "POST", Headers: []string{fmt.Sprintf("Content-Length: %d", 1<<30+1)}}
		expectStatus(t, c.Do(t, call), 413)
	})
	if used := testkit.CPUTime(t, s.PID()) - before; used.Seconds() > 3 {
		t.Errorf("%v of processor time", used)
	}
}

// TestCVE_2022_2255_ForwardingFieldsOfStrangers: mod_wsgi took X-Client-IP from peers that it did not trust off for some
// configurations only; no field by which proxies speak of their client may reach the application from a stranger, in
// whatever spelling.
func TestCVE_2022_2255_ForwardingFieldsOfStrangers(t *testing.T) {
	s := serve(t, "attacked:application", testkit.Options{})
	names := []string{"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Server", "X-Forwarded-Prefix",
		"X-Forwarded-SSL", "X-Forwarded-Scheme", "X-Forwarded-HTTPS", "X-Forwarded-Script-Name", "Forwarded", "X-Client-IP", "X-Real-IP",
		"X-Cluster-Client-IP", "True-Client-IP", "X-HTTPS", "X-Scheme", "X-Host", "X-Script-Name"}
	var headers []string
	for _, name := range names {
		headers = append(headers, name+": forged", strings.ToUpper(name)+": forged", strings.ReplaceAll(name, "-", "_")+": forged")
	}
	got := testkit.HTTPClient(s.HTTP).Do(t, testkit.Call{Target: "/environ", Headers: headers})
	for key, value := range decode[map[string]string](t, got) {
		if strings.Contains(value, "forged") {
			t.Errorf("%s is %q", key, value)
		}
	}
	trusted := decode[map[string]string](t, testkit.HTTPClient(s.HTTPUnix).Do(t, testkit.Call{Target: "/environ", Headers: []string{"X-Client-IP: 192.0.2.1"}}))
	if trusted["HTTP_X_CLIENT_IP"] != "192.0.2.1" {
		t.Error("a trusted peer's word is missing")
	}
}

// TestCVE_2016_5385_Httpoxy: a request's Proxy field became HTTP_PROXY, which libraries take for their own configuration.
func TestCVE_2016_5385_Httpoxy(t *testing.T) {
	s := serve(t, "attacked:application", testkit.Options{})
	clients := append(s.Fronts(), testkit.NginxPass(t, s.Uwsgi, "").Client(), testkit.Apache(t, "uwsgi://"+s.UwsgiTCP+"/").Client())
	for _, c := range clients {
		call := testkit.Call{Target: "/environ", Headers: []string{"Proxy: http://evil.test", "PROXY: http://evil.test", "pRoXy: http://evil.test", "X-Other: there"}}
		environ := decode[map[string]string](t, c.Do(t, call))
		for key, value := range environ {
			if strings.Contains(value, "evil") {
				t.Errorf("%s: %s is %q", c.Name, key, value)
			}
		}
		if environ["HTTP_X_OTHER"] != "there" {
			t.Errorf("%s: other fields are missing", c.Name)
		}
	}
}

// forest is a static root with a sibling whose name begins like it, and a secret above both.
func forest(t *testing.T) (root string) {
	dir := testkit.Dir(t)
	root = filepath.Join(dir, "root")
	for _, path := range []string{root, root + "-sibling", filepath.Join(root, "static"), filepath.Join(root, "admin")} {
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		testkit.Write(t, path, "secret.txt", "secret")
	}
	testkit.Write(t, dir, "secret.txt", "secret")
	testkit.Write(t, root, "open.txt", "open")
	if err := os.Remove(filepath.Join(root, "secret.txt")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "secret.txt"), filepath.Join(root, "link.txt")); err != nil {
		t.Fatal(err)
	}
	return root
}

// TestCVE_2018_7490_StaticTraversal: uWSGI's docroot and static-map compared paths as text, so that ".." and a sibling
// with the same beginning got out; fasthttp took "%5c" for a separator (CVE-2022-21221) and decoded twice (vulndb 4950).
func TestCVE_2018_7490_StaticTraversal(t *testing.T) {
	root := forest(t)
	s := serve(t, "attacked:application", testkit.Options{Config: fmt.Sprintf("static:\n  - {url: /static, root: %s}\n  - {url: /files/, root: %s}\n", root, root)})
	outside := []string{
		"/static/../secret.txt", "/static/%2e%2e/secret.txt", "/static/..%2fsecret.txt", "/static/%2e%2e%2fsecret.txt",
		"/static/..%5csecret.txt", "/static/%5c..%5c..%5csecret.txt", "/static/..\\secret.txt", "/static-sibling/secret.txt",
		"/static/../root-sibling/secret.txt", "/static/%2e%2e/root-sibling/secret.txt", "/static/%252e%252e/secret.txt",
		"/static/%2561dmin/secret.txt", "/static/admin%252fsecret.txt", "/static/./../secret.txt", "/static//../secret.txt",
		"/static/admin/../../secret.txt", "/static/link.txt", "/files/link.txt", "/files/%2e%2e/secret.txt", "/files//../../secret.txt",
		"/static/..;/secret.txt", "/static/.%00./secret.txt", "/static/%c0%ae%c0%ae/secret.txt", "/static/..%c0%afsecret.txt", "/static//" + root + "-sibling/secret.txt",
	}
	nginx := testkit.NginxPass(t, s.Uwsgi, "")
	for name, c := range map[string]testkit.Client{"http": testkit.HTTPClient(s.HTTP), "uwsgi": testkit.UwsgiClient(s.Uwsgi), "nginx": nginx.Client()} {
		t.Run(name, func(t *testing.T) {
			expectBody(t, c.Get(t, "/static/open.txt"), "open")
			expectBody(t, c.Get(t, "/static/admin/secret.txt"), "secret")
			for _, path := range outside {
				answer := c.Do(t, testkit.Call{Target: path})
				if strings.Contains(string(answer.Body), "secret") && answer.Status == 200 {
					t.Errorf("%s is served: %q", path, answer.Body)
				}
			}
		})
	}
}

// TestCVE_werkzeug_SpecialFiles: werkzeug's safe_join let device names through, and a FIFO makes whoever opens it wait for
// ever; what is no regular file is not there.
func TestCVE_werkzeug_SpecialFiles(t *testing.T) {
	root := forest(t)
	if err := syscall.Mkfifo(filepath.Join(root, "fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/zero", filepath.Join(root, "zero")); err != nil {
		t.Fatal(err)
	}
	s := serve(t, "attacked:application", testkit.Options{Config: "static: [{url: /static/, root: " + root + "}]\n"})
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		for _, name := range []string{"fifo", "zero", "CON", "NUL", "con.txt"} {
			if answer := c.Do(t, testkit.Call{Target: "/static/" + name}); answer.Status != 403 && answer.Status != 404 {
				t.Errorf("%s: %d %q", name, answer.Status, clip(answer.Body))
			}
		}
		expectBody(t, c.Get(t, "/static/open.txt"), "open")
	})
}

// TestCVE_2017_7529_RangeOverflow: nginx added the lengths of ranges without looking for an overflow and gave bytes before
// the file; such numbers must give 416 or the whole file.
func TestCVE_2017_7529_RangeOverflow(t *testing.T) {
	s := serve(t, "attacked:application", testkit.Options{Config: "static: [{url: /static/, root: " + staticTree(t) + "}]\n"})
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		part := c.Do(t, testkit.Call{Target: "/static/small.txt", Headers: []string{"Range: bytes=2-3"}})
		if part.Status != 206 || string(part.Body) != "23" {
			t.Fatalf("an ordinary range: %d %q", part.Status, part.Body)
		}
		for _, set := range []string{"-9223372036854775807", "-9223372036854775809", "-18446744073709551615", "9223372036854775807-",
			"9223372036854775808-9223372036854775809", "18446744073709551616-18446744073709551620", "-610,-9223372036854775198", "5-2", "--5", "-0"} {
			answer := c.Do(t, testkit.Call{Target: "/static/small.txt", Headers: []string{"Range: bytes=" + set}})
			whole := string(answer.Body) == "0123456789" && (answer.Status == 200 || answer.Status == 206)
			if !whole && answer.Status != 416 || strings.Contains(string(answer.Body), "KEY") || len(answer.Body) > 400 {
				t.Errorf("%s: %d %q", set, answer.Status, clip(answer.Body))
			}
		}
	})
}

// TestCVE_2011_3192_ManyRanges: Apache made a part of each of thousands of overlapping ranges; the answer must not be
// larger than the file by more than a bounded number of part headers.
func TestCVE_2011_3192_ManyRanges(t *testing.T) {
	s := serve(t, "attacked:application", testkit.Options{Config: "static: [{url: /static/, root: " + staticTree(t) + "}]\n"})
	var overlapping strings.Builder
	for i := range 1300 {
		fmt.Fprintf(&overlapping, ",5-%d", i)
	}
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		answer := c.Do(t, testkit.Call{Target: "/static/large.bin", Headers: []string{"Range: bytes=0-" + overlapping.String()}})
		if answer.Status != 200 && answer.Status != 416 || len(answer.Body) > 1<<20 {
			t.Errorf("%d with %d bytes", answer.Status, len(answer.Body))
		}
		expectStatus(t, c.Do(t, testkit.Call{Target: "/static/large.bin", Headers: []string{"Range: bytes=0-0"}}), 206)
	})
}
