package httpfront

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"testing"

	"penknife/configs"
	"penknife/gateway"
)

// canary follows every row in the same packet. After a row that ends the connection nobody may interpret it.
const canary = "GET /canary HTTP/1.1\r\nHost: a\r\n\r\n"

var rowLimits = configs.Limits{RequestLine: 2000, HeaderBlock: 8192, HeaderCount: 20, Body: 1000}

// calls is a handler that echoes, and keeps the requests that it read completely.
type calls struct {
	mu   sync.Mutex
	seen []string
}

func (l *calls) Serve(req *gateway.Request) (*gateway.Response, error) {
	resp, err := echo.Serve(req)
	if err == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.seen = append(l.seen, string(req.Method)+" "+string(req.Target))
	}
	return resp, err
}

// take gives the calls since the last take.
func (l *calls) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen := l.seen
	l.seen = nil
	return seen
}

func TestRows(t *testing.T) {
	log := &calls{}
	f := startFront(t, log, options{limits: rowLimits})
	for _, r := range rows {
		t.Run(r.rule, func(t *testing.T) {
			checkRow(t, f, r)
			want := 0
			if r.status == "200" {
				want++
			}
			if r.keeps {
				want += 2
			}
			if seen := log.take(); len(seen) != want {
				t.Errorf("the handler saw %q, want %d requests", seen, want)
			}
		})
	}
}

// TestRowsBehindLargeHead sends what is right behind a field that makes the head larger than fasthttp's buffer.
func TestRowsBehindLargeHead(t *testing.T) {
	f := startFront(t, echo, options{limits: configs.Limits{RequestLine: 2000, HeaderBlock: 16384, HeaderCount: 21, Body: 1000}})
	for _, r := range rows {
		line, rest, _ := strings.Cut(strings.TrimLeft(r.wire, "\r\n"), "\r\n")
		if r.status != "200" {
			continue
		}
		r.wire = line + "\r\nX-Large: " + strings.Repeat("a", engineReadBuffer) + "\r\n" + rest
		t.Run(r.rule, func(t *testing.T) { checkRow(t, f, r) })
	}
}

// checkRow sends a row and the canary, and looks at the answer and at what becomes of the connection.
func checkRow(t *testing.T, f *front, r row) {
	t.Helper()
	c := f.dial(t)
	io.WriteString(c.Conn, r.wire+canary) // may fail when the server has closed already
	head := c.head()
	if head[9:12] != r.status {
		t.Fatalf("status %s, want %s", head[9:12], r.status)
	}
	if closes := strings.Contains(head, "Connection: close\r\n"); closes == r.keeps {
		t.Errorf("head %q; the connection should be kept: %v", head, r.keeps)
	}
	if !strings.HasPrefix(r.wire, "HEAD ") {
		c.skip(head)
	}
	if !r.keeps {
		c.ended()
		return
	}
	if status, body := c.response(); status != "200" || !strings.HasSuffix(body, "GET /canary []") {
		t.Errorf("the canary got %s %q", status, body)
	}
	c.send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
	if status, body := c.response(); status != "200" || body != "GET /next []" {
		t.Errorf("the next request got %s %q", status, body)
	}
}

// skip reads the body of the answer whose head is given.
func (c *client) skip(head string) {
	c.t.Helper()
	var n int64
	_, length, _ := strings.Cut(head, "Content-Length: ")
	if _, err := fmt.Sscan(length, &n); err != nil {
		c.t.Fatalf("%q: %v", head, err)
	}
	if _, err := io.CopyN(io.Discard, c.Reader, n); err != nil {
		c.t.Fatal(err)
	}
}

// pieceConn is a connection in memory whose client sends the given pieces, each a packet, and then stops.
type pieceConn struct {
	loopConn
	pieces [][]byte
	answer bytes.Buffer
}

func (p *pieceConn) Read(b []byte) (int, error) {
	for len(p.pieces) > 0 && len(p.pieces[0]) == 0 {
		p.pieces = p.pieces[1:]
	}
	if len(p.pieces) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.pieces[0])
	p.pieces[0] = p.pieces[0][n:]
	return n, nil
}

func (p *pieceConn) Write(b []byte) (int, error) { return p.answer.Write(b) }

var statusLine = regexp.MustCompile(`HTTP/1\.1 ([2-5]\d\d) `)

// deliver serves a connection that sends wire in the given pieces. It tells the statuses of the answers and the
// requests that reached the handler.
func deliver(t testing.TB, s *Server, log *calls, pieces [][]byte) string {
	pc := &pieceConn{pieces: pieces}
	c := newConn(s, pc)
	s.open.Add(1)
	s.conns.add(c)
	s.serve(c)
	statuses := []string{}
	for _, found := range statusLine.FindAllStringSubmatch(pc.answer.String(), -1) {
		statuses = append(statuses, found[1])
	}
	return fmt.Sprintf("%q %q", statuses, log.take())
}

// cut splits wire after each of the given positions.
func cut(wire string, at func(i int) bool) [][]byte {
	var pieces [][]byte
	from := 0
	for i := 1; i < len(wire); i++ {
		if at(i) {
			pieces = append(pieces, []byte(wire[from:i]))
			from = i
		}
	}
	return append(pieces, []byte(wire[from:]))
}

func whatever(int) bool { return false }

// TestRowsInPieces: how the bytes of a row are spread over packets does not change the answer.
func TestRowsInPieces(t *testing.T) {
	log := &calls{}
	s := newRowServer(t, log)
	random := rand.New(rand.NewPCG(9112, 9110))
	for _, r := range rows {
		t.Run(r.rule, func(t *testing.T) {
			wire := r.wire + canary
			want := deliver(t, s, log, cut(wire, whatever))
			if !strings.HasPrefix(want, `["`+r.status) {
				t.Fatalf("in one packet: %s", want)
			}
			if got := deliver(t, s, log, cut(wire, func(int) bool { return true })); got != want {
				t.Errorf("byte by byte: %s, in one packet: %s", got, want)
			}
			if len(wire) < 1000 {
				for at := 1; at < len(wire); at++ {
					if got := deliver(t, s, log, cut(wire, func(i int) bool { return i == at })); got != want {
						t.Errorf("%q | %q: %s, in one packet: %s", wire[:at], wire[at:], got, want)
					}
				}
			}
			for range 20 {
				mean := 1 + random.IntN(40)
				pieces := cut(wire, func(int) bool { return random.IntN(mean) == 0 })
				if got := deliver(t, s, log, pieces); got != want {
					t.Errorf("%q: %s, in one packet: %s", pieces, got, want)
				}
			}
		})
	}
}

// TestRowsUnread: an application that does not read the body is not told what is wrong with it, but what follows is as
// little a request as when it does.
func TestRowsUnread(t *testing.T) {
	log := &calls{}
	s := newRowServer(t, gateway.HandlerFunc(func(req *gateway.Request) (*gateway.Response, error) {
		log.mu.Lock()
		defer log.mu.Unlock()
		log.seen = append(log.seen, string(req.Target))
		return whole(200, "", ""), nil
	}))
	reached := 0
	for _, r := range rows {
		wire := r.wire + canary
		for _, pieces := range [][][]byte{cut(wire, whatever), cut(wire, func(int) bool { return true })} {
			got := deliver(t, s, log, pieces)
			followed := strings.Contains(got, "/canary")
			if followed && !r.keeps || strings.Contains(got, "/smuggled") {
				t.Errorf("%s: %s", r.rule, got)
			}
			if followed {
				reached++
			}
		}
	}
	if reached == 0 {
		t.Error("no canary was served at all")
	}
}

func newRowServer(t testing.TB, handler gateway.Handler) *Server {
	t.Helper()
	s, err := New(configs.HTTP{}, rowLimits, Deps{Handler: handler, NextID: func() uint64 { return 1 }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var refused = regexp.MustCompile(`"[45]\d\d"`)

// FuzzPieces: any bytes, cut anywhere, get the answers that they get in one packet. Which of two faults is found first,
// and so the status of a refusal, may depend on what has come.
func FuzzPieces(f *testing.F) {
	for _, r := range rows {
		f.Add([]byte(r.wire+canary), []byte{1})
	}
	log := &calls{}
	s := newRowServer(f, log)
	f.Fuzz(func(t *testing.T, wire, cuts []byte) {
		want := deliver(t, s, log, cut(string(wire), whatever))
		at := map[int]bool{}
		last := 0
		for _, c := range cuts {
			last += int(c)
			at[last] = true
		}
		for name, pieces := range map[string][][]byte{
			"these pieces": cut(string(wire), func(i int) bool { return at[i] }),
			"byte by byte": cut(string(wire), func(int) bool { return true }),
		} {
			got := deliver(t, s, log, pieces)
			if refused.ReplaceAllString(got, "refused") != refused.ReplaceAllString(want, "refused") {
				t.Errorf("%s: %s, in one packet: %s", name, got, want)
			}
		}
	})
}

// sections are the parts of the two RFCs that bind a server which reads requests. Those that are missing are about
// clients, proxies and caches, about answers (respond_test.go), or define terms.
var sections = strings.Fields(`9112:2.1 9112:2.2 9112:2.3 9112:3 9112:3.1 9112:3.2 9112:3.2.1 9112:3.2.2 9112:3.2.3 9112:3.2.4
	9112:5 9112:5.1 9112:5.2 9112:6.1 9112:6.3 9112:7 9112:7.1 9112:7.1.1 9112:7.1.2 9112:9.3 9112:9.3.2 9112:9.6 9112:11.1
	9112:11.2 9110:2.5 9110:5.1 9110:5.3 9110:5.4 9110:5.5 9110:5.6.1 9110:5.6.2 9110:6.2 9110:6.5.1 9110:6.6.2 9110:7.6.2
	9110:7.8 9110:8.3 9110:8.4 9110:8.6 9110:9.1 9110:9.3.1 9110:9.3.2 9110:9.3.3 9110:9.3.4 9110:9.3.5 9110:9.3.6 9110:9.3.7
	9110:9.3.8 9110:10.1.1 9110:10.1.4 9110:14.2 9110:14.5 9110:15.5.14 9110:15.6.6 3986:2.1 3986:3.2 3986:3.2.2 3986:3.2.3
	6585:5`)

// TestRowsCoverSections: there is a row for each of them, and no rule has two.
func TestRowsCoverSections(t *testing.T) {
	count, rules := map[string]int{}, map[string]bool{}
	for _, r := range rows {
		if rules[r.rule] {
			t.Errorf("two rows are called %q", r.rule)
		}
		rules[r.rule] = true
		if words := strings.Fields(r.rule); len(words) > 1 {
			count[words[0]+":"+words[1]]++
		}
	}
	for _, section := range sections {
		if count[section] == 0 {
			t.Errorf("no row for %s", section)
		}
	}
	t.Logf("%d rows: %v", len(rows), count)
}
