package accesslog

import "unicode/utf8"

const hexDigits = "0123456789ABCDEF"

// appendEscaped writes as nginx does: a quote, a backslash and everything that is not printable ASCII become \xHH, so
// that no client can end a field or a line, or drive a terminal. More than limit bytes are cut, which "..." shows.
func appendEscaped(dst, value []byte, limit int) []byte {
	cut := len(value) > limit
	if cut {
		value = value[:limit]
	}
	for _, c := range value {
		if c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			dst = append(dst, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
			continue
		}
		dst = append(dst, c)
	}
	if cut {
		dst = append(dst, "..."...)
	}
	return dst
}

// appendField appends a value, or - for none.
func appendField(dst, value []byte, limit int) []byte {
	if len(value) == 0 {
		return append(dst, '-')
	}
	return appendEscaped(dst, value, limit)
}

// appendJSON appends a value as a JSON string (RFC 8259 section 7) that is valid whatever the bytes are: what is not
// UTF-8 becomes U+FFFD, control characters become escapes. It cuts as appendEscaped does, between characters.
func appendJSON(dst, value []byte, limit int) []byte {
	dst = append(dst, '"')
	from, cut := 0, false
	for i := 0; i < len(value); {
		if i >= limit {
			value, cut = value[:i], true
			break
		}
		c := value[i]
		if c >= ' ' && c < 0x7f && c != '"' && c != '\\' {
			i++
			continue
		}
		size := 1
		var r rune
		if c >= utf8.RuneSelf {
			if r, size = utf8.DecodeRune(value[i:]); (r != utf8.RuneError || size > 1) && r != '\u2028' && r != '\u2029' && r >= 0xa0 {
				i += size
				continue
			}
		}
		dst = append(dst, value[from:i]...)
		dst = appendJSONEscape(dst, c, r)
		i += size
		from = i
	}
	dst = append(dst, value[from:]...)
	if cut {
		dst = append(dst, "..."...)
	}
	return append(dst, '"')
}

// appendJSONEscape appends what stands for a byte that is no character of its own, or for a rune.
func appendJSONEscape(dst []byte, c byte, r rune) []byte {
	switch {
	case c == '"' || c == '\\':
		return append(dst, '\\', c)
	case c == '\n':
		return append(dst, '\\', 'n')
	case c == '\r':
		return append(dst, '\\', 'r')
	case c == '\t':
		return append(dst, '\\', 't')
	case c < utf8.RuneSelf:
		r = rune(c)
	}
	return append(dst, '\\', 'u', lowerHex[r>>12&15], lowerHex[r>>8&15], lowerHex[r>>4&15], lowerHex[r&15])
}

const lowerHex = "0123456789abcdef"
