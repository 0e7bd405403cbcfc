package httpfront

import (
	"bytes"
	"math"
	"net/netip"

	"penknife/configs"
)

// setHost takes the Host field (RFC 9112 section 3.2). The authority of an absolute-form target beats it.
func (h *head) setHost(value []byte) *refusal {
	if h.hasHost || !isHost(value) {
		return refuseHost
	}
	h.hasHost = true
	if h.host == nil {
		h.host = value
	}
	return nil
}

// isHost checks uri-host [ ":" port ] (RFC 3986 section 3.2); an empty one is legal for targets without authority. Of
// what the grammar has, escapes, address literals of future versions and empty labels (RFC 1034 section 3.5) are
// refused: nobody could resolve them, and ".." is a step upwards for code that makes a path of a host.
func isHost(host []byte) bool {
	if len(host) > 0 && host[0] == '[' {
		end := bytes.IndexByte(host, ']')
		if end < 0 {
			return false
		}
		addr, err := netip.ParseAddr(string(host[1:end]))
		if err != nil || !addr.Is6() || addr.Zone() != "" {
			return false
		}
		return end+1 == len(host) || host[end+1] == ':' && isPort(host[end+2:])
	}
	for i, c := range host {
		switch {
		case c == ':':
			return i > 0 && isPort(host[i+1:])
		case !hostChars[c], c == '.' && (i == 0 || host[i-1] == '.'):
			return false
		}
	}
	return true
}

// isPort checks the port of an authority, which may be empty. Beyond what the grammar says it must exist: much code
// fails on one that does not fit into 16 bits.
func isPort(b []byte) bool {
	for port := 0; len(b) > 0; b = b[1:] {
		port = port*10 + int(b[0]-'0')
		if b[0] < '0' || b[0] > '9' || port > math.MaxUint16 {
			return false
		}
	}
	return true
}

func isDigits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// setLength takes Content-Length: digits only, once (RFC 9110 section 8.6).
func (h *head) setLength(value []byte) *refusal {
	if h.length >= 0 || len(value) == 0 {
		return refuseLength
	}
	n := int64(0)
	for _, c := range value {
		digit := int64(c) - '0'
		if digit < 0 || digit > 9 || n > (math.MaxInt64-digit)/10 {
			return refuseLength
		}
		n = n*10 + digit
	}
	h.length = n
	return nil
}

// setCoding takes Transfer-Encoding: chunked, once, and not in HTTP/1.0 (RFC 9112 section 6.1).
func (h *head) setCoding(value []byte) *refusal {
	if h.chunked || h.minor == 0 {
		return refuseCoding
	}
	if equalFold(value, "chunked") {
		h.chunked = true
		return nil
	}
	return refuseCodings(value)
}

// refuseCodings tells a list of codings that we do not speak (section 6.1: 501) from one that leaves the length
// unknown because chunked does not end it, or occurs in it twice (section 6.3: 400).
func refuseCodings(list []byte) *refusal {
	last := bytes.LastIndexByte(list, ',')
	if last < 0 || !equalFold(trimBlanks(list[last+1:]), "chunked") {
		return refuseCoding
	}
	for name := range bytes.SplitSeq(list[:last], []byte{','}) {
		if name = trimBlanks(name); len(name) == 0 || equalFold(name, "chunked") {
			return refuseCoding
		}
	}
	return refuseUnknownCoding
}

// setExpectation takes one Expect field, a list (RFC 9110 section 10.1.1), which HTTP/1.0 does not have.
func (h *head) setExpectation(value []byte) *refusal {
	if h.minor == 0 {
		return nil
	}
	for expectation := range bytes.SplitSeq(value, []byte{','}) {
		switch expectation = trimBlanks(expectation); {
		case len(expectation) == 0: // no element (section 5.6.1.2)
		case equalFold(expectation, "100-continue"):
			h.expects = true
		default:
			return refuseExpectation
		}
	}
	return nil
}

func (h *head) setContentType(value []byte) *refusal {
	if h.hasType || len(value) > maxVar {
		return refuseContentType
	}
	h.hasType, h.contentType = true, value
	return nil
}

// addConnectionOptions takes one Connection field, a list of tokens (RFC 9110 section 7.6.1).
func (h *head) addConnectionOptions(value []byte) {
	for len(value) > 0 {
		option, rest, _ := bytes.Cut(value, []byte{','})
		value = rest
		switch option = trimBlanks(option); {
		case equalFold(option, "close"):
			h.closes = true
		case equalFold(option, "keep-alive"):
			h.keeps = true
		}
	}
}

// finish checks what only the whole head tells.
func (h *head) finish(limits *configs.Limits) *refusal {
	switch {
	case h.chunked && h.length >= 0:
		return refuseBothFramings
	case h.minor == 1 && (!h.hasHost || len(h.host) == 0):
		return refuseHost
	case limits.Body > 0 && h.length > int64(limits.Body):
		return refuseLargeBody
	}
	return nil
}

// persists tells whether the client expects to use the connection again (RFC 9112 section 9.3).
func (h *head) persists() bool {
	return !h.closes && (h.minor == 1 || h.keeps)
}
