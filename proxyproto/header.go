package proxyproto

import "net/netip"

const (
	// MaxLine is the longest header of version 1 with its CRLF (section 2.1).
	MaxLine = 107
	// minLine is the shortest: "PROXY UNKNOWN\r\n".
	minLine = 15
	// prefaceSize is what comes before the addresses in version 2.
	prefaceSize = 16
)

const (
	linePrefix = "PROXY "
	signature  = "\r\n\r\n\x00\r\nQUIT\n"
)

// Header is what a header says.
type Header struct {
	// Version is 1 or 2.
	Version int
	// Source and Destination are the ends of the connection that is passed on, with IPv4 addresses as such. Both are
	// invalid when the header does not say: then those of this connection count.
	Source, Destination netip.AddrPort
	// Local: nobody's connection is passed on, the sender speaks for itself (a health check).
	Local bool
	// TLS: the client speaks TLS to the sender, which takes it off (PP2_TYPE_SSL).
	TLS bool
}

// Parse reads the header that b begins with. size is its length when there is no error. With ErrIncomplete it is more
// than len(b), and the header has at least so many bytes: reading up to it reads nothing behind the header. Any
// other error is an *Error, given as soon as it shows. A header of version 2 that is longer than limit is refused by what
// its first bytes announce.
func Parse(b []byte, limit int) (h Header, size int, err error) {
	switch {
	case begins(b, linePrefix):
		return parseLine(b)
	case begins(b, signature):
		return parseBinary(b, limit)
	}
	return Header{}, 0, fail(ProblemMissing, "the connection does not begin with a header")
}

// begins tells whether b and prefix agree as far as both go.
func begins(b []byte, prefix string) bool {
	n := min(len(b), len(prefix))
	return string(b[:n]) == prefix[:n]
}
