package httpfront

import "encoding/binary"

// Classes of bytes in a field name. nameChars maps a byte to what it becomes in a CGI variable name ("HTTP_" and the
// name in upper case, "-" as "_"), or to one of these two.
const (
	notToken  = 0 // not allowed in a token (RFC 9110 section 5.6.2)
	notSimple = 1 // a token character that makes us drop the field: CGI names could not tell it from another
)

var nameChars = func() (table [256]byte) {
	for _, c := range []byte("!#$%&'*+.^_`|~") {
		table[c] = notSimple
	}
	for c := byte('0'); c <= '9'; c++ {
		table[c] = c
	}
	for c := byte('A'); c <= 'Z'; c++ {
		table[c], table[c+'a'-'A'] = c, c
	}
	table['-'] = '_'
	return table
}()

// hostChars are the bytes of a reg-name or IPv4 address (RFC 3986 section 3.2.2), without escapes.
var hostChars = func() (table [256]bool) {
	for c := range table {
		table[c] = nameChars[c] > notSimple
	}
	for _, c := range []byte("-._~!$&'()*+,;=") {
		table[c] = true
	}
	return table
}()

func isToken(b []byte) bool {
	for _, c := range b {
		if nameChars[c] == notToken {
			return false
		}
	}
	return len(b) > 0
}

// isFieldValue tells whether b has no control characters but HTAB. It looks at eight bytes at a time.
func isFieldValue(b []byte) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for ; len(b) >= 8; b = b[8:] {
		word := binary.LittleEndian.Uint64(b)
		del := word ^ (ones * 0x7f)
		// Each half is nonzero if a byte is below 0x20, or is DEL.
		if ((word-ones*0x20)&^word|(del-ones)&^del)&tops != 0 && !isFieldValueSlow(b[:8]) {
			return false
		}
	}
	return isFieldValueSlow(b)
}

func isFieldValueSlow(b []byte) bool {
	for _, c := range b {
		if c < 0x20 && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// trimBlanks takes SP and HTAB off both ends, and nothing else: they are all that RFC 9110 calls whitespace.
func trimBlanks(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// equalFold compares with an ASCII text in lower case.
func equalFold(b []byte, lower string) bool {
	return len(b) == len(lower) && hasPrefixFold(b, lower)
}

func hasPrefixFold(b []byte, lower string) bool {
	if len(b) < len(lower) {
		return false
	}
	for i := range len(lower) {
		c := b[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// hexDigit gives the value of a hexadecimal digit, or -1.
func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
