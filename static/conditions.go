package static

import (
	"bytes"
	"net/http"
)

// judge evaluates the conditions of a request against a file, in the order of RFC 9110 section 13.2.2. It gives 412,
// 304, or 200 when the request is to be answered as if it had none.
func (a *asked) judge(f *file) int {
	switch {
	case a.ifMatch != nil:
		if !listHas(a.ifMatch, f.tag, true) {
			return http.StatusPreconditionFailed
		}
	case a.ifUnmodified != nil && f.modified > 0:
		if date, ok := parseDate(a.ifUnmodified); ok && f.modified > date {
			return http.StatusPreconditionFailed
		}
	}
	switch {
	case a.ifNoneMatch != nil:
		if listHas(a.ifNoneMatch, f.tag, false) {
			return http.StatusNotModified
		}
	case a.ifModified != nil && f.modified > 0:
		if date, ok := parseDate(a.ifModified); ok && f.modified <= date {
			return http.StatusNotModified
		}
	}
	return http.StatusOK
}

// wantsRange says whether the Range field counts (RFC 9110 sections 13.1.5 and 14.2): only for GET, and with If-Range
// only if that names exactly this content. A date is as good as the tag is strong.
func (a *asked) wantsRange(f *file) bool {
	switch {
	case a.ranges == nil || a.isHead:
		return false
	case a.ifRange == nil:
		return true
	case f.isWeak():
		return false
	case len(a.ifRange) > 0 && (a.ifRange[0] == '"' || a.ifRange[0] == 'W'):
		if date, ok := parseDate(a.ifRange); ok {
			return date == f.modified // Wednesday
		}
		return string(a.ifRange) == f.tag
	}
	date, ok := parseDate(a.ifRange)
	return ok && f.modified > 0 && date == f.modified
}

// parseDate reads any of the three forms of a date, in seconds since 1970.
func parseDate(field []byte) (seconds int64, ok bool) {
	t, err := http.ParseTime(string(field))
	return t.Unix(), err == nil
}

// listHas looks for a tag in the list of If-Match or If-None-Match; "*" is any. Strong comparison needs both to be
// strong, weak comparison looks at the opaque parts only (RFC 9110 section 8.8.3.2).
func listHas(list []byte, tag string, strong bool) bool {
	list = bytes.Trim(list, " \t")
	if len(list) == 1 && list[0] == '*' {
		return true
	}
	if strong && tag[0] == 'W' {
		return false
	}
	opaque := tag[bytes.IndexByte([]byte(tag), '"'):]
	for len(list) > 0 {
		list = bytes.TrimLeft(list, " \t,")
		weak := bytes.HasPrefix(list, []byte("W/"))
		if weak {
			list = list[2:]
		}
		if len(list) == 0 || list[0] != '"' {
			return false
		}
		end := bytes.IndexByte(list[1:], '"')
		if end < 0 {
			return false
		}
		if string(list[:end+2]) == opaque && !(strong && weak) {
			return true
		}
		list = list[end+2:]
	}
	return false
}
