package link

import (
	"bytes"
	"fmt"
)

// checkFields makes sure that what goes to front ends is lines of "name: value", nothing that ends a line early, and nothing
// that says where the answer ends: else the client, or a proxy that uses the connection for many, would take the next answer
// for the rest of this one. The accelerator refuses all that of an application; this guards against a worker that scribbles.
func checkFields(reason, fields []byte, length int64) error {
	if bytes.ContainsAny(reason, "\r\n\x00") {
		return fmt.Errorf("line break in the reason phrase")
	}
	for len(fields) > 0 {
		end := bytes.IndexByte(fields, '\n')
		if end < 3 || fields[end-1] != '\r' {
			return fmt.Errorf("response field without line end")
		}
		line := fields[:end-1]
		colon := nameEnd(line)
		if colon < 1 || bytes.IndexByte(line, '\r') >= 0 || bytes.IndexByte(line, 0) >= 0 {
			return fmt.Errorf("malformed response field")
		}
		if framing[line[0]|0x20] && !harmless(line[:colon], line[colon+1:], length) {
			return fmt.Errorf("response of %d bytes with %q", length, line)
		}
		fields = fields[end+1:]
	}
	return nil
}

// nameEnd gives where the colon after a field's name is, and -1 if there is none or the name is no token (RFC 9110 section
// 5.6.2): "Content-Length : 5" is one for lenient readers.
func nameEnd(line []byte) int {
	for i, c := range line {
		if !tokenBytes[c] {
			if c == ':' {
				return i
			}
			break
		}
	}
	return -1
}

// tokenBytes are those that a name may have.
var tokenBytes = func() (table [256]bool) {
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		table[c] = true
	}
	return table
}()

// ofConnection are names that belong to one connection (RFC 9110 section 7.6.1), and so are the server's to send: those that the
// accelerator refuses.
var ofConnection = [...][]byte{
	[]byte("connection"), []byte("keep-alive"), []byte("proxy-authenticate"), []byte("proxy-authorization"), []byte("proxy-connection"), []byte("te"),
	[]byte("trailers"), []byte("transfer-encoding"), []byte("upgrade"),
}

// framing are the first letters of names that harmless has to look at.
var framing = [256]bool{'c': true, 'k': true, 'p': true, 't': true, 'u': true}

// harmless tells whether a field does not say where an answer with a body of that length ends, or says it rightly.
func harmless(name, value []byte, length int64) bool {
	if bytes.EqualFold(name, []byte("content-length")) {
		return isNumber(bytes.Trim(value, " \t"), length)
	}
	for _, reserved := range ofConnection {
		if bytes.EqualFold(name, reserved) {
			return false
		}
	}
	return true
}

// isNumber tells whether the digits are exactly this number.
func isNumber(digits []byte, number int64) bool {
	said := int64(0)
	for _, c := range digits {
		if c < '0' || c > '9' || said > number {
			return false
		}
		said = said*10 + int64(c-'0')
	}
	return len(digits) > 0 && said == number
}
