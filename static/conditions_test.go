package static

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"penknife/configs"
)

// TestConditions walks RFC 9110 section 13.2.2, for a file from memory and for one from disk.
func TestConditions(t *testing.T) {
	when := time.Date(2024, 5, 6, 7, 8, 9, 500, time.UTC)
	date := func(shift time.Duration) string { return when.Add(shift).Format(http.TimeFormat) }
	for _, name := range []string{"small.txt", "large.txt"} {
		s := newSite(t, map[string]string{"small.txt": "small", "large.txt": strings.Repeat("x", maxHeld+1)}, nil)
		s.touch(name, when)
		target := "/static/" + name
		first := s.get(target)
		tag := first.fields["etag"]
		if first.fields["last-modified"] != date(0) || len(tag) < 10 || tag[0] != '"' || first.isFile != (name == "large.txt") {
			t.Fatalf("%s: %+v", name, first.fields)
		}
		tests := []struct {
			fields []string
			want   int
		}{
			{[]string{"If-None-Match: " + tag}, 304},
			{[]string{"If-None-Match: W/" + tag}, 304},
			{[]string{"If-None-Match: *"}, 304},
			{[]string{`If-None-Match: "x", ` + tag + `, "y"`}, 304},
			{[]string{`If-None-Match: "x"`, "If-None-Match: " + tag}, 304},
			{[]string{`If-None-Match: "x,y"`}, 200},
			{[]string{`If-None-Match: ` + strings.Trim(tag, `"`)}, 200},
			{[]string{`If-None-Match: "`}, 200},
			{[]string{`If-None-Match: `}, 200},
			{[]string{"If-Modified-Since: " + date(0)}, 304},
			{[]string{"If-Modified-Since: " + date(time.Hour)}, 304},
			{[]string{"If-Modified-Since: " + date(-time.Second)}, 200},
			{[]string{"If-Modified-Since: " + when.Format(time.RFC850)[:len(when.Format(time.RFC850))-3] + "GMT"}, 304},
			{[]string{"If-Modified-Since: " + when.Format(time.ANSIC)}, 304},
			{[]string{"If-Modified-Since: yesterday"}, 200},
			// If-None-Match makes If-Modified-Since be ignored, either way.
			{[]string{`If-None-Match: "x"`, "If-Modified-Since: " + date(0)}, 200},
			{[]string{"If-None-Match: " + tag, "If-Modified-Since: " + date(-time.Hour)}, 304},
			{[]string{"If-Match: " + tag}, 200},
			{[]string{"If-Match: *"}, 200},
			{[]string{"If-Match: W/" + tag}, 412},
			{[]string{`If-Match: "x"`}, 412},
			{[]string{`If-Match: "x"`, "If-None-Match: " + tag}, 412},
			{[]string{"If-Match: " + tag, "If-None-Match: " + tag}, 304},
			{[]string{"If-Match: " + tag, "If-Unmodified-Since: " + date(-time.Hour)}, 200},
			{[]string{"If-Unmodified-Since: " + date(0)}, 200},
			{[]string{"If-Unmodified-Since: " + date(-time.Second)}, 412},
			{[]string{"If-Unmodified-Since: nonsense"}, 200},
			{[]string{"If-Unmodified-Since: " + date(-time.Second), "Range: bytes=0-0"}, 412},
			{[]string{"If-None-Match: " + tag, "Range: bytes=0-0"}, 304},
			{[]string{"If-Range: " + tag, "Range: bytes=0-0"}, 206},
			{[]string{"If-Range: W/" + tag, "Range: bytes=0-0"}, 200},
			{[]string{`If-Range: "x"`, "Range: bytes=0-0"}, 200},
			{[]string{"If-Range: " + date(0), "Range: bytes=0-0"}, 206},
			{[]string{"If-Range: " + date(time.Second), "Range: bytes=0-0"}, 200},
			{[]string{"If-Range: " + date(-time.Second), "Range: bytes=0-0"}, 200},
			{[]string{"If-Range: " + tag}, 200},
			{[]string{`If-Range: "x"`, "Range: bytes=999999-"}, 200},
		}
		for _, test := range tests {
			for _, method := range []string{"GET", "HEAD"} {
				want := test.want
				if method == "HEAD" && want == 206 {
					want = 200
				}
				got := s.do(request(method, target, test.fields...))
				if got.status != want {
					t.Errorf("%s %s %q: %d, want %d", method, name, test.fields, got.status, want)
				}
				if got.status == 304 && (got.body != "" || got.fields["etag"] != tag || got.fields["content-type"] != "") {
					t.Errorf("%s %q: %+v", name, test.fields, got)
				}
			}
		}
	}
}

func TestWednesdayIsNoWeakTag(t *testing.T) {
	s := newSite(t, map[string]string{"a": "abc"}, nil)
	when := time.Date(2024, 5, 8, 0, 0, 0, 0, time.UTC)
	s.touch("a", when)
	if got := s.get("/static/a", "If-Range: "+when.Format(http.TimeFormat), "Range: bytes=1-1"); got.status != 206 || got.body != "b" {
		t.Errorf("got %+v", got)
	}
}

// TestTimesThatSayNothing: reproducible builds give every file the same old date.
func TestTimesThatSayNothing(t *testing.T) {
	s := newSite(t, map[string]string{"a.txt": "first", "l.bin": strings.Repeat("x", maxHeld+1)}, nil)
	s.touch("a.txt", time.Unix(1, 0))
	s.touch("l.bin", time.Unix(1, 0))
	small, large := s.get("/static/a.txt"), s.get("/static/l.bin")
	if small.fields["last-modified"] != "" || large.fields["last-modified"] != "" {
		t.Errorf("a date from 1970 is sent: %v %v", small.fields, large.fields)
	}
	s.write("a.txt", "other")
	s.touch("a.txt", time.Unix(1, 0))
	s.write("l.bin", strings.Repeat("y", maxHeld+1))
	s.touch("l.bin", time.Unix(1, 0))
	if got := s.get("/static/a.txt", "If-None-Match: "+small.fields["etag"]); got.status != 200 || got.body != "other" {
		t.Errorf("got %+v", got)
	}
	if got := s.get("/static/l.bin", "If-None-Match: "+large.fields["etag"]); got.status != 200 || got.body[0] != 'y' {
		t.Errorf("got %d", got.status)
	}
}

func TestTagIsWeakWhileAChangeWouldNotShow(t *testing.T) {
	s := newSite(t, map[string]string{"l.bin": strings.Repeat("x", maxHeld+1)}, nil)
	fresh := s.get("/static/l.bin")
	if !strings.HasPrefix(fresh.fields["etag"], `W/"`) {
		t.Fatalf("a file of this moment has the strong tag %s", fresh.fields["etag"])
	}
	if got := s.get("/static/l.bin", "If-Range: "+fresh.fields["etag"], "Range: bytes=0-0"); got.status != 200 {
		t.Errorf("If-Range with a weak tag: %d", got.status)
	}
	if got := s.get("/static/l.bin", "If-Match: "+fresh.fields["etag"][2:]); got.status != 412 {
		t.Errorf("If-Match with the opaque part of a weak tag: %d", got.status)
	}
	if got := s.get("/static/l.bin", "If-Range: "+fresh.fields["last-modified"], "Range: bytes=0-0"); got.status != 200 {
		t.Errorf("If-Range with the date of a weak tag: %d", got.status)
	}
}

func TestRanges(t *testing.T) {
	const size = maxHeld + 10
	large := strings.Repeat("0123456789abcdef", size/16+1)[:size]
	s := newSite(t, map[string]string{"small": "0123456789", "large": large, "empty": ""}, func(c *configs.Static) { c.Precompressed = false })
	tests := []struct {
		field        string
		status       int
		body, ranges string
	}{
		{"bytes=0-0", 206, "0", "bytes 0-0/10"},
		{"bytes=2-5", 206, "2345", "bytes 2-5/10"},
		{"bytes=7-", 206, "789", "bytes 7-9/10"},
		{"bytes=-3", 206, "789", "bytes 7-9/10"},
		{"bytes=-30", 206, "0123456789", "bytes 0-9/10"},
		{"bytes=9-999999999999999999999999999", 206, "9", "bytes 9-9/10"},
		{"BYTES=1-1", 206, "1", "bytes 1-1/10"},
		{"bytes= 1-1 ,, ", 206, "1", "bytes 1-1/10"},
		{"bytes=1-1,20-30", 206, "1", "bytes 1-1/10"},
		{"bytes=10-", 416, "", "bytes */10"},
		{"bytes=-0", 416, "", "bytes */10"},
		{"bytes=99999999999999999999-", 416, "", "bytes */10"},
		{"bytes=5-2", 416, "", "bytes */10"},
		{"bytes=", 416, "", "bytes */10"},
		{"bytes=-", 416, "", "bytes */10"},
		{"bytes=a-b", 416, "", "bytes */10"},
		{"bytes=0-0x", 416, "", "bytes */10"},
		{"bytes=+1-2", 416, "", "bytes */10"},
		{"bytes=--1", 416, "", "bytes */10"},
		{"lines=1-2", 200, "0123456789", ""},
		{"bytes", 200, "0123456789", ""},
		{"bytes=0-,0-", 200, "0123456789", ""},
		{"bytes=" + strings.Repeat("0-0,", maxRanges+1), 200, "0123456789", ""},
		{"bytes=" + strings.Repeat("0-0,", 5000), 200, "0123456789", ""},
	}
	for _, test := range tests {
		got := s.get("/static/small", "Range: "+test.field)
		if got.status != test.status || got.status != 416 && got.body != test.body || got.fields["content-range"] != test.ranges {
			t.Errorf("%.40s: %d %q %q", test.field, got.status, got.body, got.fields["content-range"])
		}
	}
	if got := s.get("/static/large", "Range: bytes=65540-65543"); got.body != large[65540:65544] || !got.isFile {
		t.Errorf("large: %+v", got)
	}
	if got := s.get("/static/large", "Range: bytes=-4"); got.body != large[size-4:] {
		t.Errorf("large: %+v", got)
	}
	for count, want := range map[int]int{maxRanges: 206, maxRanges + 1: 200} {
		if got := s.get("/static/large", "Range: bytes="+strings.Repeat("0-0,", count)); got.status != want {
			t.Errorf("%d ranges: %d, want %d", count, got.status, want)
		}
	}
	if got := s.get("/static/empty", "Range: bytes=0-"); got.status != 416 || got.fields["content-range"] != "bytes */0" {
		t.Errorf("empty: %+v", got)
	}
	if got := s.do(request("HEAD", "/static/empty")); got.fields["content-length"] != "0" {
		t.Errorf("empty: %+v", got)
	}
}

func TestSeveralRanges(t *testing.T) {
	large := strings.Repeat("0123456789", 10000)
	s := newSite(t, map[string]string{"small.txt": "0123456789", "large.txt": large}, nil)
	for name, size := range map[string]string{"small.txt": "10", "large.txt": "100000"} {
		got := s.get("/static/"+name, "Range: bytes=1-2, 20000000-, 5-5,-1")
		line, ok := strings.CutPrefix(got.fields["content-type"], "multipart/byteranges; boundary=")
		part := func(span, content string) string {
			return "\r\n--" + line + "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes " + span + "/" + size + "\r\n\r\n" + content
		}
		last := map[string]string{"small.txt": "9-9", "large.txt": "99999-99999"}[name]
		want := part("1-2", "12") + part("5-5", "5") + part(last, "9") + "\r\n--" + line + "--\r\n"
		if got.status != 206 || !ok || got.body != want || got.fields["content-range"] != "" || got.fields["etag"] == "" {
			t.Errorf("%s: %+v\nwant %q", name, got, want)
		}
	}
}

func FuzzParseRanges(f *testing.F) {
	f.Add([]byte("bytes=0-1,5-,-3"), int64(10))
	f.Add([]byte("bytes=9223372036854775807-9223372036854775808"), int64(1)<<62)
	f.Fuzz(func(t *testing.T, field []byte, size int64) {
		if size < 0 {
			return
		}
		spans, verdict := parseRanges(field, size)
		if (verdict == rangePartial) != (len(spans) > 0) || verdict == 0 || len(spans) > maxRanges {
			t.Fatalf("%d spans with verdict %d", len(spans), verdict)
		}
		sum := int64(0)
		for _, s := range spans {
			if s.start < 0 || s.length <= 0 || s.start > size-s.length {
				t.Fatalf("%+v of %d", s, size)
			}
			sum += s.length
		}
		if sum > size {
			t.Fatalf("%d of %d bytes", sum, size)
		}
	})
}
