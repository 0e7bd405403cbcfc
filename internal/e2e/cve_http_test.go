package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// attacked begins a request whose framing the attacks forge.
const attacked = "POST /attack HTTP/1.1\r\nHost: x\r\n"

// TestCVE_2024_1135_TransferEncodingFallback: gunicorn took Content-Length when Transfer-Encoding was one that it did not
// know (CVE-2024-6827: several; waitress CVE-2019-16786: not compared as a token); anything but one exact "chunked",
// and both fields together, must end the connection.
func TestCVE_2024_1135_TransferEncodingFallback(t *testing.T) {
	s := serve(t, "attacked:application", testkit.Options{})
	both := func(coding string, status int) attack {
		return attack{coding, attacked + "Content-Length: 5\r\nTransfer-Encoding: " + coding + "\r\n\r\n0\r\n\r\n" + smuggled, status}
	}
	only := func(coding string, status int) attack {
		return attack{"only " + coding, attacked + "Transfer-Encoding: " + coding + "\r\n\r\n0\r\n\r\n" + smuggled, status}
	}
	checkRefused(t, s, []attack{
		both("chunked", 400), both("chunked,gzip", 400), both("foo", 400), both("identity", 400),
		only("chunked,gzip", 400), only("xchunked", 400), only("chunked, chunked", 400), only("identity, chunked", 501),
		only("chunked;q=1", 400), only("\"chunked\"", 400),
		{"two fields", attacked + "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, 400},
		{"two fields, other order", attacked + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + smuggled, 400},
	})
	t.Run("behind nginx", func(t *testing.T) { checkChain(t, s) })
}

// checkChain sends the attack through nginx over one kept connection: whatever of it nginx lets through, both count the
// same requests.
func checkChain(t *testing.T, s *testkit.Server) {
	nginx := testkit.Nginx(t, "upstream app { server "+s.HTTP+"; keepalive 1; }",
		`location / { proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_request_buffering off; }`)
	hidden := "0\r\n\r\n" + smuggled
	for _, fields := range []string{"Transfer-Encoding: chunked,gzip\r\n", "Transfer-Encoding: \vchunked\r\n", "X: y\r\nTransfer_Encoding: chunked\r\n"} {
		wire := fmt.Sprintf("%sContent-Length: %d\r\n%s\r\n%s", attacked, len(hidden), fields, hidden)
		exchangeRaw(t, nginx.Client(), wire)
		nginx.Client().Get(t, "/next")
		if got := seen(t, s); strings.Contains(got, "/smuggled,") || !strings.Contains(got, "GET /next, body b''") {
			t.Errorf("%q: the application saw %s", fields, got)
		}
	}
}

// TestCVE_gunicorn_2026_08_UnicodeBlanks: gunicorn trimmed values with str.strip, which takes more than RFC 9110's OWS;
// only SP and HTAB may be taken off.
func TestCVE_gunicorn_2026_08_UnicodeBlanks(t *testing.T) {
	s := serve(t, "attacked:application", testkit.Options{})
	var attacks []attack
	for name, blank := range map[string]string{"no-break": "\xa0", "next line": "\x85", "UTF-8": "\xc2\xa0"} {
		attacks = append(attacks,
			attack{name + " before chunked", attacked + "Transfer-Encoding: " + blank + "chunked\r\n\r\n0\r\n\r\n" + smuggled, 400},
			attack{name + " after chunked", attacked + "Transfer-Encoding: chunked" + blank + "\r\n\r\n0\r\n\r\n" + smuggled, 400},
			attack{name + " before a length", attacked + "Content-Length: " + blank + "5\r\n\r\n0\r\n\r\n" + smuggled, 400})
	}
	checkRefused(t, s, attacks)
}

// TestCVE_2019_16785_LoneLineFeed: waitress took a lone LF for the end of a line, its proxies did not; only CRLF may end
// one.
func TestCVE_2019_16785_LoneLineFeed(t *testing.T) {
	checkRefused(t, serve(t, "attacked:application", testkit.Options{}), []attack{
		{"hidden coding", "POST /attack HTTP/1.1\r\nHost: x\r\nX: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, 400},
		{"hidden length", "POST /attack HTTP/1.1\r\nHost: x\r\nX: y\nContent-Length: 35\r\n\r\n" + smuggled, 400},
		{"end of the head", "GET /attack HTTP/1.1\r\nHost: x\r\n\n" + smuggled, 400},
		{"request line", "GET /attack HTTP/1.1\nHost: x\r\n\r\n" + smuggled, 400},
		{"bare CR", "GET /attack HTTP/1.1\r\nHost: x\r\nX: y\rTransfer-Encoding: chunked\r\n\r\n" + smuggled, 400},
	})
}

// TestCVE_2019_16789_ExoticBlanks: waitress stripped vertical tabs and form feeds off values, so that a field that its
// proxy did not understand became a framing one.
func TestCVE_2019_16789_ExoticBlanks(t *testing.T) {
	var attacks []attack
	for _, blank := range []string{"\v", "\f", "\x1c", "\x00"} {
		attacks = append(attacks,
			attack{fmt.Sprintf("%q before chunked", blank), attacked + "Transfer-Encoding: " + blank + "chunked\r\n\r\n0\r\n\r\n" + smuggled, 400},
			attack{fmt.Sprintf("%q after a length", blank), attacked + "Content-Length: 5" + blank + "\r\n\r\n0\r\n\r\n" + smuggled, 400},
			attack{fmt.Sprintf("%q in a name", blank), attacked + "Transfer-Encoding" + blank + ": chunked\r\n\r\n0\r\n\r\n" + smuggled, 400})
	}
	checkRefused(t, serve(t, "attacked:application", testkit.Options{}), attacks)
}

// TestCVE_2019_16792_TwoLengths: waitress took the first of two Content-Length, or none of them when they were joined.
func TestCVE_2019_16792_TwoLengths(t *testing.T) {
	checkRefused(t, serve(t, "attacked:application", testkit.Options{}), []attack{
		{"different", attacked + "Content-Length: 0\r\nContent-Length: 35\r\n\r\n" + smuggled, 400},
		{"same", attacked + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nab" + smuggled, 400},
		{"list", attacked + "Content-Length: 2, 2\r\n\r\nab" + smuggled, 400},
	})
}

// TestCVE_2022_24761_PythonNumbers: waitress read lengths with int(), which takes signs, blanks, underscores and other
// scripts' digits, and let anything follow a chunk size.
func TestCVE_2022_24761_PythonNumbers(t *testing.T) {
	s := serve(t, "attacked:application", testkit.Options{})
	var attacks []attack
	for _, length := range []string{"+5", "-0", "0x5", "1_0", "5 ;", "5.0", "5e0", "٥", "0o5", "18446744073709551621"} {
		attacks = append(attacks, attack{"length " + length, attacked + "Content-Length: " + length + "\r\n\r\n0\r\n\r\n" + smuggled, 400})
	}
	for _, size := range []string{"+5", "-5", "0x5", "1_0", " 5", "5 5", "", "٥", "5;", "5;=x", "5;a=\"\x00\"", "5\x00", "10000000000000005"} {
		attacks = append(attacks, attack{"chunk " + size,
			attacked + "Transfer-Encoding: chunked\r\n\r\n" + size + "\r\nabcde\r\n0\r\n\r\n" + smuggled, 400})
	}
	checkRefused(t, s, attacks)
}

// TestCVE_2024_49768_PipelinedAfterTheEnd: waitress still ran a pipelined request on a connection that the request before
// had ended.
func TestCVE_2024_49768_PipelinedAfterTheEnd(t *testing.T) {
	s := serve(t, "attacked:application", testkit.Options{})
	seen(t, s)
	for name, first := range map[string]string{
		"close":         "GET /first HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		"1.0":           "GET /first HTTP/1.0\r\n\r\n",
		"close in list": "GET /first HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Close\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			exchangeRaw(t, testkit.HTTPClient(s.HTTP), first+smuggled)
			if got := seen(t, s); got != "GET /first, body b''" {
				t.Errorf("the application saw %s", got)
			}
		})
	}
}

// TestCVE_2024_49769_HalfOpenSockets: waitress turned in a busy loop on a socket whose client had left before it was
// served (CVE-2022-31015: was closed under the loop); clients that leave early must cost no time.
func TestCVE_2024_49769_HalfOpenSockets(t *testing.T) {
	s := serve(t, "attacked:application", testkit.Options{Config: "limits: {header_timeout: 1s}\n"})
	var open []*testkit.Exchange
	for i := range 60 {
		exchange, err := s.Fronts()[i%2].Dial()
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, exchange)
		switch i % 3 {
		case 0:
			_ = exchange.Close()
		case 1:
			closeWrite(t, exchange)
		default:
			_, _ = exchange.Write([]byte("\x00"))
		}
	}
	before := testkit.CPUTime(t, s.PID())
	began := time.Now()
	for i, exchange := range open { // a second, until header_timeout ends the last of them
		if i%3 == 2 {
			_, _ = exchange.ReceiveHead()
		}
		_ = exchange.Close()
	}
	if waited, used := time.Since(began), testkit.CPUTime(t, s.PID())-before; used > 300*time.Millisecond || waited < 500*time.Millisecond {
		t.Errorf("%v of processor time in %v", used, waited)
	}
	expectStatus(t, testkit.HTTPClient(s.HTTP).Get(t, "/"), 200)
}

// TestCVE_2020_5236_CostOfFields: a regular expression of waitress took exponential time for a field with a control
// character at its end; the cost of a refusal must not grow faster than its bytes.
func TestCVE_2020_5236_CostOfFields(t *testing.T) {
	s := serve(t, "attacked:application", testkit.Options{})
	before := testkit.CPUTime(t, s.PID())
	var attacks []attack
	for name, value := range map[string]string{
		"letters": strings.Repeat("x", 60000) + "\x10", "blanks": strings.Repeat(" ", 60000) + "\x10",
		"both": strings.Repeat("x ", 30000) + "\x10", "quotes": strings.Repeat("\"\\", 30000) + "\x10",
	} {
		attacks = append(attacks, attack{name, "GET /attack HTTP/1.1\r\nHost: x\r\nBad: " + value + "\r\n\r\n", 400})
	}
	checkRefused(t, s, attacks)
	if used := testkit.CPUTime(t, s.PID()) - before; used > time.Second {
		t.Errorf("%v of processor time", used)
	}
}

// TestCVE_cheroot_714_BlankBeforeColon: cheroot takes "Name : value" for a field, and RFC 9112 section 5.1 asks for 400.
func TestCVE_cheroot_714_BlankBeforeColon(t *testing.T) {
	checkRefused(t, serve(t, "attacked:application", testkit.Options{}), []attack{
		{"coding", attacked + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + smuggled, 400},
		{"length", attacked + "Content-Length\t: 36\r\n\r\n" + smuggled, 400},
	})
}

// TestCVE_2023_39326_CostOfChunkExtensions: Go let a sender spend a long extension on each byte of content; an extension
// must have a bound.
func TestCVE_2023_39326_CostOfChunkExtensions(t *testing.T) {
	checkRefused(t, serve(t, "attacked:application", testkit.Options{}), []attack{
		{"long extension", attacked + "Transfer-Encoding: chunked\r\n\r\n1;a=" + strings.Repeat("b", 100_000) + "\r\nx\r\n0\r\n\r\n" + smuggled, 400},
		{"many extensions", attacked + "Transfer-Encoding: chunked\r\n\r\n1" + strings.Repeat(";a=b", 25_000) + "\r\nx\r\n0\r\n\r\n" + smuggled, 400},
		{"many chunks with one", attacked + "Transfer-Encoding: chunked\r\n\r\n" +
			strings.Repeat("1;a="+strings.Repeat("b", 200)+"\r\nx\r\n", 5_000) + "0\r\n\r\n" + smuggled, 400},
	})
}

// TestCVE_2025_22871_LoneLineFeedInChunks: Go took a lone LF for the end of a chunk-size line, its proxies took it for a
// part of an extension.
func TestCVE_2025_22871_LoneLineFeedInChunks(t *testing.T) {
	chunked := attacked + "Transfer-Encoding: chunked\r\n\r\n"
	checkRefused(t, serve(t, "attacked:application", testkit.Options{}), []attack{
		{"in an extension", chunked + "2;\nab\r\n0\r\n\r\n" + smuggled, 400},
		{"after the size", chunked + "2\nab\r\n0\r\n\r\n" + smuggled, 400},
		{"after the content", chunked + "2\r\nab\n0\r\n\r\n" + smuggled, 400},
		{"after the last chunk", chunked + "2\r\nab\r\n0\n\r\n" + smuggled, 400},
		{"in the trailer", chunked + "0\r\nX: y\nZ: z\r\n\r\n" + smuggled, 400},
		{"content beyond the chunk", chunked + "2\r\nabXX0\r\n\r\n" + smuggled, 400},
	})
}

// TestCVE_2023_40225_EmptyLength: HAProxy passed an empty Content-Length on, which servers read as 0 or as missing.
func TestCVE_2023_40225_EmptyLength(t *testing.T) {
	checkRefused(t, serve(t, "attacked:application", testkit.Options{}), []attack{
		{"empty", attacked + "Content-Length:\r\n\r\n" + smuggled, 400},
		{"blanks", attacked + "Content-Length: \t \r\n\r\n" + smuggled, 400},
		{"empty beside another", attacked + "Content-Length:\r\nContent-Length: 35\r\n\r\n" + smuggled, 400},
	})
}

// TestCVE_2023_25725_EmptyName: a field without a name ended HAProxy's list of fields, so that it lost those behind it.
func TestCVE_2023_25725_EmptyName(t *testing.T) {
	checkRefused(t, serve(t, "attacked:application", testkit.Options{}), []attack{
		{"before the length", attacked + ":\r\nContent-Length: 35\r\n\r\n" + smuggled, 400},
		{"with a value", attacked + ": y\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, 400},
		{"a blank name", attacked + " : y\r\nContent-Length: 35\r\n\r\n" + smuggled, 400},
	})
}

// TestCVE_fasthttp_Leniency: what fasthttp accepted until single issues were fixed (versions 1703, both framings 1719,
// CR and NUL in fields 1785 and 1794, repeated Transfer-Encoding 2303) never reaches it here.
func TestCVE_fasthttp_Leniency(t *testing.T) {
	checkRefused(t, serve(t, "attacked:application", testkit.Options{}), []attack{
		{"1703 version", "GET /attack HTTP/9.9\r\nHost: x\r\n\r\n" + smuggled, 505},
		{"1703 no version", "GET /attack\r\nHost: x\r\n\r\n" + smuggled, 400},
		{"1719 both framings", attacked + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + smuggled, 400},
		{"1785 NUL in a name", "GET /attack HTTP/1.1\r\nHost: x\r\nX\x00Y: z\r\n\r\n" + smuggled, 400},
		{"1785 CR in a name", "GET /attack HTTP/1.1\r\nHost: x\r\nX\rY: z\r\n\r\n" + smuggled, 400},
		{"1794 NUL in a value", "GET /attack HTTP/1.1\r\nHost: x\r\nX: y\x00z\r\n\r\n" + smuggled, 400},
		{"2303 repeated coding", attacked + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, 400},
	})
}

// TestCVE_fasthttp_2368_UnreadBodyIsNoRequest: fasthttp parsed what a handler had left of a streamed body as the next
// request; the rest of a body must be thrown away, and the next request is what follows it.
func TestCVE_fasthttp_2368_UnreadBodyIsNoRequest(t *testing.T) {
	s := serve(t, "attacked:application", testkit.Options{})
	seen(t, s)
	for _, padding := range []int{0, 1000, 300_000} {
		body := strings.Repeat("x", padding) + smuggled
		for name, wire := range map[string]string{
			"length":  fmt.Sprintf("POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body),
			"chunked": fmt.Sprintf("POST /unread HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body),
		} {
			t.Run(fmt.Sprintf("%s %d", name, padding), func(t *testing.T) {
				exchangeRaw(t, testkit.HTTPClient(s.HTTP), wire+"GET /next HTTP/1.1\r\nHost: x\r\n\r\n")
				if got := seen(t, s); got != "POST /unread, GET /next, body b''" {
					t.Errorf("the application saw %s", got)
				}
			})
		}
	}
}

// TestCVE_2019_20372_ErrorAnswersToBodies: nginx answered some requests with an error page before their body and read the
// body as the next request.
func TestCVE_2019_20372_ErrorAnswersToBodies(t *testing.T) {
	s := serve(t, "attacked:application", testkit.Options{Config: "limits: {body: 100}\nstatic: [{url: /static/, root: " + staticTree(t) + "}]\n"})
	long := strings.Repeat("y", 200) + smuggled
	length := fmt.Sprintf("Content-Length: %d\r\n\r\n", len(long))
	checkRefused(t, s, []attack{
		{"413", attacked + length + long + smuggled, 413},
		{"400", attacked + "Bad Name: x\r\n" + length + long + smuggled, 400},
		{"417", attacked + "Expect: nothing\r\n" + length + long + smuggled, 417},
		{"501", attacked + "Transfer-Encoding: gzip, chunked\r\n\r\n" + smuggled, 501},
		{"405 for a file", "POST /static/small.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 35\r\n\r\n" + smuggled, 405},
		{"404 for a file", "GET /static/none HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 35\r\n\r\n" + smuggled, 404},
	})
	t.Run("404 that goes on", func(t *testing.T) {
		got := exchangeRaw(t, testkit.HTTPClient(s.HTTP),
			fmt.Sprintf("GET /static/none HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(smuggled), smuggled))
		if reached := seen(t, s); reached != "" || strings.Count(got, "HTTP/1.1 ") != 1 {
			t.Errorf("the application saw %s after %q", reached, got)
		}
	})
}
