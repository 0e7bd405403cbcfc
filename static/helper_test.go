package static

import (
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"penknife/configs"
	"penknife/gateway"
	"penknife/uwsgiproto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is a handler over a directory of its own; the application behind it answers "app".
type site struct {
	*Handler
	t     testing.TB
	root  string
	count counts
}

type counts map[Outcome]int

func (c counts) Answered(how int) { c[Outcome(how)]++ }

type reply struct {
	status  int
	fields  map[string]string // names in lower case
	body    string
	isWhole bool
	isFile  bool
}

// newSite serves files (path below the root -> content) at /static/, as change wants it.
func newSite(t testing.TB, files map[string]string, change func(*configs.Static)) *site {
	t.Helper()
	s := &site{t: t, root: t.TempDir(), count: counts{}}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		s.write(name, files[name])
	}
	cfg := configs.DefaultStatic()
	cfg.URL, cfg.Root = "/static/", s.root
	if change != nil {
		change(&cfg)
	}
	app := gateway.HandlerFunc(func(*gateway.Request) (*gateway.Response, error) {
		return &gateway.Response{Status: 200, Length: 3, Whole: []byte("app"), Body: noBody}, nil
	})
	var err error
	s.Handler, err = New([]configs.Static{cfg}, Deps{Next: app, Counter: s.count, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s.mounts[0].settle = -time.Hour // the tests write and read within one tick, but never in the same size
	s.mounts[0].confirmFor = 0      // and within less than a client needs
	return s
}

func (s *site) write(name, content string) {
	s.t.Helper()
	path := filepath.Join(s.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// touch sets a modification time.
func (s *site) touch(name string, when time.Time) {
	s.t.Helper()
	if err := os.Chtimes(filepath.Join(s.root, name), when, when); err != nil {
		s.t.Fatal(err)
	}
}

// request makes a GET as a front end would, with "Name: value" fields.
func request(method, target string, fields ...string) *gateway.Request {
	path, query, _ := strings.Cut(target, "?")
	decoded, err := url.PathUnescape(path)
	if err != nil {
		decoded = path
	}
	r := &gateway.Request{
		ID: 7, Method: []byte(method), Target: []byte(target), Path: []byte(decoded), Query: []byte(query), Start: time.Now(),
	}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		key := "HTTP_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		r.Vars, err = uwsgiproto.AppendVar(r.Vars, key, value)
		if err != nil {
			panic(err)
		}
	}
	return r
}

func (s *site) get(target string, fields ...string) reply {
	s.t.Helper()
	return s.do(request("GET", target, fields...))
}

func (s *site) do(r *gateway.Request) reply {
	s.t.Helper()
	resp, err := s.Serve(r)
	if err != nil {
		s.t.Fatalf("%s: %v", r.Target, err)
	}
	return s.receive(r, resp)
}

func (s *site) receive(r *gateway.Request, resp *gateway.Response) reply {
	s.t.Helper()
	got := reply{status: resp.Status, fields: map[string]string{}, isWhole: resp.Whole != nil, isFile: resp.File != nil}
	for line := range strings.SplitSeq(strings.TrimSuffix(string(resp.Fields), "\r\n"), "\r\n") {
		name, value, ok := strings.Cut(line, ": ")
		if _, twice := got.fields[strings.ToLower(name)]; !ok && line != "" || twice {
			s.t.Errorf("%s: field %q", r.Target, line)
		}
		got.fields[strings.ToLower(name)] = value
	}
	body := resp.Whole
	if body == nil && string(r.Method) != "HEAD" {
		var err error
		if body, err = io.ReadAll(resp.Body); err != nil {
			s.t.Errorf("%s: %v", r.Target, err)
		}
	}
	if string(r.Method) != "HEAD" && resp.Length != int64(len(body)) {
		s.t.Errorf("%s: %d bytes of %d", r.Target, len(body), resp.Length)
	}
	if resp.File != nil {
		part := make([]byte, resp.Length)
		if _, err := resp.File.ReadAt(part, resp.Offset); err != nil || string(part) != string(body) {
			s.t.Errorf("%s: the file says something else than the body (%v)", r.Target, err)
		}
	}
	got.body = string(body)
	resp.Body.CloseWithError(nil)
	if resp.File != nil && !errors.Is(resp.File.Close(), os.ErrClosed) {
		s.t.Errorf("%s: the file was left open", r.Target)
	}
	return got
}

func (s *site) expect(target string, status int, body string) reply {
	s.t.Helper()
	got := s.get(target)
	if got.status != status || body != "" && got.body != body {
		s.t.Errorf("%s: got %d %.60q, want %d %.60q", target, got.status, got.body, status, body)
	}
	return got
}
