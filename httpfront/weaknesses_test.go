package httpfront

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"penknife/configs"
	"penknife/gateway"
)

// weaknesses are the 30 things that fasthttp gets wrong or leaves to a server built on it, with what holds each here:
// "rows" are those with its number in brackets, everything else is a test in the named folder.
var weaknesses = [...]struct{ what, held string }{
	1:  {"both framings: Transfer-Encoding wins", "rows"},
	2:  {"identity is no coding", "rows"},
	3:  {"lone LF, folds", "rows"},
	4:  {"blanks in names", "rows"},
	5:  {"Connection compared as a whole", "rows"},
	6:  {"any version", "rows"},
	7:  {"Expect compared exactly, 100 before the handler", "rows"},
	8:  {"an unread body is parsed as a request", "httpfront TestUnreadBody"},
	9:  {"the end of the connection is the end of a body", "httpfront TestTruncatedBody"},
	10: {"goes on after a chunk error", "httpfront TestRowsInPieces"},
	11: {"streamed bodies have no limit", "rows"},
	12: {"bodies in memory", "internal/e2e TestLargeUpload"},
	13: {"multipart is parsed", "httpfront TestMultipartArrivesAsItIs"},
	14: {"odd Hosts, asterisk, CONNECT, fragments", "rows"},
	15: {"header map: last wins, cookies written anew", "rows"},
	16: {"X_Y is X-Y, Proxy", "rows"},
	17: {"path decoded and cleaned", "httpfront TestEnvironRows"},
	18: {"chunk sizes, extensions and trailers unchecked", "rows"},
	19: {"limits of the head", "rows"},
	20: {"one deadline for head and body", "httpfront TestSlowButSteadyBodyIsServed"},
	21: {"a client that left goes unnoticed", "httpfront TestClientLeavesDuringAnswer"},
	22: {"pipelined answers wait", "rows"},
	23: {"a panic ends the process", "httpfront TestHandlersThatMisbehave"},
	24: {"shutdown waits for idle connections", "httpfront TestShutdown"},
	25: {"too many connections: no Retry-After", "httpfront TestTooManyConnections"},
	26: {"the application's fields are changed", "httpfront TestHeadKeepsTheApplicationsFields"},
	27: {"HEAD, 204 and 304", "httpfront TestFraming"},
	28: {"its file server", "static TestNothingOutsideTheRoot"},
	29: {"hijacked connections lose bytes", "rows"},
	30: {"names without normalising frame differently", "rows"},
}

// TestWeaknessesAreHeld: each of them has a row or a test that exists.
func TestWeaknessesAreHeld(t *testing.T) {
	sources := map[string]string{}
	for number, w := range weaknesses {
		if number == 0 {
			continue
		}
		if w.held == "rows" {
			if !hasRow(fmt.Sprintf("(%d)", number)) {
				t.Errorf("%d, %s: no row", number, w.what)
			}
			continue
		}
		folder, name, _ := strings.Cut(w.held, " ")
		if sources[folder] == "" {
			sources[folder] = testSources(t, folder)
		}
		if name == "" || !strings.Contains(sources[folder], "\nfunc "+name+"(t *testing.T) {") {
			t.Errorf("%d, %s: there is no %s", number, w.what, w.held)
		}
	}
}

func hasRow(mark string) bool {
	for _, r := range rows {
		if strings.Contains(r.rule, mark) {
			return true
		}
	}
	return false
}

// testSources gives the text of all tests of a folder of the repository.
func testSources(t *testing.T, folder string) string {
	t.Helper()
	entries, err := os.ReadDir("../" + folder)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		source, err := os.ReadFile("../" + folder + "/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		text.Write(source)
	}
	return text.String()
}

// TestMultipartArrivesAsItIs: nobody takes a form apart, or repairs it, before the application does.
func TestMultipartArrivesAsItIs(t *testing.T) {
	bodies := make(chan string, 2)
	f := startFront(t, gateway.HandlerFunc(func(req *gateway.Request) (*gateway.Response, error) {
		body, err := readAll(req)
		bodies <- string(body)
		return whole(200, "", ""), err
	}), options{limits: configs.Limits{Body: 1000}})
	for _, form := range []string{
		"--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"b\"\r\n\r\nc\r\n--b--\r\n",
		"--b\nContent-Disposition: nonsense\r\n\r\n--b", // broken
	} {
		c := f.dial(t)
		c.send(fmt.Sprintf("%sContent-Type: multipart/form-data; boundary=b\r\nContent-Length: %d\r\n\r\n%s", post, len(form), form))
		if status, _ := c.response(); status != "200" {
			t.Errorf("status %s", status)
		}
		if got := <-bodies; got != form {
			t.Errorf("%q became %q", form, got)
		}
	}
}
