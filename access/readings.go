package access

import (
	"bytes"
	"strings"
)

// isPlain tells whether everybody reads a path in the same way, but for case.
func isPlain(path []byte) bool {
	return len(path) > 0 && path[0] == '/' && bytes.IndexByte(path, ';') < 0 && bytes.IndexByte(path, '\\') < 0 &&
		!bytes.Contains(path, []byte("//")) && !bytes.Contains(path, []byte("/."))
}

// readings gives the ways in which an application and what it is made of may read a path: as it is; with its slashes
// put right (Django puts one in front, werkzeug and many proxies make one of several, some take backslashes for them);
// without parameters (";x" behind a segment, as Java servers drop them); and each of these with dots resolved. What is
// one of them for somebody is judged for all, since a list that is passed by "/./admin/" is none.
func readings(path string) []string {
	slashes := unifySlashes(path)
	bare := unifySlashes(dropParameters(slashes))
	return []string{path, slashes, bare, resolveDots(slashes), resolveDots(bare)}
}

// unifySlashes gives a path that begins with a slash and has no two in a row.
func unifySlashes(path string) string {
	var b strings.Builder
	b.Grow(len(path) + 1)
	last := byte(0)
	for _, c := range []byte("/" + path) {
		if c == '\\' {
			c = '/'
		}
		if c != '/' || last != '/' {
			b.WriteByte(c)
		}
		last = c
	}
	return b.String()
}

// dropParameters takes off each segment what follows its first semicolon.
func dropParameters(path string) string {
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		segments[i], _, _ = strings.Cut(segment, ";")
	}
	return strings.Join(segments, "/")
}

// resolveDots takes out "." and ".." of a path with single slashes (RFC 3986 section 5.2.4).
func resolveDots(path string) string {
	var kept []string
	segments := strings.Split(path, "/")[1:]
	for i, segment := range segments {
		last := i == len(segments)-1
		switch {
		case segment == ".." && len(kept) > 0:
			kept = kept[:len(kept)-1]
		case segment == "." || segment == "..":
		default:
			kept = append(kept, segment)
			last = false
		}
		if last { // what is left is a directory
			kept = append(kept, "")
		}
	}
	return "/" + strings.Join(kept, "/")
}

// lower changes letters of ASCII only: what else may count as the same letter differs from software to software.
func lower(path string) string {
	for i := range len(path) {
		if c := path[i]; 'A' <= c && c <= 'Z' {
			return lowerFrom(path, i)
		}
	}
	return path
}

func lowerFrom(path string, first int) string {
	b := []byte(path)
	for i := first; i < len(b); i++ {
		if 'A' <= b[i] && b[i] <= 'Z' {
			b[i] |= 0x20
		}
	}
	return string(b)
}
