package static

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"penknife/configs"
)

func listed(c *configs.Static) { c.Listing = true }

// names asks for JSON, as a program would.
func (s *site) names(target string) (names []string, truncated bool) {
	s.t.Helper()
	got := s.get(target, "Accept: application/json")
	var l listing
	if err := json.Unmarshal([]byte(got.body), &l); got.status != 200 || err != nil {
		s.t.Fatalf("%s: %d, %v, %.100q", target, got.status, err, got.body)
	}
	for _, e := range l.Entries {
		name := e.Name
		if e.Directory {
			name += "/"
		}
		names = append(names, name)
	}
	return names, l.Truncated
}

func expectNames(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("listed %q, want %q", got, want)
	}
}

func TestListing_OnlyWhenAsked(t *testing.T) {
	s := newSite(t, map[string]string{"d/a.txt": "a"}, nil)
	s.expect("/static/d/", 404, "")
	s = newSite(t, map[string]string{"d/a.txt": "a", "i/index.html": "index"}, listed)
	s.expect("/static/d/", 200, "")
	s.expect("/static/i/", 200, "index")
	if got := s.get("/static/d"); got.status != 301 || got.fields["location"] != "/static/d/" {
		t.Errorf("a directory without its slash: %d %q", got.status, got.fields["location"])
	}
	s.expect("/static/none/", 404, "")
	s.expect("/static/d/a.txt/", 404, "")
	if s.count[Listed] != 1 {
		t.Errorf("%d listings were counted, want 1", s.count[Listed])
	}
}

// TestListing_ShowsWhatCanBeAskedFor: no name is in a listing that would be answered with 404.
func TestListing_ShowsWhatCanBeAskedFor(t *testing.T) {
	s := newSite(t, map[string]string{"b.txt": "bb", "A.txt": "a", ".secret": "x", "sub/x": "x", "back\\slash": "x"}, listed)
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"out": outside, "in": "b.txt", "insub": "sub", "dangling": "nowhere"} {
		if err := os.Symlink(target, filepath.Join(s.root, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mkfifo(filepath.Join(s.root, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, _ := s.names("/static/")
	expectNames(t, got, "insub/", "sub/", "A.txt", "b.txt", "in")
	for _, name := range got {
		if status := s.get("/static/" + name).status; status != 200 {
			t.Errorf("%s is listed and answered with %d", name, status)
		}
	}
}

// TestListing_HeadersOfTheMount: a field that the configuration has too is there once.
func TestListing_HeadersOfTheMount(t *testing.T) {
	for _, headers := range []map[string]string{nil, {"x-content-type-options": "nosniff"}} {
		s := newSite(t, map[string]string{"d/a.txt": "a"}, func(c *configs.Static) { c.Listing, c.Headers = true, headers })
		if got := s.get("/static/d/").fields["x-content-type-options"]; got != "nosniff" {
			t.Errorf("X-Content-Type-Options: %q with headers %v", got, headers)
		}
	}
}

func TestListing_Sorted(t *testing.T) {
	s := newSite(t, map[string]string{"a": "333", "b": "1", "c": "22", "d/x": "x"}, listed)
	for query, want := range map[string]string{
		"": "d/ a b c", "?sort=size": "d/ b c a", "?sort=size&order=desc": "d/ a c b", "?order=desc": "d/ c b a", "?sort=%zz": "d/ a b c",
	} {
		got, _ := s.names("/static/" + query)
		expectNames(t, got, strings.Fields(want)...)
	}
}

// TestListing_HostileNames: a name is text, whatever it looks like.
func TestListing_HostileNames(t *testing.T) {
	s := newSite(t, map[string]string{`<script>alert(1)</script>`[:8] + `x>`: "x", `"onmouseover="x`: "x", "javascript:x": "x", "a?b#c%41": "x"}, listed)
	got := s.get("/static/", "Accept: text/html,application/xhtml+xml,application/json;q=0.9")
	for _, bad := range []string{"<script", `href="javascript:`, `"onmouseover="`} {
		if strings.Contains(got.body, bad) {
			t.Errorf("the page has %s", bad)
		}
	}
	if !strings.Contains(got.body, `href="./a%3Fb%23c%2541"`) {
		t.Errorf("the link to a?b#c%%41 is missing in\n%s", got.body)
	}
	if got.fields["content-type"] != pageType || got.fields["vary"] != "Accept" || !strings.Contains(got.fields["content-security-policy"], "default-src 'none'") {
		t.Errorf("fields: %v", got.fields)
	}
}

func TestListing_Bounded(t *testing.T) {
	s := newSite(t, nil, listed)
	for i := range maxListed + 1 {
		if err := os.WriteFile(filepath.Join(s.root, fmt.Sprintf("f%05d", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	names, truncated := s.names("/static/")
	if len(names) != maxListed || !truncated {
		t.Errorf("%d names, truncated %v", len(names), truncated)
	}
	if page := s.get("/static/").body; !strings.Contains(page, "this list ends after 10000 entries") {
		t.Error("the page does not say that it is cut")
	}
}

func TestHumanSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 10 << 10: "10 KiB", 1000 << 10: "1.0 MiB", 5 << 40: "5.0 TiB"} {
		if got := humanSize(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
