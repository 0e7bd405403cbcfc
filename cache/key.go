package cache

import (
	"bytes"
	"crypto/sha256"

	"penknife/gateway"
	"penknife/uwsgiproto"
)

// A key is the URL as the application sees it and, behind a NUL, what else distinguishes answers:
//
//	http://example.com/path?query NUL part part ...
//
// The URL has no NUL: requests with one are not cached. A part is a letter, a length and that many bytes, so no
// two different requests have the same key, whatever bytes a client sends. All keys of one URL begin with it and a NUL,
// and nothing else does.
const (
	partTarget  = 'u' // the request's target as sent, when path and query do not say the same
	partForward = 'f' // a field that may change what the application takes for its own address
	partCookie  = 'c' // cache.rules.key_cookies
	partHeader  = 'h' // cache.rules.key_headers
	partVary    = 'v' // a field that the answer's Vary names
)

// maxPlainPart is the longest value that a key has as it is; of longer ones it has a hash.
const maxPlainPart = 64

// appendKey appends the key of a request. It gives false for requests that have none.
func appendKey(dst []byte, r *gateway.Request, a *asked, rule *rule) ([]byte, bool) {
	if len(r.Host) == 0 || len(r.Path) == 0 || bytes.IndexByte(r.Path, 0) >= 0 ||
		bytes.IndexByte(r.Query, 0) >= 0 || bytes.IndexByte(r.Host, 0) >= 0 || bytes.IndexByte(r.Target, 0) >= 0 {
		return dst, false
	}
	dst = appendOrigin(dst, r)
	dst = append(dst, r.Path...)
	from := len(dst)
	dst = appendQuery(append(dst, '?'), r.Query, rule)
	if len(dst) == from+1 {
		dst = dst[:from] // no query, or none that counts
	}
	dst = append(dst, 0)
	path, query, _ := bytes.Cut(r.Target, []byte{'?'})
	if !bytes.Equal(path, r.Path) {
		dst = appendPart(dst, partTarget, path)
	}
	if !bytes.Equal(query, r.Query) {
		dst = appendPart(dst, partTarget, query)
	}
	if a.forwards {
		dst = appendForwards(dst, r.Vars)
	}
	for _, name := range rule.keyCookies {
		dst = appendPart(dst, partCookie, a.cookieNamed(name))
	}
	for _, name := range rule.keyHeaders {
		dst = appendPart(dst, partHeader, fieldOf(r.Vars, name))
	}
	return dst, true
}

// appendOrigin appends scheme and host. Hosts are the same in capitals and with the port that the scheme has anyway.
func appendOrigin(dst []byte, r *gateway.Request) []byte {
	dst = append(append(dst, r.Scheme...), "://"...)
	from := len(dst)
	for _, c := range r.Host {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		dst = append(dst, c)
	}
	host := dst[from:]
	port := ":80"
	if string(r.Scheme) == "https" {
		port = ":443"
	}
	if n := len(host) - len(port); n > 0 && string(host[n:]) == port {
		dst = dst[:len(dst)-len(port)]
	}
	return dst
}

// appendPart appends a value that distinguishes answers; nil and empty are different.
func appendPart(dst []byte, kind byte, value []byte) []byte {
	switch {
	case value == nil:
		return append(dst, kind, 0, 'n')
	case len(value) <= maxPlainPart:
		dst = append(dst, kind, byte(len(value)), 'p')
		return append(dst, value...)
	}
	sum := sha256.Sum256(value)
	dst = append(dst, kind, byte(len(sum)), 's')
	return append(dst, sum[:]...)
}

// isForwarding knows the fields by which frameworks and proxies learn another host, scheme or path than the request's
// own. Any client can send them; an answer that was made with one must not reach clients that did not.
func isForwarding(key []byte) bool {
	switch string(key) {
	case "HTTP_FORWARDED", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_PROTOCOL",
		"HTTP_X_FORWARDED_PORT", "HTTP_X_FORWARDED_PREFIX", "HTTP_X_FORWARDED_SERVER", "HTTP_X_FORWARDED_SCHEME",
		"HTTP_X_FORWARDED_SSL", "HTTP_X_FORWARDED_PATH", "HTTP_X_HOST", "HTTP_X_SCHEME", "HTTP_X_ORIGINAL_HOST",
		"HTTP_X_ORIGINAL_URL", "HTTP_X_REWRITE_URL", "HTTP_X_SCRIPT_NAME", "HTTP_X_URL_SCHEME", "HTTP_FRONT_END_HTTPS",
		"HTTP_X_ENVOY_ORIGINAL_PATH", "HTTP_X_FORWARDED_URI", "HTTP_X_VHM_HOST", "HTTP_X_VHM_ROOT":
		return true
	}
	return false
}

// appendForwards appends those fields. Of Forwarded only host and proto count, as it also has the client's address.
func appendForwards(dst, vars []byte) []byte {
	for rest := uwsgiproto.Vars(vars); len(rest) > 0; {
		key, value, next, err := rest.Next()
		if err != nil {
			break
		}
		rest = next
		switch {
		case !isForwarding(key):
		case string(key) == "HTTP_FORWARDED":
			dst = appendForwarded(dst, value)
		default:
			dst = appendPart(appendPart(dst, partForward, key[5:]), partForward, value)
		}
	}
	return dst
}

// appendForwarded looks for parameters of Forwarded (RFC 7239 section 4) in any of its elements.
func appendForwarded(dst, value []byte) []byte {
	for len(value) > 0 {
		end := bytes.IndexAny(value, ";,")
		pair := value
		if end < 0 {
			value = nil
		} else {
			pair, value = value[:end], value[end+1:]
		}
		pair = bytes.TrimSpace(pair)
		if name, _, _ := bytes.Cut(pair, []byte{'='}); equalFold(name, "host") || equalFold(name, "proto") {
			dst = appendPart(dst, partForward, pair)
		}
	}
	return dst
}

// appendVariant appends what a request says in the fields of a Vary (RFC 9111 section 4.1). Spaces around commas do not
// count.
func appendVariant(dst, vars []byte, fields []string) []byte {
	var room [256]byte // so that a usual value needs no memory
	for _, field := range fields {
		dst = appendPart(dst, partVary, []byte(field))
		value := fieldOf(vars, field)
		if bytes.IndexByte(value, ' ') >= 0 {
			value = appendCompact(room[:0], value)
		}
		dst = appendPart(dst, partVary, value)
	}
	return dst
}

// appendCompact appends a list without the blanks around its members.
func appendCompact(dst, list []byte) []byte {
	for first := true; len(list) > 0; first = false {
		var member []byte
		if member, list, _ = bytes.Cut(list, []byte{','}); !first {
			dst = append(dst, ',')
		}
		dst = append(dst, bytes.Trim(member, " \t")...)
	}
	return dst
}

// urlOf gives the URL of a key.
func urlOf(key string) string {
	url, _, _ := bytes.Cut([]byte(key), []byte{0})
	return string(url)
}
