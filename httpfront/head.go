package httpfront

import (
	"bytes"
	"math"

	"penknife/configs"
)

// maxMethod is the longest method that is passed on; RFC 9112 section 3 asks for 501 above what a server implements.
const maxMethod = 32

// maxVar is the longest name or value that the uwsgi var block can carry.
const maxVar = math.MaxUint16

// field is one header field, in the order received. Its slices point into the head's bytes.
type field struct {
	name, value []byte
	next        int32 // index of the next field with the same name, 0 if there is none
	merged      bool  // an earlier field with the same name carries this value
}

// head is a request head that was checked. Its slices point into the bytes it was parsed from.
type head struct {
	method, target []byte
	path, query    []byte // of target, still encoded
	host           []byte // Host, or the authority of an absolute-form target
	contentType    []byte
	length         int64 // Content-Length, -1 without one
	minor          byte  // the version is HTTP/1.minor: 0 or 1
	chunked        bool
	expects        bool // 100-continue
	hasType        bool
	hasHost        bool
	closes, keeps  bool // Connection: close, keep-alive
	forwards       bool // has a field that only trusted peers may send
	seen           uint64
	fields         []field // those that become HTTP_ variables; Host is not among them
}

// findHeadEnd gives the length of the head at the start of buf, or -1 when it is not complete.
func findHeadEnd(buf []byte) int {
	i := bytes.Index(buf, []byte("\r\n\r\n"))
	if i < 0 {
		return -1
	}
	return i + 4
}

// checkPartial judges a head that is not complete, so that what can only end in a refusal does not wait for a timeout.
func checkPartial(buf []byte, limits *configs.Limits) *refusal {
	if len(buf) == 0 {
		return nil
	}
	if nameChars[buf[0]] == notToken {
		return refuseRequestLine
	}
	line := bytes.IndexByte(buf, '\n')
	if line < 0 {
		line = len(buf)
	}
	if line > int(limits.RequestLine)+1 {
		return refuseLine(buf)
	}
	for rest := buf; ; {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			break
		}
		if i == 0 || rest[i-1] != '\r' {
			return refuseLineEnd
		}
		rest = rest[i+1:]
	}
	if len(buf)-line > int(limits.HeaderBlock)+3 {
		return refuseLongHead
	}
	return nil
}

// refuseLine says what is too long of a line that is: the method, or what is behind it (RFC 9112 section 3).
func refuseLine(line []byte) *refusal {
	switch {
	case nameChars[line[0]] == notToken:
		return refuseRequestLine
	case isToken(line[:min(len(line), maxMethod+1)]):
		return refuseMethod
	}
	return refuseLongLine
}

// parseHead checks a complete head, which ends with an empty line, against RFC 9112 and the limits and fills h.
// h.fields is reused. On a refusal h has what was found before it.
func parseHead(buf []byte, limits *configs.Limits, h *head) *refusal {
	*h = head{length: -1, fields: h.fields[:0]}
	line, rest, bad := cutLine(buf)
	switch {
	case bad != nil && buf[0] != '\n' && nameChars[buf[0]] == notToken:
		return refuseRequestLine // as checkPartial says when it has seen no more than that
	case bad != nil:
		return bad
	}
	if len(line) > int(limits.RequestLine) {
		return refuseLine(line)
	}
	if bad := h.parseRequestLine(line); bad != nil {
		return bad
	}
	if len(rest) > int(limits.HeaderBlock)+2 {
		return refuseLongHead
	}
	for count := 0; ; count++ {
		if line, rest, bad = cutLine(rest); bad != nil {
			return bad
		}
		if len(line) == 0 {
			break
		}
		if count == limits.HeaderCount {
			return refuseManyFields
		}
		if bad := h.parseField(line); bad != nil {
			return bad
		}
	}
	return h.finish(limits)
}

// nameLine finds the method and the begin of the target in a request line that may be wrong or incomplete. It is for the
// logs (whose cookies are too large, and which URL is too long, is what one looks for there), and because an answer to
// HEAD has no content, not even a refusal.
func (h *head) nameLine(buf []byte, longest int) {
	line := buf
	if end := bytes.IndexAny(buf, "\r\n"); end >= 0 {
		line = buf[:end]
	}
	method, rest, found := bytes.Cut(line, []byte{' '})
	if !found || len(method) > maxMethod || !isToken(method) {
		return
	}
	target, _, _ := bytes.Cut(rest, []byte{' '})
	h.method, h.target = method, target[:min(len(target), longest)]
}

// cutLine splits off one line; both CR and LF must end it, and neither may occur in it.
func cutLine(buf []byte) (line, rest []byte, bad *refusal) {
	i := bytes.IndexByte(buf, '\n')
	if i < 1 || buf[i-1] != '\r' {
		return nil, nil, refuseLineEnd
	}
	return buf[:i-1], buf[i+1:], nil
}

func (h *head) parseRequestLine(line []byte) *refusal {
	space := bytes.IndexByte(line, ' ')
	if space < 1 || !isToken(line[:space]) {
		return refuseRequestLine
	}
	h.method = line[:space]
	line = line[space+1:]
	space = bytes.IndexByte(line, ' ')
	if space < 1 {
		return refuseRequestLine
	}
	h.target = line[:space]
	version := line[space+1:]
	if len(version) != 8 || string(version[:5]) != "HTTP/" || version[6] != '.' ||
		version[5]-'0' > 9 || version[7]-'0' > 9 {
		return refuseRequestLine
	}
	if version[5] != '1' {
		return refuseVersion
	}
	// RFC 9110 section 2.5: a higher minor version is processed as the highest one that we know.
	h.minor = min(version[7]-'0', 1)
	if len(h.method) > maxMethod || string(h.method) == "CONNECT" {
		return refuseMethod
	}
	return h.parseTarget()
}

func (h *head) parseField(line []byte) *refusal {
	if line[0] == ' ' || line[0] == '\t' {
		return refuseFold
	}
	simple, i := true, 0
	for ; i < len(line) && line[i] != ':'; i++ {
		switch nameChars[line[i]] {
		case notToken:
			return refuseFieldName
		case notSimple:
			simple = false
		}
	}
	if i == 0 || i == len(line) {
		return refuseFieldName
	}
	name, value := line[:i], trimBlanks(line[i+1:])
	if !isFieldValue(value) {
		return refuseFieldValue
	}
	if !simple {
		return nil
	}
	if known, bad := h.knownField(name, value); known {
		return bad
	}
	if len(name)+len("HTTP_") > maxVar || len(value) > maxVar {
		return refuseLongHead
	}
	h.addField(name, value)
	return nil
}

// knownField takes the fields that mean something to us. It reports false for one that is to become an HTTP_ variable,
// be it known or not.
func (h *head) knownField(name, value []byte) (bool, *refusal) {
	switch len(name) {
	case 4:
		if equalFold(name, "host") {
			return true, h.setHost(value)
		}
	case 5: // httpoxy: HTTP_PROXY configures HTTP clients.
		return equalFold(name, "proxy"), nil
	case 6:
		if equalFold(name, "expect") {
			return true, h.setExpectation(value)
		}
	case 10:
		if equalFold(name, "connection") {
			h.addConnectionOptions(value)
		}
	case 12:
		if equalFold(name, "content-type") {
			return true, h.setContentType(value)
		}
	case 14:
		if equalFold(name, "content-length") {
			return true, h.setLength(value)
		}
	case 17:
		if equalFold(name, "transfer-encoding") {
			return true, h.setCoding(value)
		}
	}
	h.forwards = h.forwards || isForwardedName(name)
	return false, nil
}

// addField keeps a field. A repeated one is linked to the one before it (RFC 9110 section 5.2).
func (h *head) addField(name, value []byte) {
	bit := uint64(1) << ((uint(len(name))*7 + uint(name[0]|0x20) + uint(name[len(name)-1]|0x20)*5) & 63)
	merged := h.seen&bit != 0 && h.link(name)
	h.seen |= bit
	h.fields = append(h.fields, field{name: name, value: value, merged: merged})
}

// link makes the last field of that name point at the one that is about to be added.
func (h *head) link(name []byte) bool {
	for i := len(h.fields) - 1; i >= 0; i-- {
		if bytes.EqualFold(h.fields[i].name, name) {
			h.fields[i].next = int32(len(h.fields))
			return true
		}
	}
	return false
}
