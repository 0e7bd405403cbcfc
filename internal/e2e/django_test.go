package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// manage runs Django's manage.py.
func manage(t testing.TB, env []string, arguments ...string) {
	t.Helper()
	command := exec.Command(testkit.Virtualenv(t), append([]string{"manage.py"}, arguments...)...)
	command.Dir = filepath.Join(apps(t), "djangosite")
	command.Env = append(os.Environ(), append(env, "PYTHONDONTWRITEBYTECODE=1")...)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("manage.py %v: %v\n%s", arguments, err, out)
	}
}

// browser is a client with cookies for "http://penknife.test", all of whose connections go to one address.
type browser struct {
	t      *testing.T
	client *http.Client
}

func newBrowser(t *testing.T, address string) browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{Dial: func(string, string) (net.Conn, error) {
		if filepath.IsAbs(address) {
			return net.Dial("unix", address)
		}
		return net.Dial("tcp", address)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return browser{t, &http.Client{Jar: jar, Transport: transport, Timeout: callTimeout}}
}

// page makes a request and gives status and text; redirects are followed.
func (b browser) page(request *http.Request, err error) (int, string) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	response, err := b.client.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func (b browser) get(path string) (int, string) {
	b.t.Helper()
	return b.page(http.NewRequest("GET", "http://penknife.test"+path, nil))
}

func (b browser) postForm(path string, form url.Values) (int, string) {
	b.t.Helper()
	request, err := http.NewRequest("POST", "http://penknife.test"+path, strings.NewReader(form.Encode()))
	if err == nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return b.page(request, err)
}

var csrfField = regexp.MustCompile(`name="csrfmiddlewaretoken" value="([^"]+)"`)

// token reads the forgery token from a page's form.
func (b browser) token(path string) string {
	b.t.Helper()
	status, text := b.get(path)
	found := csrfField.FindStringSubmatch(text)
	if status != 200 || found == nil {
		b.t.Fatalf("%s: %d, no form: %s", path, status, clip([]byte(text)))
	}
	return found[1]
}

// TestDjango runs an unmodified project for nginx and for direct clients at once, by the same processes.
func TestDjango(t *testing.T) {
	data := testkit.Dir(t)
	env := []string{"DJANGO_DATA=" + data, "DJANGO_SETTINGS_MODULE=mysite.settings", "DJANGO_SUPERUSER_PASSWORD=secret-word"}
	manage(t, env, "migrate", "-v0")
	manage(t, env, "createsuperuser", "--noinput", "--username", "root", "--email", "root@penknife.test")
	s := serve(t, "mysite.wsgi:application", testkit.Options{
		Chdir: filepath.Join(apps(t), "djangosite"), Python: testkit.Virtualenv(t), Env: env, Processes: 2})
	nginx := testkit.NginxPass(t, s.Uwsgi, "")
	for name, address := range map[string]string{"nginx": nginx.Address, "direct": s.HTTP, "unix": s.HTTPUnix} {
		t.Run(name, func(t *testing.T) { checkDjango(t, newBrowser(t, address), name) })
	}
	t.Run("same processes", func(t *testing.T) { checkSamePids(t, s, nginx) })
	t.Run("raw bodies", func(t *testing.T) {
		for _, c := range []testkit.Client{nginx.Client(), testkit.HTTPClient(s.HTTP)} {
			checkRawBodies(t, c, "/raw/")
		}
	})
}

func checkDjango(t *testing.T, b browser, name string) {
	if status, text := b.postForm("/admin/login/", url.Values{"username": {"root"}, "password": {"secret-word"}}); status != 403 {
		t.Errorf("a login without the forgery token: %d %s", status, clip([]byte(text)))
	}
	token := b.token("/admin/login/?next=/admin/")
	status, text := b.postForm("/admin/login/?next=/admin/", url.Values{
		"csrfmiddlewaretoken": {token}, "username": {"root"}, "password": {"secret-word"}, "next": {"/admin/"}})
	if status != 200 || !strings.Contains(text, "Site administration") {
		t.Fatalf("login: %d %s", status, clip([]byte(text)))
	}
	token = b.token("/admin/library/book/add/")
	title := "Ünïcode by " + name
	status, text = b.postForm("/admin/library/book/add/", url.Values{
		"csrfmiddlewaretoken": {token}, "title": {title}, "size": {"0"}, "sha256": {""}})
	if status != 200 || !strings.Contains(text, "was added successfully") {
		t.Errorf("adding a book: %d %s", status, clip([]byte(text)))
	}
	if status, text = b.get("/"); status != 200 || !strings.Contains(text, `"user": "root"`) {
		t.Errorf("the session is lost: %d %s", status, text)
	}
	if status, _ = b.get("/error/"); status != 500 {
		t.Errorf("a view that raises: %d", status)
	}
	checkDjangoUpload(t, b, "scan by "+name)
}

// checkDjangoUpload sends a file through a protected form, and reads it back.
func checkDjangoUpload(t *testing.T, b browser, title string) {
	content := pattern(5 << 20)
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	_ = form.WriteField("csrfmiddlewaretoken", b.token("/upload/"))
	_ = form.WriteField("title", title)
	part, err := form.CreateFormFile("scan", "scan.bin")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write(content)
	_ = form.Close()
	request, err := http.NewRequest("POST", "http://penknife.test/upload/", &body)
	if err == nil {
		request.Header.Set("Content-Type", form.FormDataContentType())
	}
	status, text := b.page(request, err)
	if status != 201 || !strings.Contains(text, digest(content)) {
		t.Fatalf("upload: %d %s", status, clip([]byte(text)))
	}
	status, text = b.get("/book/" + url.PathEscape(title) + "/")
	if status != 200 || digest([]byte(text)) != digest(content) {
		t.Errorf("the file comes back as %d, %d bytes", status, len(text))
	}
}

// checkSamePids: whichever front a request comes by, the same processes answer.
func checkSamePids(t *testing.T, s *testkit.Server, nginx *testkit.Front) {
	seen := map[string]map[int]bool{}
	for name, c := range map[string]testkit.Client{"nginx": nginx.Client(), "direct": testkit.HTTPClient(s.HTTP)} {
		seen[name] = map[int]bool{}
		// One request at a time may go to the same worker for ever; several at once need both.
		testkit.Eventually(t, callTimeout, func() error {
			for _, body := range atOnce(t, []testkit.Client{c}, "/", 8) {
				var got struct{ PID int }
				if err := json.Unmarshal([]byte(body), &got); err != nil {
					return err
				}
				seen[name][got.PID] = true
			}
			if len(seen[name]) < 2 {
				return errNotYet
			}
			return nil
		})
	}
	if fmt.Sprint(seen["nginx"]) != fmt.Sprint(seen["direct"]) {
		t.Errorf("processes behind nginx %v, behind direct HTTP %v", seen["nginx"], seen["direct"])
	}
	for pid := range seen["nginx"] {
		if !testkit.Alive(pid) {
			t.Errorf("process %d is no process", pid)
		}
	}
}

// checkRawBodies posts with a length and chunked; frameworks read CONTENT_LENGTH in both cases.
func checkRawBodies(t *testing.T, c testkit.Client, path string) {
	body := pattern(300_000)
	var chunked bytes.Buffer
	for rest := body; len(rest) > 0; {
		n := min(len(rest), 50_001)
		fmt.Fprintf(&chunked, "%x\r\n%s\r\n", n, rest[:n])
		rest = rest[n:]
	}
	chunked.WriteString("0\r\n\r\n")
	for name, call := range map[string]testkit.Call{
		"length":  {Method: "POST", Target: path, Body: body},
		"chunked": {Method: "POST", Target: path, Body: chunked.Bytes(), Headers: []string{"Transfer-Encoding: chunked"}},
	} {
		call.Headers = append(call.Headers, "Content-Type: application/octet-stream")
		got := decode[struct {
			Size   int
			SHA256 string
		}](t, c.Do(t, call))
		if got.Size != len(body) || got.SHA256 != digest(body) {
			t.Errorf("%s: %d bytes arrived, or others", name, got.Size)
		}
	}
}

// TestDjangoValidated runs the project behind wsgiref's validator.
func TestDjangoValidated(t *testing.T) {
	env := []string{"DJANGO_DATA=" + testkit.Dir(t), "DJANGO_SETTINGS_MODULE=mysite.settings"}
	manage(t, env, "migrate", "-v0")
	s := serve(t, "mysite.validated:validated", testkit.Options{
		Chdir: filepath.Join(apps(t), "djangosite"), Python: testkit.Virtualenv(t), Env: env})
	nginx := testkit.NginxPass(t, s.Uwsgi, "")
	for _, c := range append(s.Fronts(), nginx.Client()) {
		expectStatus(t, c.Do(t, testkit.Call{}), 200)
		expectStatus(t, c.Do(t, testkit.Call{Target: "/upload/"}), 200)
		expectStatus(t, c.Do(t, testkit.Call{Target: "/missing"}), 404)
	}
	expectNotLogged(t, s, "AssertionError", "without being closed")
}

// TestDjangoSurvivesALongRun: many short requests by several clients, then the same file descriptors as before.
func TestDjangoDescriptors(t *testing.T) {
	s := serve(t, "hello:application", testkit.Options{Processes: 2})
	count := func() int {
		total := 0
		for _, pid := range s.Everything() {
			total += testkit.Descriptors(t, pid)
		}
		return total
	}
	together(t, s, "/", 8)
	before := count()
	for range 25 {
		together(t, s, "/", 8)
	}
	testkit.Eventually(t, 5*time.Second, func() error {
		if after := count(); after > before+2 {
			return fmt.Errorf("%d descriptors, then %d", before, after)
		}
		return nil
	})
}
