package cache

import "bytes"

// isUnchanged says that a client has the stored answer already (RFC 9111 section 4.3.2). If-None-Match decides alone
// where it is sent; only an answer with status 200 can be confirmed.
func (e *entry) isUnchanged(a *asked) bool {
	switch {
	case e.status != 200:
		return false
	case a.ifNoneMatch != nil:
		return listHasTag(a.ifNoneMatch, e.etag)
	case a.ifModified != nil:
		date, ok := parseDate(a.ifModified)
		changed := e.lastModified
		if changed == 0 {
			changed = e.date
		}
		return ok && changed <= date
	}
	return false
}

// listHasTag compares weakly (RFC 9110 section 8.8.3.2) with each tag of If-None-Match; "*" is any.
func listHasTag(list, tag []byte) bool {
	for len(list) > 0 {
		var member []byte
		member, list = nextMember(list)
		if len(member) == 1 && member[0] == '*' {
			return true
		}
		if len(tag) > 0 && bytes.Equal(opaque(member), opaque(tag)) {
			return true
		}
	}
	return false
}

func opaque(tag []byte) []byte {
	if bytes.HasPrefix(tag, []byte("W/")) {
		return tag[2:]
	}
	return tag
}

func isWeak(tag []byte) bool { return len(tag) > 1 && tag[0] == 'W' }

// wantsRange says whether the Range field counts (RFC 9110 sections 13.1.5 and 14.2). If-Range compares strongly.
func (e *entry) wantsRange(a *asked) bool {
	switch {
	case a.ranges == nil || a.isHead || e.status != 200:
		return false
	case a.ifRange == nil:
		return true
	case len(a.ifRange) > 0 && a.ifRange[0] == '"':
		return bytes.Equal(a.ifRange, e.etag)
	}
	date, ok := parseDate(a.ifRange)
	return ok && e.lastModified != 0 && date == e.lastModified && !isWeak(e.etag)
}

// confirms says whether a 304 speaks of the stored answer (RFC 9111 section 4.3.4): its own validator, if it has one, is
// the stored one.
func (a *answer) confirms(e *entry) bool {
	switch {
	case len(a.etag) > 0 && len(e.etag) > 0:
		return bytes.Equal(opaque(a.etag), opaque(e.etag))
	case a.lastModified != 0 && e.lastModified != 0 && len(a.etag) == 0:
		return a.lastModified == e.lastModified
	}
	return true
}

// resembles says whether an answer to HEAD could be that of the stored one (RFC 9111 section 4.3.5).
func (a *answer) resembles(e *entry) bool {
	if len(a.etag) > 0 && !bytes.Equal(a.etag, e.etag) {
		return false
	}
	if a.lastModified != 0 && a.lastModified != e.lastModified {
		return false
	}
	return a.length == nil || parseDelta(a.length) == int64(len(e.body))
}
