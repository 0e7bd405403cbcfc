package static

import (
	"net/http"

	"penknife/gateway"
)

// redirect sends the client to the same path with a slash behind it. The address is path-absolute and made from the
// path that was looked up, which has neither an empty segment nor a backslash, so that it cannot lead to another host.
func redirect(r *gateway.Request) *gateway.Response {
	fields := append([]byte("Location: "), '/')
	fields = appendEscaped(fields, r.Path[1:], false)
	fields = append(fields, '/')
	if len(r.Query) > 0 {
		fields = appendEscaped(append(fields, '?'), r.Query, true)
	}
	return plainPage(http.StatusMovedPermanently, string(fields)+"\r\n")
}

// appendEscaped writes what is not a plain character of a path as %XX. A query has its escapes already.
func appendEscaped(dst, text []byte, isQuery bool) []byte {
	const hexDigits = "0123456789ABCDEF"
	for _, c := range text {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', isPathMark(c),
			isQuery && (c == '%' || c == '?'):
			dst = append(dst, c)
		default:
			dst = append(dst, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return dst
}

func isPathMark(c byte) bool {
	switch c {
	case '/', '-', '.', '_', '~', '!', '$', '&', '\'', '(', ')', '*', '+', ',', ';', '=', ':', '@':
		return true
	}
	return false
}
