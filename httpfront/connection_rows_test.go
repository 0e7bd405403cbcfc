package httpfront

// connectionRows are about whether the connection goes on: RFC 9112 section 9, RFC 9110 section 7.6.1. In every row a
// second request follows in the same packet, so a row that keeps the connection is one of pipelining (section 9.3.2).
var connectionRows = []row{
	{"9112 9.3 keep-alive in 1.1", get + "Connection: keep-alive\r\n\r\n", "200", true},
	{"9112 9.3 close in upper case (5)", get + "Connection: CLOSE\r\n\r\n", "200", false},
	{"9112 9.3 close, keep-alive (5)", get + "Connection: close, keep-alive\r\n\r\n", "200", false},
	{"9112 9.3 keep-alive, close (5)", get + "Connection: keep-alive, close\r\n\r\n", "200", false},
	{"9112 9.3 keep-alive and then close (5)", get + "Connection: keep-alive\r\nConnection: close\r\n\r\n", "200", false},
	{"9112 9.3 close among empty elements (5)", get + "Connection: ,\t, close ,\r\n\r\n", "200", false},
	{"9112 9.3 a word that contains close", get + "Connection: closed\r\n\r\n", "200", true},
	{"9112 9.3 close with a parameter is another option", get + "Connection: close;x\r\n\r\n", "200", true},
	{"9112 9.3 quoted close is another option", get + "Connection: \"close\"\r\n\r\n", "200", true},
	{"9112 9.3 empty Connection", get + "Connection:\r\n\r\n", "200", true},
	{"9112 9.3 a twin of Connection does not count", get + "Connection_: close\r\n\r\n", "200", true},
	{"9112 9.3 Proxy-Connection does not count", get + "Proxy-Connection: close\r\n\r\n", "200", true},
	{"9112 9.3 Keep-Alive alone does not count", "GET / HTTP/1.0\r\nKeep-Alive: timeout=5\r\n\r\n", "200", false},
	{"9112 9.3 1.0 with an unknown option", "GET / HTTP/1.0\r\nConnection: x\r\n\r\n", "200", false},
	{"9112 9.3 1.0 with close and keep-alive", "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", "200", false},
	{"9112 9.3 1.0 with keep-alive in a list", "GET / HTTP/1.0\r\nConnection: x, keep-alive\r\n\r\n", "200", true},
	{"9112 9.3 1.0 with keep-alive in the second field", "GET / HTTP/1.0\r\nConnection: x\r\nConnection: keep-alive\r\n\r\n", "200", true},
	{"9112 9.3 1.0 with keep-alive behind an odd option", "GET / HTTP/1.0\r\nConnection: keep-alive;\r\nConnection: keep-alive\r\n\r\n", "200", true},
	{"9112 9.3 1.0 with Host", "GET / HTTP/1.0\r\n" + host, "200", false},
	{"9112 9.3 1.0 HEAD that goes on", "HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "200", true},
	{"9112 9.6 close after a body", post + "Connection: close\r\nContent-Length: 3\r\n\r\nabc", "200", false},
	{"9112 9.6 close after chunks", post + "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", "200", false},
	{"9112 9.3.2 an empty line between requests (22)", post + "Content-Length: 3\r\n\r\nabc\r\n", "200", true},
	{"9112 9.3.2 an empty line after chunks (22)", coding + "1\r\nx\r\n0\r\n\r\n\r\n", "200", true},
	{"9112 9.3.2 a byte after the body is the next request's", post + "Content-Length: 3\r\n\r\nabcX", "200", true},
}
