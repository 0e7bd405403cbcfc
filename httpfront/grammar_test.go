package httpfront

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// grammar makes connections out of choices: requests that are right but for a few places. Each choice is a byte; when
// they are used up the connection ends. A choice is mostly the usual piece, seldom an odd one, so that most mutations
// of the choices are still read to the end.
type grammar struct {
	choices []byte
	raw     []byte // literal bytes to strew in
	out     []byte
	odd     int // how many odd pieces there may still be in this request
}

// choicesOf gives the choices of a number.
func choicesOf(seed int) []byte {
	random := rand.New(rand.NewPCG(uint64(seed), 9112))
	choices := make([]byte, 20+random.IntN(100))
	for i := range choices {
		choices[i] = byte(random.UintN(256))
	}
	return choices
}

func (g *grammar) next() int {
	if len(g.choices) == 0 {
		return 0
	}
	b := g.choices[0]
	g.choices = g.choices[1:]
	return int(b)
}

func (g *grammar) add(pieces ...string) {
	for _, p := range pieces {
		g.out = append(g.out, p...)
	}
}

// oneOf adds one of the usual pieces, or, as long as this request may have some, an odd one.
func (g *grammar) oneOf(usual, odd []string) {
	n := g.next()
	if n >= 192 && g.odd > 0 && len(odd) > 0 {
		g.odd--
		g.add(odd[g.next()%len(odd)])
		return
	}
	g.add(usual[n%len(usual)])
}

// connection makes up to six requests.
func (g *grammar) connection() []byte {
	for range 6 {
		if len(g.choices) == 0 {
			break
		}
		g.request()
	}
	g.add(canary)
	return g.out
}

var (
	gMethods    = []string{"GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "PATCH"}
	gOddMethods = []string{"", "get", "G\x00T", "CONNECT", "TRACE", "PRI", " GET", "GET\t", "M-SEARCH", "\r\nGET", "\nGET", "\rGET", "\r\n\r\nGET", "X"}
	gTargets    = []string{"/", "/a/b?c=d", "/%41", "/a", "http://b/c", "/?"}
	gOddTargets = []string{"*", "", "/a b", "http://b:80", "a:80", "/\xff", "/#x", "/%0", "//b", "/\x00", "http://[::1]/", "/a\tb", "HTTP/1.1", "/ HTTP/1.1\r\nX:"}
	gVersions   = []string{"HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0"}
	gOddVersion = []string{"HTTP/1.2", "HTTP/2.0", "HTTP/0.9", "http/1.1", "HTTP/1.10", "HTTP/1.1 ", "HTTP/1", "HTTP/11", "", "HTTP/ 1.1", "HTTP/1.1\t", "HTTP/1.1x"}
	gBlanks     = []string{" "}
	gOddBlanks  = []string{"  ", "\t", "", "\v", "\x00", "\r\n ", " \r\n", "\xa0", "\n", "\r", "\f", ","}
	gLineEnds   = []string{"\r\n"}
	gOddEnds    = []string{"\n", "\r", "\r\r\n", "\n\r", "\r\n\r\n", "\r\n ", "\r\n\t", "", " \r\n", "\x00\r\n", "\n\n", ";\r\n", "\v\r\n", "\x85"}
	gHosts      = []string{"Host: a", "host: b:80", "HOST:a"}
	gOddHosts   = []string{"", "Host: a\r\nHost: a", "Host:", "Host: a, b", "Host: a/b", "Host : a", "Host: [::1]", "Host: a@b", "Ho st: a", "Host: \x00", "Host: a:b", " Host: a", "\tHost: a"}
	gFields     = []string{"X: y", "Accept: */*", "Connection: keep-alive", "Cookie: a=b", "X:", "Te: trailers", "Content-Type: text/plain", "X-Y:\ta b\t", "Expect: 100-continue"}
	gOddFields  = []string{
		"X : y", ": y", "X", "X\x00: y", "X: a\x00b", "X: a\rb", "X: a\nb", "X_Y: 1", "Connection: close", "Connection: close, keep-alive",
		"Connection: Transfer-Encoding", "Connection: upgrade\r\nUpgrade: h2c", "Upgrade: websocket", "Expect: x", "Content_Length: 3",
		"Transfer_Encoding: chunked", "X: y\r\n z", "X: y\r\n\tTransfer-Encoding: chunked", "X: y\nContent-Length: 3", "X: y\rContent-Length: 3",
		"Content-Length\x00: 3", "\x0bContent-Length: 3", "X: \xff", "X: \"", "\xffX: y", "X\xa0: y", "Keep-Alive: 5", "Proxy-Connection: close",
		"Trailer: X", "Content-Encoding: gzip", "Connection: close\r\nConnection: keep-alive", "X: " + strings.Repeat("y", 5000),
	}
	gCodings    = []string{"Transfer-Encoding: chunked"}
	gOddCodings = []string{
		"Transfer-Encoding: Chunked", "Transfer-Encoding:chunked", "Transfer-Encoding: chunked ", "Transfer-Encoding:\tchunked\t", "transfer-encoding: CHUNKED",
		"Transfer-Encoding : chunked", "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: chunked, gzip", "Transfer-Encoding: chunked, chunked",
		"Transfer-Encoding: identity", "Transfer-Encoding:", "Transfer-Encoding: ", "Transfer-Encoding: xchunked", "Transfer-Encoding: chunkedx",
		"Transfer-Encoding: ,chunked", "Transfer-Encoding: chunked,", "Transfer-Encoding: identity, chunked", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", "Transfer-Encoding: \"chunked\"",
		"Transfer-Encoding: chunked;q=1", "Transfer-Encoding: chunked; a", "Transfer-Encoding: \vchunked", "Transfer-Encoding: \xa0chunked", "Transfer-Encoding:\r\n chunked",
		"Transfer-Encoding: \x00chunked", "Transfer-Encoding: chun\x00ked", "Transfer-Encoding\x00: chunked", "Transfer-Encoding: chunked\r\n , identity", "Transfer\r-Encoding: chunked",
		"Transfer-Encoding: chunked\r\nContent-Length: 3", "Content-Length: 3\r\nTransfer-Encoding: chunked", "X: y\nTransfer-Encoding: chunked", "X: y\rTransfer-Encoding: chunked",
		"Transfer-Encoding: c\xcbhunked", "Transfer-Encoding: chunked\x0b", "Transfer-Encoding: chunked\x85", "Transfer-Encoding: ch\xc5\xbfunked", "Tran\xc5\xbffer-Encoding: chunked", "\nTransfer-Encoding: chunked",
	}
	gLengths    = []string{"Content-Length: %d"}
	gOddLengths = []string{
		"Content-Length: +%d", "Content-Length: -%d", "Content-Length: 0x%d", "Content-Length: 0%d", "Content-Length: %d, %[1]d", "Content-Length: %d,", "Content-Length: %d\r\nContent-Length: %[1]d",
		"Content-Length: %d\r\nContent-Length: 0", "Content-Length: 0\r\nContent-Length: %d", "Content-Length: %d ", "Content-Length:\t%d\t", "Content-Length: %d.0", "Content-Length: %de0", "Content-Length: ", "Content-Length: %d_0",
		"Content-Length : %d", "Content-Length\t: %d", "Content-Length:\r\n %d", "Content-Length: %d\r\n 0", "Content-Length: \x00%d", "Content-Length: %d\x00", "Content-Length: \v%d", "Content-Length: 1844674407370955161%d", "Content-Length: 922337203685477580%d",
		"Content-Length: \"%d\"", "Content-Length: %d;", "Content-Length: %d 0", "Content-Length: \xef\xbc\x93", "Content-Length: %d\xa0", "X: y\nContent-Length: %d", "X: y\rContent-Length: %d", "Content-Length: 00000000000000000000%d", "Content_Length: %d", "Content-Length: %d\r\nContent-Length:", "content-length: %d",
	}
	gBodies    = []string{"abc", "", "x=1&y=2", "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", "0\r\n\r\n", "\r\n", "5\r\nabcde\r\n0\r\n\r\n"}
	gSizes     = []string{"%x"}
	gOddSizes  = []string{"%X", "0%x", "0x%x", "+%x", "-%x", " %x", "%x ", "\t%x", "%x\t", "%x_0", "", "%xg", "00000000000000000000%x", "8000000000000000%x", "ffffffffffffffff%x", "1%x", "%x;", "%x\x00", "%x,1", "%x.0", "\v%x", "%x\xa0", "%x\r"}
	gExtension = []string{"", "", "", ";a", ";a=b", ";a=\"b\"", " ;a", ";a ; b"}
	gOddExts   = []string{";", ";;", ";a=", ";=b", ";a=\"b", ";a=\"\r\n\"", ";a\x00", ";\n", "; a = b", ";a=\"\\\"\"", ";a=b c", ";a\rb", ";a\nb", "a=b", ";a=\"\n\"", ";\xff", "\t;a", ";a=\"\x7f\""}
	gTrailers  = []string{"", "", "X: y\r\n", "X: y\r\nZ:\r\n"}
	gOddTrails = []string{
		"X : y\r\n", "X\r\n", " X: y\r\n", "X: y\r\n z\r\n", "X: y\n", "\n", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "Host: b\r\n", ":\r\n", "X: \x00\r\n", "X: a\rb\r\n",
		"GET / HTTP/1.1\r\n", "\r", "X_Y: 1\r\n", "Expect: 100-continue\r\n", "Connection: close\r\n", "0\r\n",
	}
	gAfter    = []string{"", "", "", "", "\r\n"}
	gOddAfter = []string{"\n", "\r", "\r\n\r\n\r\n", " ", "\x00", "x", "0\r\n\r\n", "\r\n \r\n"}
)

func (g *grammar) request() {
	g.odd = []int{0, 1, 1, 1, 2, 3}[g.next()%6]
	g.oneOf(gMethods, gOddMethods)
	g.oneOf(gBlanks, gOddBlanks)
	g.oneOf(gTargets, gOddTargets)
	g.oneOf(gBlanks, gOddBlanks)
	g.oneOf(gVersions, gOddVersion)
	g.lineEnd()
	body := gBodies[g.next()%len(gBodies)]
	framing := g.next() % 5
	fields := g.next() % 4
	at := g.next() % (fields + 1)
	for i := range fields + 1 {
		if i == at {
			g.framing(framing, body)
		}
		if i == 0 {
			g.oneOf(gHosts, gOddHosts)
			g.lineEnd()
		} else {
			g.oneOf(gFields, gOddFields)
			g.lineEnd()
		}
	}
	g.lineEnd()
	g.body(framing, body)
	g.oneOf(gAfter, gOddAfter)
	g.strew()
}

func (g *grammar) lineEnd() { g.oneOf(gLineEnds, gOddEnds) }

// framing adds the field that frames the body: none, its length, chunks, or both.
func (g *grammar) framing(kind int, body string) {
	if kind == 1 || kind == 3 {
		from := len(g.out)
		g.oneOf(gLengths, gOddLengths)
		if format := string(g.out[from:]); strings.Contains(format, "%") {
			g.out = fmt.Appendf(g.out[:from], format, len(body))
		}
		g.lineEnd()
	}
	if kind == 2 || kind == 3 && g.odd > 0 || kind == 4 {
		g.oneOf(gCodings, gOddCodings)
		g.lineEnd()
	}
}

func (g *grammar) body(kind int, body string) {
	switch kind {
	case 1, 3:
		g.add(body)
	case 2, 4:
		for len(body) > 0 {
			n := 1 + g.next()%len(body)
			g.chunk(body[:n])
			body = body[n:]
		}
		g.chunkLine(0)
		g.oneOf(gTrailers, gOddTrails)
		g.lineEnd()
	}
}

func (g *grammar) chunk(content string) {
	g.chunkLine(len(content))
	g.add(content)
	g.lineEnd()
}

func (g *grammar) chunkLine(size int) {
	from := len(g.out)
	g.oneOf(gSizes, gOddSizes)
	if format := string(g.out[from:]); strings.Contains(format, "%") {
		g.out = fmt.Appendf(g.out[:from], format, size)
	}
	g.oneOf(gExtension, gOddExts)
	g.lineEnd()
}

// strew puts some of the literal bytes somewhere into what is there.
func (g *grammar) strew() {
	if g.next() < 250 || len(g.raw) == 0 {
		return
	}
	n := 1 + g.next()%min(len(g.raw), 8)
	at := len(g.out) * g.next() / 256
	g.out = append(g.out[:at], append([]byte(string(g.raw[:n])), g.out[at:]...)...)
	g.raw = g.raw[n:]
}
