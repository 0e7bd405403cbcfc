package httpfront

import (
	"bytes"
	"math"

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

// isHost checks uri-host [ ":" port ] (RFC 3986 section 3.2); an empty one is legal for targets without authority.
func isHost(host []byte) bool {
	if len(host) > 0 && host[0] == '[' {
		end := bytes.IndexByte(host, ']')
		if end < 3 {
			return false
		}
		for _, c := range host[1:end] {
			if hexDigit(c) < 0 && c != ':' && c != '.' {
				return false
			}
		}
		return end+1 == len(host) || host[end+1] == ':' && isDigits(host[end+2:])
	}
	for i, c := range host {
		if c == ':' {
			return i > 0 && isDigits(host[i+1:])
		}
		if !hostChars[c] {
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
		if c < '0' || c > '9' || n > (math.MaxInt64-9)/10 {
			return refuseLength
		}
		n = n*10 + int64(c-'0')
	}
	h.length = n
	return nil
}

// setCoding takes Transfer-Encoding: chunked, once, and not in HTTP/1.0 (RFC 9112 section 6.1).
func (h *head) setCoding(value []byte) *refusal {
	switch {
	case h.chunked || h.minor == 0 || len(value) == 0:
		return refuseCoding
	case !equalFold(value, "chunked"):
		return refuseUnknownCoding
	}
	h.chunked = true
	return nil
}

// setExpectation takes Expect, which HTTP/1.0 does not have (RFC 9110 section 10.1.1).
func (h *head) setExpectation(value []byte) *refusal {
	if h.minor == 0 {
		return nil
	}
	if !equalFold(value, "100-continue") {
		return refuseExpectation
	}
	h.expects = true
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
