package static

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// FuzzConditions: a request with conditions is judged as net/http's ServeContent judges it.
func FuzzConditions(f *testing.F) {
	const before, then, after = "Sun, 09 Sep 2001 01:46:39 GMT", "Sun, 09 Sep 2001 01:46:40 GMT", "Sunday, 09-Sep-01 01:46:41 GMT"
	for _, match := range []string{"", `"a"`, `W/"a"`, `"b", W/"a"`, `"b","a"`, `*`, `a`, `"a`, `,, "a"`} {
		for _, date := range []string{"", before, then, after, "0", "Sun Sep  9 01:46:40 2001"} {
			f.Add(match, "", date, "", true)
			f.Add("", match, "", date, true)
			f.Add(match, match, date, date, false)
		}
	}
	f.Fuzz(func(t *testing.T, ifMatch, ifNoneMatch, ifUnmodified, ifModified string, strong bool) {
		for _, list := range []string{ifMatch, ifNoneMatch} {
			if strings.Trim(list, " \t") != "*" && !isPlainList(list) {
				return
			}
		}
		seen := &file{tag: `"a"`, modified: 1e9}
		if !strong {
			seen.tag = `W/"a"`
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		var a asked
		for name, field := range map[string]struct {
			value string
			into  *[]byte
		}{"If-Match": {ifMatch, &a.ifMatch}, "If-None-Match": {ifNoneMatch, &a.ifNoneMatch}, "If-Unmodified-Since": {ifUnmodified, &a.ifUnmodified},
			"If-Modified-Since": {ifModified, &a.ifModified}} {
			if field.value != "" { // an empty one is none for net/http
				r.Header.Set(name, field.value)
				*field.into = []byte(field.value)
			}
		}
		w := httptest.NewRecorder()
		w.Header().Set("ETag", seen.tag)
		http.ServeContent(w, r, "a.txt", time.Unix(seen.modified, 0), bytes.NewReader([]byte("content")))
		if got := a.judge(seen); got != w.Code {
			t.Fatalf("%q: %d, net/http: %d", r.Header, got, w.Code)
		}
	})
}

// isPlainList tells whether a list has only what entity-tags of RFC 9110 have, and no star, which net/http takes in the middle of
// one too.
func isPlainList(list string) bool {
	inside := false
	for _, c := range []byte(list) {
		switch {
		case c == '"':
			inside = !inside
		case c == '*', c < ' ', c == 0x7f, inside && c == ' ':
			return false
		}
	}
	return true
}
