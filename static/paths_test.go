package static

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"penknife/configs"
)

// ways are the two ways to open beneath a root.
func ways(t *testing.T, check func(t *testing.T, openat2 bool)) {
	for name, openat2 := range map[string]bool{"openat2": true, "os.Root": false} {
		t.Run(name, func(t *testing.T) { check(t, openat2) })
	}
}

func TestNothingOutsideTheRoot(t *testing.T) {
	ways(t, func(t *testing.T, openat2 bool) {
		s := newSite(t, map[string]string{"pub/a.txt": "a", "pub/sub/b.txt": "b", "secret.txt": "secret", "pub/.env": "secret",
			"pub/.git/config": "secret", "pub/.well-known/acme": "token", "pubfoo/c.txt": "secret", "pub/back\\slash": "secret"},
			func(c *configs.Static) { c.Root = filepath.Join(c.Root, "pub") })
		s.mounts[0].open = &opener{openat2: openat2}
		for link, target := range map[string]string{
			"pub/out": "../secret.txt", "pub/outdir": "..", "pub/absolute": filepath.Join(s.root, "secret.txt"),
			"pub/inside": "sub/b.txt", "pub/insidedir": "sub", "pub/loop": "loop", "pub/proc": "/proc/self/environ",
		} {
			if err := os.Symlink(target, filepath.Join(s.root, link)); err != nil {
				t.Fatal(err)
			}
		}
		for _, target := range []string{
			"/static/../secret.txt", "/static/%2e%2e/secret.txt", "/static/sub/../../secret.txt", "/static/..%2fsecret.txt",
			"/static/%2e%2e%2fsecret.txt", "/static/..\\secret.txt", "/static/..%5csecret.txt", "/static/%252e%252e/secret.txt",
			"/static/.%00./secret.txt", "/static/a.txt%00", "/static/a.txt%00.css", "/static//etc/passwd", "/static/%2fetc/passwd",
			"/static/.env", "/static/.git/config", "/static/.git", "/static/./a.txt", "/static/sub/./b.txt", "/static/sub//b.txt",
			"/static/out", "/static/outdir/secret.txt", "/static/outdir/", "/static/absolute", "/static/loop", "/static/proc",
			"/static/back\\slash", "/static/back%5cslash", "/static/a.txt/", "/static/a.txt/x", "/static/" + strings.Repeat("a", 300),
			"/static/" + strings.Repeat("a/", 3000), "/static/%0a", "/static/sub/..", "/static/..", "/static/.well-known/../.env",
			"/static/.well-knownx", "/static/\xc0\xae\xc0\xae/secret.txt", "/static/pub/a.txt",
		} {
			if got := s.get(target); got.status != 404 || strings.Contains(got.body, "secret") {
				t.Errorf("%s: %d %q", target, got.status, got.body)
			}
		}
		for _, target := range []string{"/staticfoo/c.txt", "/static../secret.txt", "/Static/a.txt", "/", "*", ""} {
			s.expect(target, 200, "app")
		}
		s.expect("/static/a.txt", 200, "a")
		s.expect("/static/%61.txt", 200, "a")
		s.expect("/static/inside", 200, "b")
		s.expect("/static/insidedir/b.txt", 200, "b")
		s.expect("/static/.well-known/acme", 200, "token")
	})
}

func TestNoFileThatIsNone(t *testing.T) {
	ways(t, func(t *testing.T, openat2 bool) {
		s := newSite(t, map[string]string{"a.txt": "a"}, nil)
		s.mounts[0].open = &opener{openat2: openat2}
		if err := unix.Mkfifo(filepath.Join(s.root, "fifo"), 0o600); err != nil {
			t.Fatal(err)
		}
		socket, err := net.Listen("unix", filepath.Join(s.root, "socket"))
		if err != nil {
			t.Fatal(err)
		}
		defer socket.Close() //nolint:errcheck // a test
		s.expect("/static/fifo", 404, "")
		s.expect("/static/socket", 404, "")
		// One that takes the file's place between the look and the open must not block either.
		for _, name := range []string{"fifo", "socket"} {
			_, f, err := s.mounts[0].read(wanted{key: name, plain: name, path: filepath.Join(s.root, name), coding: codingPlain}, nil)
			if err == nil || f != nil {
				t.Errorf("%s was opened", name)
			}
		}
	})
}

func TestDevicesAreNotServed(t *testing.T) {
	s := newSite(t, nil, func(c *configs.Static) { c.Root = "/dev" })
	for _, name := range []string{"null", "zero", "tty"} {
		s.expect("/static/"+name, 404, "")
	}
}

func TestDirectories(t *testing.T) {
	s := newSite(t, map[string]string{"index.html": "top", "docs/index.html": "docs", "a b/ü/index.html": "odd", "empty/x.txt": "x"}, nil)
	s.expect("/static/", 200, "top")
	s.expect("/static/docs/", 200, "docs")
	s.expect("/static/empty/", 404, "")
	s.expect("/static/empty", 404, "")
	for target, want := range map[string]string{
		"/static": "/static/", "/static/docs": "/static/docs/", "/static/docs?a=%20b&c": "/static/docs/?a=%20b&c",
		"/static/a%20b/%C3%BC": "/static/a%20b/%C3%BC/", "/static/docs?x=\r\nEvil:1": "/static/docs/?x=%0D%0AEvil:1",
	} {
		got := s.get(target)
		if got.status != 301 || got.fields["location"] != want {
			t.Errorf("%q: %d to %q, want %q", target, got.status, got.fields["location"], want)
		}
	}
	if s.count[Redirected] != 5 {
		t.Errorf("counted %v", s.count)
	}
}

func TestRedirectsStayOnTheHost(t *testing.T) {
	s := newSite(t, map[string]string{"evil.test/index.html": "x"}, func(c *configs.Static) { c.URL = "/" })
	for _, target := range []string{"//evil.test", "/%2fevil.test", "/\\evil.test", "/%5cevil.test", "/./evil.test", "//evil.test/%2e%2e"} {
		if got := s.get(target); got.status != 404 {
			t.Errorf("%s: %d to %q", target, got.status, got.fields["location"])
		}
	}
	if got := s.get("/evil.test"); got.fields["location"] != "/evil.test/" {
		t.Errorf("got %v", got)
	}
}

func TestMounts(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("top/x.txt", "top")
	write("deep/x.txt", "deep")
	icon := write("icon.ico", "icon")
	s := newSite(t, nil, nil)
	mounts := []configs.Static{{URL: "/s", Root: dir + "/top"}, {URL: "/s/deep/", Root: dir + "/deep", Fallthrough: true}, {URL: "/favicon.ico", Root: icon}}
	h, err := New(mounts, Deps{Next: s.next, Log: s.mounts[0].log})
	if err != nil {
		t.Fatal(err)
	}
	s.Handler = h
	s.expect("/s/x.txt", 200, "top")
	s.expect("/s/deep/x.txt", 200, "deep")
	s.expect("/s/deep/none", 200, "app")
	s.expect("/s/deeper/x.txt", 404, "")
	s.expect("/sx.txt", 200, "app")
	if got := s.expect("/favicon.ico", 200, "icon"); got.fields["content-type"] != "image/x-icon" {
		t.Errorf("got %v", got)
	}
	s.expect("/favicon.ico/", 404, "")
	s.expect("/favicon.icon", 200, "app")
	if _, err := New([]configs.Static{{URL: "/", Root: dir + "/none"}}, Deps{}); err == nil {
		t.Error("a root that does not exist is accepted")
	}
}

func TestMethods(t *testing.T) {
	s := newSite(t, map[string]string{"a.txt": "a"}, nil)
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "get", "PROPFIND"} {
		if got := s.do(request(method, "/static/a.txt")); got.status != 405 || got.fields["allow"] != "GET, HEAD" {
			t.Errorf("%s: %+v", method, got)
		}
	}
	if got := s.do(request("HEAD", "/static/a.txt")); got.status != 200 || got.fields["content-type"] != "text/plain; charset=utf-8" {
		t.Errorf("HEAD: %+v", got)
	}
	on := newSite(t, map[string]string{"a.txt": "a"}, func(c *configs.Static) { c.Fallthrough = true })
	if got := on.do(request("POST", "/static/a.txt")); got.body != "app" {
		t.Errorf("POST with fallthrough: %+v", got)
	}
	on.expect("/static/none", 200, "app")
	on.expect("/static/../x", 200, "app")
	if on.count[PassedOn] != 3 {
		t.Errorf("counted %v", on.count)
	}
}

func TestFallback(t *testing.T) {
	s := newSite(t, map[string]string{"app/index.html": "spa", "real.js": "js"},
		func(c *configs.Static) { c.URL, c.Fallback = "/", "app/index.html" })
	s.expect("/users/7", 200, "spa")
	s.expect("/users/", 200, "spa")
	s.expect("/", 200, "spa")
	s.expect("/real.js", 200, "js")
	s.expect("/gone.js", 404, "")
	s.expect("/../x", 404, "")
	if got := s.get("/users/jane.doe", "Accept: text/html,*/*"); got.body != "spa" || got.fields["content-type"] != "text/html; charset=utf-8" {
		t.Errorf("got %+v", got)
	}
}
