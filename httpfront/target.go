package httpfront

import "bytes"

// parseTarget takes the target apart: origin-form, absolute-form of http and https, and * for OPTIONS (RFC 9112
// section 3.2). Bytes above ASCII pass, as other servers let them; the path's escapes are checked when it is decoded.
func (h *head) parseTarget() *refusal {
	for _, c := range h.target {
		if c <= ' ' || c == 0x7f || c == '#' {
			return refuseTarget
		}
	}
	if len(h.target) > maxVar {
		return refuseLongLine
	}
	switch {
	case h.target[0] == '/':
		h.setPath(h.target)
	case len(h.target) == 1 && h.target[0] == '*':
		if string(h.method) != "OPTIONS" {
			return refuseTarget
		}
		h.path = nil // no path: RFC 3875 section 4.1.5 has none that does not begin with a slash
	default:
		return h.parseAbsolute()
	}
	return nil
}

func (h *head) setPath(b []byte) {
	h.path = b
	if i := bytes.IndexByte(b, '?'); i >= 0 {
		h.path, h.query = b[:i], b[i+1:]
	}
}

// parseAbsolute takes scheme://authority/path?query. The path may be missing and is "/" then.
func (h *head) parseAbsolute() *refusal {
	rest := h.target
	switch {
	case hasPrefixFold(rest, "http://"):
		rest = rest[len("http://"):]
	case hasPrefixFold(rest, "https://"):
		rest = rest[len("https://"):]
	default:
		return refuseTarget
	}
	end := bytes.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	if end == 0 || !isHost(rest[:end]) {
		return refuseTarget
	}
	h.host = rest[:end]
	h.setPath(rest[end:])
	if len(h.path) == 0 {
		h.path = rootPath
		if string(h.method) == "OPTIONS" && len(h.query) == 0 {
			h.path = nil // RFC 9112 section 3.2.4: it was * before the last proxy
		}
	}
	return nil
}

var rootPath = []byte("/")

// appendDecoded appends path with its escapes decoded, once. It reports false for an escape that is not %XX, and for
// an encoded NUL.
func appendDecoded(dst, path []byte) ([]byte, bool) {
	for {
		i := bytes.IndexByte(path, '%')
		if i < 0 {
			return append(dst, path...), true
		}
		if len(path) < i+3 {
			return dst, false
		}
		high, low := hexDigit(path[i+1]), hexDigit(path[i+2])
		if high < 0 || low < 0 || high+low == 0 {
			return dst, false
		}
		dst = append(append(dst, path[:i]...), byte(high<<4|low))
		path = path[i+3:]
	}
}
