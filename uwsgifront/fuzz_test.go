package uwsgifront

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"penknife/gateway"
)

// packetReading is what a connection means: an answer, and what the handler got when that is 200.
type packetReading struct {
	answer string // "nothing", "pong", or the status
	method string
	target string
	vars   string // the block as the handler gets it
	body   string
}

// readPacketByTheBook reads a whole connection as the description of the protocol says (uwsgi-docs, Protocol.rst): a byte
// modifier1, the size of the block in 16 bits, little-endian, a byte modifier2; then key and value in turn, each behind
// its size in 16 bits; then CONTENT_LENGTH bytes of body. Of a name that occurs twice the last one counts.
func readPacketByTheBook(wire string, maxVars, maxBlock int) packetReading {
	if wire == "" {
		return packetReading{answer: "nothing"}
	}
	if len(wire) < 4 {
		return packetReading{answer: "400"}
	}
	size := int(wire[1]) | int(wire[2])<<8
	if m := wire[0]; m != 0 && m != 30 && m != 100 {
		for _, other := range []string{"GET ", "POST", "HEAD", "PUT ", "DELE", "OPTI", "PATC", "CONN", "TRAC", "PROP", "REPO", "MKCO", "PRI "} {
			if strings.HasPrefix(wire, other) {
				return packetReading{answer: "400"}
			}
		}
		if wire[0] == 22 && wire[1] == 3 && wire[2] <= 4 {
			return packetReading{answer: "400"}
		}
		return packetReading{answer: "501"}
	}
	if size > maxBlock {
		return packetReading{answer: "431"}
	}
	if len(wire) < 4+size {
		return packetReading{answer: "400"}
	}
	if wire[0] == 100 {
		return packetReading{answer: "pong"}
	}
	return readBlockByTheBook(wire[:4+size], wire[4+size:], maxVars)
}

func readBlockByTheBook(packet, rest string, maxVars int) packetReading {
	vars, order := map[string]string{}, 0
	for at := 4; at < len(packet); order++ {
		if order == maxVars {
			return packetReading{answer: "431"}
		}
		var pair [2]string
		for i := range pair {
			if at+2 > len(packet) {
				return packetReading{answer: "400"}
			}
			n := int(packet[at]) | int(packet[at+1])<<8
			if at += 2; at+n > len(packet) {
				return packetReading{answer: "400"}
			}
			pair[i] = packet[at : at+n]
			at += n
		}
		if pair[0] == "" {
			return packetReading{answer: "400"}
		}
		vars[pair[0]] = pair[1]
	}
	if vars["REQUEST_METHOD"] == "" {
		return packetReading{answer: "400"}
	}
	length, err := strconv.ParseInt("0"+vars["CONTENT_LENGTH"], 10, 64)
	switch {
	case err != nil || strings.ContainsAny(vars["CONTENT_LENGTH"], "+-_"):
		return packetReading{answer: "400"}
	case length > 1<<20:
		return packetReading{answer: "413"}
	case length > int64(len(rest)):
		return packetReading{answer: "400"}
	}
	r := packetReading{answer: "200", method: vars["REQUEST_METHOD"], target: vars["REQUEST_URI"], vars: packet[4:], body: rest[:length]}
	script, path := vars["SCRIPT_NAME"], vars["PATH_INFO"]
	if inner, found := strings.CutPrefix(path, script); packet[0] == 30 && script != "" && found && (inner == "" || inner[0] == '/') {
		r.vars += block("PATH_INFO=" + inner)
	}
	return r
}

// packetReader serves connections of socket pairs.
type packetReader struct {
	srv *Server
	mu  sync.Mutex
	got packetReading
}

func newPacketReader(t testing.TB) *packetReader {
	p := &packetReader{}
	limits := testLimits()
	limits.HeaderBlock, limits.HeaderCount, limits.Body = 8<<10, 50, 1<<20
	p.srv = start(t, networks(t)["unix"], limits, inMode(modeLater, p.handle)).Server
	return p
}

func (p *packetReader) handle(r *gateway.Request) (*gateway.Response, error) {
	got := packetReading{method: string(r.Method), target: string(r.Target), vars: string(r.Vars)}
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		got.body = string(body)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got = got
	return whole(200, "", "served"), nil
}

// serve sends the wire in pieces on a connection of its own, and gives the answer as it came.
func (p *packetReader) serve(t *testing.T, pieces [][]byte) string {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	peer := os.NewFile(uintptr(pair[1]), "peer")
	defer peer.Close()
	p.got = packetReading{}
	if len(pieces) > 0 { // what is there when the connection is accepted
		peer.Write(pieces[0])
		pieces = pieces[1:]
	}
	if len(pieces) == 0 {
		unix.Shutdown(pair[1], unix.SHUT_WR)
	}
	c := p.srv.conns.acquire(p.srv)
	c.begin(pair[0], true)
	p.srv.open.Add(1)
	p.srv.counter.ConnectionOpened()
	c.counted = true
	if !c.tryServe() {
		c.goOn(c.serve)
	}
	for i, piece := range pieces {
		peer.Write(piece) // may fail when the answer was given already
		if i == len(pieces)-1 {
			unix.Shutdown(pair[1], unix.SHUT_WR)
		}
	}
	answer, err := io.ReadAll(peer)
	if err != nil && (!errors.Is(err, unix.ECONNRESET) || len(answer) == 0) { // a reset tells of bytes that nobody wanted
		t.Fatalf("after %q: %v", answer, err)
	}
	return string(answer)
}

// read tells what the connection meant to us, and fails if it was answered more than once.
func (p *packetReader) read(t *testing.T, pieces [][]byte) packetReading {
	t.Helper()
	answer := p.serve(t, pieces)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case answer == "":
		p.got.answer = "nothing"
	case answer == "d\x00\x00\x01":
		p.got.answer = "pong"
	default:
		method := "GET"
		if p.got.method != "" {
			method = p.got.method
		}
		reader := bufio.NewReader(strings.NewReader(answer))
		resp, err := http.ReadResponse(reader, &http.Request{Method: method})
		if err != nil {
			t.Fatalf("%q: %v", answer, err)
		}
		p.got.answer = fmt.Sprint(resp.StatusCode)
		if _, err := io.Copy(io.Discard, resp.Body); err != nil && method != "GET" || resp.Header.Get("Connection") != "close" && !resp.Close {
			t.Fatalf("%q: %v", answer, err)
		}
		if rest, _ := io.ReadAll(reader); len(rest) > 0 {
			t.Fatalf("behind the answer %q", rest)
		}
	}
	if p.got.answer != "200" {
		p.got = packetReading{answer: p.got.answer}
	}
	return p.got
}

// FuzzPackets sends connections, whole and in pieces, and compares what they mean to us with what the protocol's
// description makes of them.
func FuzzPackets(f *testing.F) {
	names, err := filepath.Glob("../uwsgiproto/testdata/*.bin")
	if err != nil || len(names) == 0 {
		f.Fatal("no captured packets", err)
	}
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, []byte{3, 1, 40})
	}
	for _, wire := range []string{
		"", "d\x00\x00\x00", get(), get() + "garbage", get("CONTENT_LENGTH=3") + "abc", get("CONTENT_LENGTH=3") + "abcd", get("CONTENT_LENGTH=3") + "ab",
		get("CONTENT_LENGTH=x"), get("CONTENT_LENGTH=+1") + "a", get("REQUEST_METHOD="), packet("A=b"), frame(0, ""), frame(5, block("A=b")), "GET / HTTP/1.1\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00", frame(30, block("REQUEST_METHOD=GET", "SCRIPT_NAME=/a", "PATH_INFO=/a/b")), frame(30, block("REQUEST_METHOD=GET", "SCRIPT_NAME=/a", "PATH_INFO=/ab")),
		get("PATH_INFO=/twice", "REQUEST_METHOD=POST"), announce(0, 60000) + "x", announce(0, 10) + get()[4:], frame(0, block("REQUEST_METHOD=GET")+"\x00\x00\x00\x00"),
		packet("REQUEST_METHOD=GET", "K="+strings.Repeat("v", 9000)), get("CONTENT_LENGTH=99999999"), get("CONTENT_LENGTH=99999999999999999999"), get("CONTENT_LENGTH=000000000000000000000003") + "abc",
	} {
		f.Add([]byte(wire), []byte{1})
		f.Add([]byte(wire), []byte{2, 2, 200})
	}
	reader := newPacketReader(f)
	f.Fuzz(func(t *testing.T, wire, cuts []byte) {
		if len(wire) > 30<<10 || len(cuts) > 20 {
			return
		}
		want := readPacketByTheBook(string(wire), 50, 8<<10)
		var pieces [][]byte
		rest := wire
		for _, c := range cuts {
			n := min(int(c), len(rest))
			if n > 0 {
				pieces = append(pieces, rest[:n])
			}
			rest = rest[n:]
		}
		for _, way := range [][][]byte{{wire}, append(pieces, bytes.Clone(rest))} {
			if got := reader.read(t, way); got != want {
				t.Errorf("%d pieces: %+q\nby the book: %+q", len(way), got, want)
			}
		}
	})
}
