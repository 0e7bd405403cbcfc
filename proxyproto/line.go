package proxyproto

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"
)

// The second words of a line. Each is followed by a space, the last one also by the CRLF.
const (
	wordTCP4    = "TCP4 "
	wordTCP6    = "TCP6 "
	wordUnknown = "UNKNOWN"
)

// fieldCount is how many words a line with addresses has.
const fieldCount = 6

// parseLine reads a header of version 1 (section 2.1).
func parseLine(b []byte) (h Header, size int, err error) {
	if len(b) < minLine && bytes.IndexByte(b, '\n') < 0 {
		return h, minLine, ErrIncomplete
	}
	end := bytes.IndexByte(b[:min(len(b), MaxLine)], '\n')
	switch {
	case end >= 0:
		h, err = parseCompleteLine(b[:end+1])
		return h, end + 1, err
	case len(b) >= MaxLine:
		return h, 0, fail(ProblemLongLine, "no CRLF within %d bytes", MaxLine)
	}
	size, err = leastLine(b)
	return h, min(size, MaxLine), err
}

// leastLine tells how long the line must be at least that begins with b, which has no line break.
func leastLine(b []byte) (int, error) {
	rest, last := string(b[len(linePrefix):]), b[len(b)-1]
	switch {
	case strings.HasPrefix(rest, wordUnknown):
		if last == '\r' {
			return len(b) + 1, ErrIncomplete
		}
		return len(b) + 2, ErrIncomplete
	case !strings.HasPrefix(rest, wordTCP4) && !strings.HasPrefix(rest, wordTCP6):
		return 0, fail(ProblemLine, "the protocol is neither TCP4, TCP6 nor UNKNOWN")
	}
	spaces := bytes.Count(b, []byte(" "))
	missing := 2 + 2*max(0, fieldCount-1-spaces) // the CRLF, and a space and a character for each word
	switch last {
	case ' ':
		missing++
	case '\r':
		missing = 1
	}
	return len(b) + missing, ErrIncomplete
}

// parseCompleteLine reads a line from its first byte to its line feed.
func parseCompleteLine(line []byte) (h Header, err error) {
	h.Version = 1
	text, ok := strings.CutSuffix(string(line), "\r\n")
	if !ok {
		return h, fail(ProblemLine, "the line does not end with CRLF")
	}
	// Nothing behind the word is to be looked at.
	if rest, ok := strings.CutPrefix(text, linePrefix+wordUnknown); ok && (rest == "" || rest[0] == ' ') {
		return h, nil
	}
	words := strings.Split(text, " ")
	if len(words) != fieldCount {
		return h, fail(ProblemLine, "the line has %d words, not %d", len(words), fieldCount)
	}
	is4 := words[1]+" " == wordTCP4
	if !is4 && words[1]+" " != wordTCP6 {
		return h, fail(ProblemLine, "the protocol is neither TCP4, TCP6 nor UNKNOWN")
	}
	if h.Source, err = parseEnd(is4, words[2], words[4]); err != nil {
		return Header{}, err
	}
	if h.Destination, err = parseEnd(is4, words[3], words[5]); err != nil {
		return Header{}, err
	}
	return h, nil
}

// parseEnd reads an address of the family that was announced, and a port without leading zeros.
func parseEnd(is4 bool, host, port string) (netip.AddrPort, error) {
	addr, err := netip.ParseAddr(host)
	if err != nil || addr.Is4() != is4 || addr.Zone() != "" {
		return netip.AddrPort{}, fail(ProblemLine, "%q is not an address of the family that is announced", host)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || strconv.FormatUint(number, 10) != port {
		return netip.AddrPort{}, fail(ProblemLine, "%q is not a port", port)
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(number)), nil
}
