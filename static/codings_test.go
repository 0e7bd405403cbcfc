package static

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"penknife/configs"
	"penknife/internal/testkit"
)

// siblings are a file and what stands beside it, in sizes that make sense.
func siblings() map[string]string {
	return map[string]string{
		"a.css": strings.Repeat("plain ", 20), "a.css.gz": "gzip of a" + strings.Repeat("z", 10), "a.css.br": "brotli of a", "a.css.zst": "zstd of a",
		"only.txt": strings.Repeat("plain ", 20), "only.txt.gz": "gzip of only",
		"none.txt": strings.Repeat("plain ", 20),
		"tiny.txt": "t", "tiny.txt.gz": "longer than t",
		"index.html": strings.Repeat("plain ", 20), "index.html.br": "brotli of index",
	}
}

func TestPrecompressed(t *testing.T) {
	s := newSite(t, siblings(), nil)
	tests := []struct{ name, accept, coding string }{
		{"a.css", "gzip, deflate, br, zstd", "br"},
		{"a.css", "gzip, zstd", "zstd"},
		{"a.css", "GZIP", "gzip"},
		{"a.css", "x-gzip", "gzip"},
		{"a.css", "*", "br"},
		{"a.css", "*, br;q=0", "zstd"},
		{"a.css", "*;q=0", ""},
		{"a.css", "br;q=0.5, gzip;q=0.8", "gzip"},
		{"a.css", "br;q=0.001", "br"},
		{"a.css", "br;q=0", ""},
		{"a.css", "br;q=0.000, gzip;q=0.0", ""},
		{"a.css", "identity, gzip;q=0.5", ""},
		{"a.css", "identity;q=0.2, gzip;q=0.5", "gzip"},
		{"a.css", "identity;q=0", ""},
		{"a.css", "br;q=2", ""},
		{"a.css", "br;q=x, gzip", "gzip"},
		{"a.css", "br;q=0.0001", ""},
		{"a.css", "br ; q=1.000 ,", "br"},
		{"a.css", "deflate", ""},
		{"a.css", "", ""},
		{"only.txt", "br, gzip;q=0.1", "gzip"},
		{"only.txt", "br", ""},
		{"none.txt", "br, gzip", ""},
		{"tiny.txt", "gzip", ""},
		{"", "br", "br"},
	}
	for round := range 2 {
		for _, test := range tests {
			got := s.get("/static/"+test.name, "Accept-Encoding: "+test.accept)
			file := test.name
			if file == "" {
				file = "index.html"
			}
			want := siblings()[file+map[string]string{"br": ".br", "zstd": ".zst", "gzip": ".gz"}[test.coding]]
			varies := file != "none.txt" && file != "tiny.txt"
			if got.status != 200 || got.body != want || got.fields["content-encoding"] != test.coding ||
				got.fields["content-type"] != contentType(nil, file) || (got.fields["vary"] == "Accept-Encoding") != varies {
				t.Errorf("round %d, %s with %q: %+v", round, test.name, test.accept, got)
			}
		}
	}
	tags := map[string]bool{}
	for _, accept := range []string{"identity", "gzip", "br", "zstd"} {
		tags[s.get("/static/a.css", "Accept-Encoding: "+accept).fields["etag"]] = true
	}
	if len(tags) != 4 {
		t.Errorf("four representations share tags: %v", tags)
	}
	got := s.get("/static/a.css", "Accept-Encoding: gzip", "Range: bytes=0-3")
	if got.status != 206 || got.body != "gzip" || got.fields["content-encoding"] != "gzip" {
		t.Errorf("range of a coded file: %+v", got)
	}
	if got := s.get("/static/a.css.gz", "Accept-Encoding: gzip"); got.fields["content-encoding"] != "" || got.fields["content-type"] != "application/gzip" {
		t.Errorf("the sibling under its own name: %+v", got)
	}
	off := newSite(t, siblings(), func(c *configs.Static) { c.Precompressed = false })
	if got := off.get("/static/a.css", "Accept-Encoding: br"); got.fields["content-encoding"] != "" || got.fields["vary"] != "" {
		t.Errorf("switched off: %+v", got)
	}
}

func TestSiblingOfAnEarlierDeployIsNotSent(t *testing.T) {
	s := newSite(t, siblings(), nil)
	accept := "Accept-Encoding: br"
	if got := s.get("/static/a.css", accept); got.fields["content-encoding"] != "br" {
		t.Fatalf("%+v", got)
	}
	s.get("/static/a.css", accept)
	// Only the file itself is deployed anew.
	s.touch("a.css.br", time.Now().Add(-time.Hour))
	s.write("a.css", strings.Repeat("changed ", 20))
	if got := s.get("/static/a.css", accept); got.fields["content-encoding"] != "" || got.body[:7] != "changed" {
		t.Errorf("an old sibling: %+v", got)
	}
	if got := s.get("/static/a.css", "Accept-Encoding: br, gzip;q=0.1"); got.fields["content-encoding"] != "gzip" {
		t.Errorf("the next best: %+v", got)
	}
	// A sibling that goes away.
	s.write("a.css.br", "brotli again")
	for s.get("/static/a.css", accept).fields["content-encoding"] != "br" { // until the list of siblings is a second old
		if t.Context().Err() != nil {
			t.FailNow()
		}
	}
	if err := os.Remove(filepath.Join(s.root, "a.css.br")); err != nil {
		t.Fatal(err)
	}
	if got := s.get("/static/a.css", accept); got.status != 200 || got.fields["content-encoding"] != "" {
		t.Errorf("a sibling that is gone: %+v", got)
	}
	// A link out of the root is no sibling.
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("outside"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(s.root, "none.txt.br")); err != nil {
		t.Fatal(err)
	}
	if got := s.get("/static/none.txt", accept); got.fields["vary"] == "" {
		t.Errorf("the link is not even looked at: %+v", got)
	}
	if got := s.get("/static/none.txt", accept); got.body != siblings()["none.txt"] || got.status != 200 {
		t.Errorf("a sibling that leads out: %+v", got)
	}
}

func TestFieldsOfTheMount(t *testing.T) {
	files := map[string]string{"a.txt": "a", "b.55e7cbb9ba48.css": "b", "x.odd": "x", "noext": "n", "y.UNKNOWNEXT": "y"}
	s := newSite(t, files, func(c *configs.Static) {
		c.CacheControl = "max-age=60"
		c.Headers = map[string]string{"X-B": "2", "Access-Control-Allow-Origin": "*"}
		c.Types = map[string]string{".odd": "application/x-odd"}
	})
	for name, want := range map[string][2]string{
		"a.txt": {"text/plain; charset=utf-8", "max-age=60"}, "x.odd": {"application/x-odd", "max-age=60"},
		"b.55e7cbb9ba48.css": {"text/css; charset=utf-8", immutableControl},
		"noext":              {unknownType, "max-age=60"}, "y.UNKNOWNEXT": {unknownType, "max-age=60"},
	} {
		got := s.get("/static/" + name)
		if got.fields["content-type"] != want[0] || got.fields["cache-control"] != want[1] ||
			got.fields["x-b"] != "2" || got.fields["access-control-allow-origin"] != "*" {
			t.Errorf("%s: %v", name, got.fields)
		}
		not := s.get("/static/"+name, "If-None-Match: *")
		if not.fields["cache-control"] != want[1] || not.fields["x-b"] != "2" {
			t.Errorf("304 of %s: %v", name, not.fields)
		}
	}
	if got := s.get("/static/none"); got.fields["cache-control"] != "" {
		t.Errorf("404: %v", got.fields)
	}
	pattern := newSite(t, files, func(c *configs.Static) { c.Immutable = `^a\.` })
	if got := pattern.get("/static/a.txt"); got.fields["cache-control"] != immutableControl {
		t.Errorf("pattern: %v", got.fields)
	}
	if got := pattern.get("/static/b.55e7cbb9ba48.css"); got.fields["cache-control"] != "" {
		t.Errorf("pattern: %v", got.fields)
	}
}

func TestNamesWithContentHash(t *testing.T) {
	for name, want := range map[string]bool{
		"css/base.55e7cbb9ba48.css": true, "app.3f9a21bc.js": true, "app-3f9a21bc.js": true, "main_0a1b2c3d4e5f.css": true,
		"app.3f9a21bc.js.map": true, "chunk.0123456789abcdef0123456789abcdef.js": true, "a.55e7cbb9ba48.min.css": true,
		"jquery-3.7.1.min.js": false, "report-20240102.pdf": false, "app.js": false, "3f9a21bc.js": false,
		"base.55E7CBB9BA48.css": false, "app.3f9a21b.js": false, "deadbeef": false, "x.deadbeef": false, "x-facade00.": true,
		"123e4567-e89b-12d3-a456-426614174000.jpg": false, "photo-123e4567-e89b-12d3-a456-42661417400f.jpg": false,
		"v1.2.3/app.js": false, "3f9a21bc.d/app.js": false, "": false, ".": false, "a.": false,
	} {
		if hasContentHash(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}

// TestSiblings_TheClockIsSetBack: the list of siblings is a second old all the same, and not for an hour.
func TestSiblings_TheClockIsSetBack(t *testing.T) {
	s := newSite(t, siblings(), nil)
	accept := "Accept-Encoding: br"
	for range 2 {
		if got := s.get("/static/none.txt", accept); got.fields["content-encoding"] != "" {
			t.Fatalf("%+v", got)
		}
	}
	s.write("none.txt.br", "brotli")
	r := request("GET", "/static/none.txt", accept)
	r.Start = testkit.Stepped(r.Start.Add(2*siblingsFor), -time.Hour)
	if got := s.do(r); got.fields["content-encoding"] != "br" {
		t.Errorf("%+v", got)
	}
}
