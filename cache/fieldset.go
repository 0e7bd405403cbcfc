package cache

import (
	"bytes"
	"time"
)

// stripping says which fields an operator wants removed.
type stripping struct{ tags, setCookie bool }

// storedFields gives the fields of an answer as they are stored (RFC 9111 section 3.1): without those of one connection,
// without what is made anew for each answer (Age, Content-Length), without the obsolete Warning, and with a Date.
func storedFields(fields []byte, strip stripping, received time.Time) []byte {
	out := make([]byte, 0, len(fields)+40)
	listed := connectionListed(fields)
	hasDate := false
	for len(fields) > 0 {
		var line fieldLine
		line, fields = nextLine(fields)
		if isUnstored(&line, strip) || isListed(listed, line.name) {
			continue
		}
		hasDate = hasDate || line.isNamed("date")
		out = append(out, line.raw...)
	}
	if !hasDate {
		out = appendDate(out, received)
	}
	return out
}

func appendDate(dst []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(dst, "Date: Mon, 02 Jan 2006 15:04:05 GMT\r\n")
}

func isUnstored(line *fieldLine, strip stripping) bool {
	if len(line.name) == 0 {
		return true
	}
	switch line.name[0] | 0x20 {
	case 'a':
		return line.isNamed("age")
	case 'c':
		return line.isNamed("connection") || line.isNamed("content-length") || strip.tags && line.isNamed("cache-tag")
	case 'k':
		return line.isNamed("keep-alive")
	case 'p':
		return line.isNamed("proxy-authenticate") || line.isNamed("proxy-authentication-info") ||
			line.isNamed("proxy-authorization") || line.isNamed("proxy-connection")
	case 's':
		return strip.tags && line.isNamed("surrogate-key") || strip.setCookie && line.isNamed("set-cookie")
	case 't':
		return line.isNamed("te") || line.isNamed("trailer") || line.isNamed("transfer-encoding")
	case 'u':
		return line.isNamed("upgrade")
	case 'w':
		return line.isNamed("warning")
	}
	return false
}

// connectionListed gives the values of Connection, which name further fields of that one connection.
func connectionListed(fields []byte) (list []byte) {
	for len(fields) > 0 {
		var line fieldLine
		if line, fields = nextLine(fields); line.isNamed("connection") {
			list = joinField(list, line.value)
		}
	}
	return list
}

func isListed(list, name []byte) bool {
	for len(list) > 0 {
		var member []byte
		if member, list = nextMember(list); len(member) > 0 && bytes.EqualFold(member, name) {
			return true
		}
	}
	return false
}

// withoutTags gives fields without Cache-Tag and Surrogate-Key.
func withoutTags(dst, fields []byte) []byte {
	for len(fields) > 0 {
		var line fieldLine
		line, fields = nextLine(fields)
		if !line.isNamed("cache-tag") && !line.isNamed("surrogate-key") {
			dst = append(dst, line.raw...)
		}
	}
	return dst
}

// mergedFields updates stored fields by those of a 304 or of an answer to HEAD (RFC 9111 section 3.2): what is new takes
// the place of all lines of that name. What describes the stored content stays as it is, and Date is that of now if
// the new ones have none.
func mergedFields(stored, fresh []byte, strip stripping, received time.Time) []byte {
	fresh = storedFields(fresh, strip, received)
	out := make([]byte, 0, len(stored)+len(fresh))
	for rest := stored; len(rest) > 0; {
		var line fieldLine
		if line, rest = nextLine(rest); describesContent(&line) || !hasField(fresh, line.name) {
			out = append(out, line.raw...)
		}
	}
	for rest := fresh; len(rest) > 0; {
		var line fieldLine
		if line, rest = nextLine(rest); !describesContent(&line) {
			out = append(out, line.raw...)
		}
	}
	return out
}

// describesContent names the fields by which the stored bytes are read.
func describesContent(line *fieldLine) bool {
	return line.isNamed("content-encoding") || line.isNamed("content-range") || line.isNamed("content-md5")
}

func hasField(fields, name []byte) bool {
	for len(fields) > 0 {
		var line fieldLine
		if line, fields = nextLine(fields); bytes.EqualFold(line.name, name) {
			return true
		}
	}
	return false
}

// appendBrief appends what a 304 has of an answer's fields (RFC 9110 section 15.4.5).
func appendBrief(dst, fields []byte) []byte {
	for len(fields) > 0 {
		var line fieldLine
		line, fields = nextLine(fields)
		if len(line.name) == 0 {
			continue
		}
		keep := false
		switch line.name[0] | 0x20 {
		case 'c':
			keep = line.isNamed("cache-control") || line.isNamed("content-location") || line.isNamed("cdn-cache-control")
		case 'd':
			keep = line.isNamed("date")
		case 'e':
			keep = line.isNamed("etag") || line.isNamed("expires")
		case 'l':
			keep = line.isNamed("last-modified")
		case 'v':
			keep = line.isNamed("vary")
		}
		if keep {
			dst = append(dst, line.raw...)
		}
	}
	return dst
}
