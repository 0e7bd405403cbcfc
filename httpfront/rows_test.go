package httpfront

import (
	"slices"
	"strings"
)

// row is a request as bytes, what RFC 9110 and 9112 (or the named precedent) ask for, and whether the connection may
// be used again. A refused request must not reach the handler.
type row struct {
	rule   string
	wire   string
	status string
	keeps  bool
}

const get = "GET / HTTP/1.1\r\nHost: a\r\n"

// rows are all of them. A number in brackets is one of the 30 things that fasthttp leaves to a server built on it.
var rows = slices.Concat(basicRows, lineRows, targetRows, fieldRows, framingRows, chunkRows, connectionRows)

// basicRows have something of each topic.
var basicRows = []row{
	// Requests that are right.
	{"9112 3", get + "\r\n", "200", true},
	{"9112 2.2 empty line before", "\r\n" + get + "\r\n", "200", true},
	{"9112 3 any token is a method", "get! / HTTP/1.1\r\nHost: a\r\n\r\n", "200", true},
	{"9110 5.5 obs-text in a value", get + "X: \xff\xfe\r\n\r\n", "200", true},
	{"9110 5.5 HTAB in a value", get + "X:\ta\tb\t\r\n\r\n", "200", true},
	{"9110 5.5 empty value", get + "X:\r\n\r\n", "200", true},
	{"9110 5.6.2 unusual token name", get + "X.y!#$%&'*+^`|~: 1\r\n\r\n", "200", true},
	{"9110 8.6 length of zero", get + "Content-Length: 0\r\n\r\n", "200", true},
	{"9110 9.3.1 GET with a body", get + "Content-Length: 3\r\n\r\nabc", "200", true},
	{"9112 6.1 coding in any case", get + "transfer-encoding: ChUnKeD\r\n\r\n0\r\n\r\n", "200", true},
	{"9112 3.2.1 odd path", "GET //a/../b;c?d?e=%zz HTTP/1.1\r\nHost: a\r\n\r\n", "200", true},
	{"9112 3.2.2 absolute-form", "GET http://b:81/c?d HTTP/1.1\r\nHost: a\r\n\r\n", "200", true},
	{"9112 3.2.2 absolute-form without path", "GET HTTP://b HTTP/1.1\r\nHost: a\r\n\r\n", "200", true},
	{"9112 3.2.4 asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "200", true},
	{"9112 3.2 IPv6 Host", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "200", true},
	{"9112 9.3 close", get + "Connection: close\r\n\r\n", "200", false},
	{"9112 9.3 close in a list, any case (5)", get + "Connection: foo , CLOSE\r\n\r\n", "200", false},
	{"9112 9.3 close beats keep-alive (5)", get + "Connection: close\r\nConnection: keep-alive\r\n\r\n", "200", false},
	{"9112 9.3 1.0 ends", "GET / HTTP/1.0\r\n\r\n", "200", false},
	{"9112 9.3 1.0 asks for more", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "200", true},
	{"9110 10.1.1 expectation in any case (7)", get + "Expect: 100-Continue\r\n\r\n", "200", true},
	{"9110 10.1.1 1.0 has none (7)", "GET / HTTP/1.0\r\nExpect: foo\r\n\r\n", "200", false},

	// Framing of the message.
	{"9112 6.1 both framings (1)", get + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400", false},
	{"9112 6.1 both framings, other order (1)", get + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", "400", false},
	{"9112 6.3 the last coding is not chunked: identity (2)", get + "Transfer-Encoding: identity\r\n\r\n", "400", false},
	{"9112 6.1 unknown coding", get + "Transfer-Encoding: gzip, chunked\r\n\r\n", "501", false},
	{"9112 6.1 chunked twice", get + "Transfer-Encoding: chunked, chunked\r\n\r\n", "400", false},
	{"9112 6.1 repeated field", get + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "400", false},
	{"9112 6.1 empty", get + "Transfer-Encoding:\r\n\r\n", "400", false},
	{"9112 6.1 vertical tab before", get + "Transfer-Encoding: \vchunked\r\n\r\n", "400", false},
	{"9112 6.1 no-break space before", get + "Transfer-Encoding: \xa0chunked\r\n\r\n", "400", false},
	{"9112 6.1 quoted", get + "Transfer-Encoding: \"chunked\"\r\n\r\n", "400", false},
	{"9112 6.1 in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400", false},
	{"9112 6.3 lengths differ", get + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "400", false},
	{"9112 6.3 lengths repeat", get + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "400", false},
	{"9112 6.3 list", get + "Content-Length: 3, 3\r\n\r\nabc", "400", false},
	{"9110 8.6 sign", get + "Content-Length: +3\r\n\r\nabc", "400", false},
	{"9110 8.6 negative", get + "Content-Length: -1\r\n\r\n", "400", false},
	{"9110 8.6 hexadecimal", get + "Content-Length: 0x3\r\n\r\nabc", "400", false},
	{"9110 8.6 underscore", get + "Content-Length: 1_0\r\n\r\n0123456789", "400", false},
	{"9110 8.6 empty", get + "Content-Length:\r\n\r\n", "400", false},
	{"9110 8.6 blank inside", get + "Content-Length: 1 0\r\n\r\n0123456789", "400", false},
	{"9110 8.6 overflow", get + "Content-Length: 18446744073709551617\r\n\r\nx", "400", false},
	{"9110 15.5.14 body over its limit (11)", get + "Content-Length: 1001\r\n\r\n", "413", false},
	{"16 twin of Content-Length", get + "Content_Length: 5\r\n\r\n", "200", true},

	// Lines and fields.
	{"9112 2.2 lone LF (3)", get + "X: x\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400", false},
	{"9112 2.2 only LF (3)", "GET / HTTP/1.1\nHost: a\n\n", "400", false},
	{"9112 2.2 LF ends the head (3)", get + "\n", "400", false},
	{"9112 2.2 bare CR in a value", get + "X: a\rb\r\n\r\n", "400", false},
	{"9112 2.2 bare CR before the end", get + "X: a\r\r\n\r\n", "400", false},
	{"9112 5.2 obs-fold (3)", get + "X: a\r\n b\r\n\r\n", "400", false},
	{"9112 2.2 blank before the first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", "400", false},
	{"9110 5.5 NUL in a value", get + "X: a\x00b\r\n\r\n", "400", false},
	{"9110 5.5 control character", get + "X: a\x01b\r\n\r\n", "400", false},
	{"9110 5.5 DEL", get + "X: a\x7fb\r\n\r\n", "400", false},
	{"9112 5.1 space before colon", get + "X : a\r\n\r\n", "400", false},
	{"9112 5.1 tab before colon", get + "X\t: a\r\n\r\n", "400", false},
	{"9110 5.1 blank in a name (4)", get + "Bad Header: y\r\n\r\n", "400", false},
	{"9110 5.1 empty name", get + ": a\r\n\r\n", "400", false},
	{"9110 5.1 no colon", get + "X\r\n\r\n", "400", false},
	{"9110 5.1 NUL in a name", get + "X\x00Y: a\r\n\r\n", "400", false},
	{"9110 5.1 non-ASCII name", get + "X\xc3\xa9: a\r\n\r\n", "400", false},
	{"9110 5.1 quote in a name", get + "X\"Y: a\r\n\r\n", "400", false},
	{"9110 8.3 repeated Content-Type (15)", get + "Content-Type: a/b\r\nContent-Type: a/b\r\n\r\n", "400", false},

	// Host.
	{"9112 3.2 no Host", "GET / HTTP/1.1\r\n\r\n", "400", false},
	{"9112 3.2 empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "400", false},
	{"9112 3.2.2 empty Host with absolute-form is ignored", "GET http://a/ HTTP/1.1\r\nHost:\r\n\r\n", "200", true},
	{"9112 3.2.2 empty Host with absolute-form in 1.0", "GET http://a/ HTTP/1.0\r\nHost:\r\n\r\n", "200", false},
	{"9112 3.2 repeated Host", get + "Host: a\r\n\r\n", "400", false},
	{"9112 3.2 repeated Host in 1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", "400", false},
	{"9112 3.2 no Host with absolute-form", "GET http://a/ HTTP/1.1\r\n\r\n", "400", false},
	{"3986 3.2 user in Host (14)", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", "400", false},
	{"3986 3.2 path in Host (14)", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400", false},
	{"3986 3.2 blank in Host (14)", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400", false},
	{"3986 3.2 backslash in Host (14)", "GET / HTTP/1.1\r\nHost: a\\b\r\n\r\n", "400", false},
	{"3986 3.2.3 port", "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", "400", false},
	{"3986 3.2.3 two ports", "GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n", "400", false},
	{"3986 3.2.2 open bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "400", false},
	{"3986 3.2.2 after the bracket", "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", "400", false},

	// Request line.
	{"9112 2.3 HTTP/0.9", "GET /\r\n\r\n", "400", false},
	{"9110 15.6.6 HTTP/2.0 (6)", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", "505", false},
	{"9110 15.6.6 HTTP/0.9 (6)", "GET / HTTP/0.9\r\nHost: a\r\n\r\n", "505", false},
	{"9110 6.2 HTTP/1.2 is read as 1.1 (6)", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", "200", true},
	{"9113 3.4 preface (6)", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505", false},
	{"9112 2.3 version of another form", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", "400", false},
	{"9112 2.3 version in lower case", "GET / http/1.1\r\nHost: a\r\n\r\n", "400", false},
	{"9112 3 two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "400", false},
	{"9112 3 two spaces before the version", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", "400", false},
	{"9112 3 space at the end", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", "400", false},
	{"9112 3 tab", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", "400", false},
	{"9112 3 space in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", "400", false},
	{"9112 3.1 no method", " / HTTP/1.1\r\nHost: a\r\n\r\n", "400", false},
	{"9112 3.1 bad method", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", "400", false},
	{"9112 3.1 long method (19)", strings.Repeat("A", 33) + " / HTTP/1.1\r\nHost: a\r\n\r\n", "501", false},
	{"9112 3.2.3 CONNECT (14)", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", "501", false},
	{"9112 3.2.4 asterisk for GET (14)", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", "400", false},
	{"9112 3.2 fragment (14)", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", "400", false},
	{"9112 3.2 relative", "GET a HTTP/1.1\r\nHost: a\r\n\r\n", "400", false},
	{"9112 3.2.2 other scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "400", false},
	{"9112 3.2.2 no authority", "GET http:///b HTTP/1.1\r\nHost: a\r\n\r\n", "400", false},
	{"9112 3.2.2 user in the authority", "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", "400", false},
	{"3986 2.1 bad escape, as nginx", "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", "400", false},
	{"3986 2.1 cut escape, as nginx", "GET /%4 HTTP/1.1\r\nHost: a\r\n\r\n", "400", false},
	{"3986 7.3 encoded NUL", "GET /a%00b HTTP/1.1\r\nHost: a\r\n\r\n", "400", false},
	{"9112 3 NUL in the target", "GET /a\x00b HTTP/1.1\r\nHost: a\r\n\r\n", "400", false},
	{"a TLS greeting", "\x16\x03\x01\x02\x00\x01", "400", false},
	{"a uwsgi packet", "\x00\x10\x00\x00\x0e\x00REQUEST_METHOD", "400", false},

	// Limits of the head (19) and expectations (7).
	{"9112 3 long line", "GET /" + strings.Repeat("a", 2000) + " HTTP/1.1\r\nHost: a\r\n\r\n", "414", false},
	{"9112 3 long line without end", "GET /" + strings.Repeat("a", 3000), "414", false},
	{"6585 5 large head", get + "X: " + strings.Repeat("a", 9000) + "\r\n\r\n", "431", false},
	{"6585 5 large head without end", get + "X: " + strings.Repeat("a", 10000), "431", false},
	{"6585 5 many fields", get + strings.Repeat("X: a\r\n", 20) + "\r\n", "431", false},
	{"9110 10.1.1 unknown expectation (7)", get + "Expect: coffee\r\n\r\n", "417", false},
	{"9110 10.1.1 413 before 100 (7)", get + "Content-Length: 1001\r\nExpect: 100-continue\r\n\r\n", "413", false},

	// Chunked bodies (18).
	{"9112 7.1", get + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n000\r\n\r\n", "200", true},
	{"9112 7.1.1 extensions", get + "Transfer-Encoding: chunked\r\n\r\n1;a;b=c ; d = \"e\\\"f\"\r\nx\r\n0;z\r\n\r\n", "200", true},
	{"9112 7.1.2 trailer", get + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\n", "200", true},
	{"9112 7.1 blank after the size (18)", get + "Transfer-Encoding: chunked\r\n\r\n1 \r\nx\r\n0\r\n\r\n", "400", false},
	{"9112 7.1 blank before the size", get + "Transfer-Encoding: chunked\r\n\r\n 1\r\nx\r\n0\r\n\r\n", "400", false},
	{"9112 7.1 sign", get + "Transfer-Encoding: chunked\r\n\r\n+1\r\nx\r\n0\r\n\r\n", "400", false},
	{"9112 7.1 prefix", get + "Transfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n0\r\n\r\n", "400", false},
	{"9112 7.1 no size", get + "Transfer-Encoding: chunked\r\n\r\n\r\nx\r\n0\r\n\r\n", "400", false},
	{"9112 7.1 only an extension", get + "Transfer-Encoding: chunked\r\n\r\n;a\r\nx\r\n0\r\n\r\n", "400", false},
	{"9112 7.1 size overflows", get + "Transfer-Encoding: chunked\r\n\r\n10000000000000001\r\nx\r\n0\r\n\r\n", "400", false},
	{"9112 7.1 content longer than its size", get + "Transfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n", "400", false},
	{"9112 7.1 LF after the size", get + "Transfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n", "400", false},
	{"9112 7.1 LF after the content", get + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\n0\r\n\r\n", "400", false},
	{"9112 7.1.1 NUL in an extension", get + "Transfer-Encoding: chunked\r\n\r\n1;a\x00\r\nx\r\n0\r\n\r\n", "400", false},
	{"9112 7.1.1 CR in an extension", get + "Transfer-Encoding: chunked\r\n\r\n1;a\rb\r\nx\r\n0\r\n\r\n", "400", false},
	{"9112 7.1.1 extension without name", get + "Transfer-Encoding: chunked\r\n\r\n1;\r\nx\r\n0\r\n\r\n", "400", false},
	{"9112 7.1.1 open quote", get + "Transfer-Encoding: chunked\r\n\r\n1;a=\"b\r\nx\r\n0\r\n\r\n", "400", false},
	{"9112 7.1.1 long extension", get + "Transfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("a", 2000) + "\r\nx\r\n0\r\n\r\n", "400", false},
	{"9112 7.1.2 LF in the trailer", get + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: 1\n\r\n", "400", false},
	{"9112 7.1.2 bad trailer", get + "Transfer-Encoding: chunked\r\n\r\n0\r\nX 1\r\n\r\n", "400", false},
	{"9110 6.5.1 framing in the trailer", get + "Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 1\r\n\r\n", "400", false},
	{"9112 7.1.2 endless trailer", get + "Transfer-Encoding: chunked\r\n\r\n0\r\n" + strings.Repeat("X: 1\r\n", 2500), "400", false},
	{"9110 15.5.14 chunks over the limit", get + "Transfer-Encoding: chunked\r\n\r\n3e8\r\n" + strings.Repeat("x", 1000) + "\r\n1\r\n", "413", false},
	{"9110 15.5.14 announced chunk over the limit", get + "Transfer-Encoding: chunked\r\n\r\n3e9\r\n", "413", false},
}
