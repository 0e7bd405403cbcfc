package static

import "bytes"

// isClean says whether a path below a mount may be looked up with just these bytes. What it refuses does not exist for
// anybody: dot segments and empty segments, control characters and NUL, backslashes, and dotfiles but .well-known
// (RFC 8615). A slash at the end is clean.
func isClean(rel []byte) bool {
	for i, c := range rel {
		if c < ' ' || c == 0x7f || c == '\\' {
			return false
		}
		if i > 0 && rel[i-1] != '/' {
			continue
		}
		if c == '/' || c == '.' && !isWellKnown(rel[i:]) {
			return false
		}
	}
	return true
}

func isWellKnown(rel []byte) bool {
	const name = ".well-known"
	return bytes.HasPrefix(rel, []byte(name)) && (len(rel) == len(name) || rel[len(name)] == '/')
}

// hasExtension says whether the last segment looks like a file's name and not like a page of an application.
func hasExtension(rel []byte) bool {
	return bytes.IndexByte(rel[bytes.LastIndexByte(rel, '/')+1:], '.') >= 0
}
