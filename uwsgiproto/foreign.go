package uwsgiproto

import "bytes"

// Protocol is what the first bytes on a connection look like.
type Protocol uint8

// The protocols that are mistaken for each other in practice.
const (
	ProtocolUwsgi Protocol = iota + 1
	ProtocolHTTP           // a request line: someone used proxy_pass, or a browser, on the uwsgi port
	ProtocolTLS            // a ClientHello: someone used suwsgi or https
)

var protocolNames = [...]string{ProtocolUwsgi: "uwsgi", ProtocolHTTP: "http", ProtocolTLS: "tls"}

// String is a short word, fit for a log or a metric label.
func (p Protocol) String() string {
	if p == 0 || int(p) >= len(protocolNames) {
		return "unknown"
	}
	return protocolNames[p]
}

// methodHeads are the first HeaderSize bytes of the request lines that clients send (RFC 9110 section 9, RFC 5789,
// WebDAV, the HTTP/2 preface). None begins with a modifier1 that this package knows.
var methodHeads = [...][]byte{
	[]byte("GET "), []byte("POST"), []byte("HEAD"), []byte("PUT "), []byte("DELE"), []byte("OPTI"), []byte("PATC"),
	[]byte("CONN"), []byte("TRAC"), []byte("PROP"), []byte("REPO"), []byte("MKCO"), []byte("PRI "),
}

// Sniff tells what the first HeaderSize bytes on a connection look like; with fewer it says ProtocolUwsgi. Read as a
// uwsgi header, an HTTP request has a modifier1 from 67 to 84 and a ClientHello has 22, which are of no use to a Python
// server, so nothing real is ever mistaken.
func Sniff(first []byte) Protocol {
	if len(first) < HeaderSize {
		return ProtocolUwsgi
	}
	first = first[:HeaderSize]
	// RFC 8446 section 5.1: handshake (22), legacy version 3.0 to 3.4, length.
	if first[0] == 22 && first[1] == 3 && first[2] <= 4 {
		return ProtocolTLS
	}
	for _, head := range methodHeads {
		if bytes.Equal(first, head) {
			return ProtocolHTTP
		}
	}
	return ProtocolUwsgi
}
