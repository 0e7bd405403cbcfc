package static

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"penknife/configs"
	"penknife/gateway"
)

// library is a Sender whose application answers with the fields that each test says.
type library struct {
	*Sender
	t      *testing.T
	root   string
	answer gateway.Response
	closed int
}

type closeCounter struct {
	emptyBody
	n *int
}

func (c closeCounter) CloseWithError(error) { *c.n++ }

func newLibrary(t *testing.T) *library {
	t.Helper()
	l := &library{t: t, root: filepath.Join(t.TempDir(), "media")}
	if err := os.MkdirAll(filepath.Join(l.root, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"a.pdf": "0123456789", "sub/ü b.txt": "odd", ".hidden": "x"} {
		if err := os.WriteFile(filepath.Join(l.root, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	app := gateway.HandlerFunc(func(r *gateway.Request) (*gateway.Response, error) {
		answer := l.answer
		answer.Body = closeCounter{n: &l.closed}
		if r.Later != nil {
			r.Later(&answer, nil)
			return nil, gateway.ErrPending
		}
		return &answer, nil
	})
	var err error
	l.Sender, err = NewSender(configs.Sendfile{Roots: map[string]string{"/protected/": l.root}},
		Deps{Next: app, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// ask lets the application answer with these lines and gives what the client gets.
func (l *library) ask(lines string, fields ...string) (reply, error) {
	l.t.Helper()
	l.answer = gateway.Response{Status: 200, Fields: []byte(strings.ReplaceAll(lines, "\n", "\r\n")), Whole: []byte("app"), Length: 3}
	s := &site{t: l.t}
	r := request("GET", "/download", fields...)
	resp, err := l.Serve(r)
	if err != nil {
		return reply{}, err
	}
	return s.receive(r, resp), nil
}

func (l *library) expect(lines string, status int, body string, fields ...string) reply {
	l.t.Helper()
	before := l.closed
	got, err := l.ask(lines, fields...)
	if err != nil || got.status != status || got.body != body {
		l.t.Errorf("%q: %v, %d %q, want %d %q", lines, err, got.status, got.body, status, body)
	}
	if l.closed != before+1 {
		l.t.Errorf("%q: the application's body was closed %d times", lines, l.closed-before)
	}
	return got
}

func TestSender_SendsWhatTheApplicationNames(t *testing.T) {
	l := newLibrary(t)
	got := l.expect("X-Accel-Redirect: /protected/a.pdf\nContent-Type: text/x-own\nSet-Cookie: a=b\nContent-Length: 3\nETag: \"app\"\n", 200, "0123456789")
	if got.fields["content-type"] != "text/x-own" || got.fields["set-cookie"] != "a=b" || got.fields["etag"] == `"app"` ||
		got.fields["x-accel-redirect"] != "" || got.fields["content-length"] != "" {
		t.Errorf("fields: %v", got.fields)
	}
	got = l.expect("x-sendfile: "+l.root+"/a.pdf\n", 200, "0123456789")
	if got.fields["content-type"] != "application/pdf" || got.fields["x-sendfile"] != "" {
		t.Errorf("fields: %v", got.fields)
	}
	l.expect("X-Accel-Redirect: /protected/sub/%C3%BC%20b.txt?x=1\n", 200, "odd")
	l.expect("X-Sendfile: "+l.root+"/sub/ü b.txt\n", 200, "odd")
	l.expect("X-Other: 1\n", 200, "app")
}

func TestSender_ConditionsAndRanges(t *testing.T) {
	l := newLibrary(t)
	const named = "X-Accel-Redirect: /protected/a.pdf\nContent-Type: a/b\nCache-Control: private\n"
	tag := l.expect(named, 200, "0123456789").fields["etag"]
	got := l.expect(named, 304, "", "If-None-Match: "+tag)
	if got.fields["cache-control"] != "private" || got.fields["content-type"] != "" {
		t.Errorf("304: %v", got.fields)
	}
	got = l.expect(named, 206, "234", "Range: bytes=2-4")
	if got.fields["content-range"] != "bytes 2-4/10" || got.fields["content-type"] != "a/b" {
		t.Errorf("206: %v", got.fields)
	}
	if got, _ = l.ask(named, "Range: bytes=20-"); got.status != 416 || got.fields["content-type"] == "a/b" {
		t.Errorf("416: %v", got)
	}
}

// TestSender_Confined: whatever the application says, nothing outside the declared directories is opened.
func TestSender_Confined(t *testing.T) {
	l := newLibrary(t)
	if err := os.WriteFile(filepath.Join(filepath.Dir(l.root), "secret"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../secret", filepath.Join(l.root, "link")); err != nil {
		t.Fatal(err)
	}
	for _, lines := range []string{
		"X-Sendfile: /etc/passwd\n", "X-Sendfile: a.pdf\n", "X-Sendfile: " + l.root + "\n", "X-Sendfile: " + l.root + "x/a.pdf\n",
		"X-Accel-Redirect: /protected/%zz\n",
	} {
		_, err := l.ask(lines)
		if gateway.KindOf(err) != gateway.KindApp {
			t.Errorf("%q: %v, want the application's fault", lines, err)
		}
	}
	for _, name := range []string{"../secret", "%2e%2e/secret", "sub/../../secret", "link", "none", "sub", "sub/", ".hidden", "sub//x", "a%00b"} {
		got, err := l.ask("X-Accel-Redirect: /protected/" + name + "\n")
		if err != nil || got.status != 404 || strings.Contains(got.body, "secret") {
			t.Errorf("%s: %v, %d %q", name, err, got.status, got.body)
		}
	}
	got, err := l.ask("X-Sendfile: " + l.root + "/../secret\n")
	if err != nil || got.status != 404 {
		t.Errorf("dots below the root: %v %d", err, got.status)
	}
}

// TestSender_PassesOn: what is not declared here may be meant for the server in front.
func TestSender_PassesOn(t *testing.T) {
	l := newLibrary(t)
	if got := l.expect("X-Accel-Redirect: /elsewhere/a.pdf\n", 200, "app"); got.fields["x-accel-redirect"] != "/elsewhere/a.pdf" {
		t.Errorf("fields: %v", got.fields)
	}
	l.answer.Status = 404
	l.answer.Fields = []byte("X-Accel-Redirect: /protected/a.pdf\r\n")
	if _, err := l.Serve(request("GET", "/")); gateway.KindOf(err) != gateway.KindApp {
		t.Errorf("a file as 404: %v", err)
	}
}

// TestSender_Later: the same through late answers, and the one who calls Later never waits for the disk.
func TestSender_Later(t *testing.T) {
	l := newLibrary(t)
	for lines, want := range map[string]string{"X-Accel-Redirect: /protected/a.pdf\r\n": "0123456789", "X-Other: 1\r\n": "app"} {
		l.answer = gateway.Response{Status: 200, Fields: []byte(lines), Whole: []byte("app"), Length: 3}
		r := request("GET", "/download")
		answered := make(chan *gateway.Response, 1)
		r.Later = func(resp *gateway.Response, err error) {
			if err != nil {
				t.Error(err)
			}
			answered <- resp
		}
		if _, err := l.Serve(r); !errors.Is(err, gateway.ErrPending) {
			t.Fatalf("%v, want ErrPending", err)
		}
		if got := (&site{t: t}).receive(r, <-answered); got.body != want {
			t.Errorf("%q: %q, want %q", lines, got.body, want)
		}
	}
}
