package httpfront

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"penknife/configs"
	"penknife/gateway"
)

// message is what one reader took for a request.
type message struct{ Method, Target, Body string }

// ending is how a reader's way through the bytes of a connection ended.
type ending string

const (
	endIdle     ending = "idle"     // all bytes belong to messages
	endCut      ending = "cut"      // they end inside a message
	endRefused  ending = "refused"  // the next message is wrong
	endClosed   ending = "closed"   // the last message was the last one, whatever follows
	endSwitched ending = "switched" // to another protocol: what follows is not HTTP
)

// reading is what a reader made of all that a client sent on one connection.
type reading struct {
	Messages []message
	End      ending
	Why      string // of a refusal
}

// reader is a server or a parser.
type reader interface {
	name() string
	ask(t *testing.T, wire []byte) // begins
	answer(t *testing.T) reading   // waits for the end
}

// frontReader is our front end: the whole connection, from conn.Read to the bytes of the answers.
type frontReader struct {
	srv    *Server
	c      *conn
	pc     *pieceConn
	got    reading
	starts []int // where each message, and what follows the last one, begins
	size   int
	reason string

	refused string       // the method of what was refused
	needed  map[int]bool // rows of known that were needed
	takes   int64        // bytes of a body that the application reads, -1 for all
}

func newFrontReader(t testing.TB) *frontReader {
	f := &frontReader{needed: map[int]bool{}, takes: -1}
	limits := configs.Limits{RequestLine: 4 << 10, HeaderBlock: 16 << 10, HeaderCount: 50, Body: 1 << 20}
	var err error
	f.srv, err = New(configs.HTTP{}, limits, Deps{
		Handler: gateway.HandlerFunc(f.serve), Counter: f, NextID: func() uint64 { return 1 },
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *frontReader) ConnectionOpened()        {}
func (f *frontReader) ConnectionClosed()        {}
func (f *frontReader) ConnectionRefused(string) {}
func (f *frontReader) ConnectionIdle()          {}
func (f *frontReader) TLSHandshake(string)      {}
func (f *frontReader) ProtocolError(reason string) {
	f.reason, f.refused = reason, string(f.c.req.Method)
	if f.c.req.Vars == nil { // in the head: nobody has written over it yet
		f.refused = string(f.c.head.method)
	}
}

func (f *frontReader) serve(req *gateway.Request) (*gateway.Response, error) {
	m := message{Method: string(req.Method), Target: string(req.Target)}
	if f.takes >= 0 && req.Body != nil {
		io.CopyN(io.Discard, req.Body, f.takes)
	} else {
		body, err := readAll(req)
		if err != nil {
			return nil, err
		}
		m.Body = string(body)
	}
	f.got.Messages = append(f.got.Messages, m)
	f.starts = append(f.starts, f.used())
	return whole(200, "", "served"), nil
}

// used tells how many bytes of the wire belong to what was read.
func (f *frontReader) used() int {
	left := len(f.c.pending())
	for _, p := range f.pc.pieces {
		left += len(p)
	}
	return f.size - left
}

func (f *frontReader) name() string { return "penknife" }

func (f *frontReader) read(wire []byte) reading {
	f.pc = &pieceConn{pieces: [][]byte{bytes.Clone(wire)}}
	f.c = newConn(f.srv, f.pc)
	f.got, f.starts, f.size, f.reason = reading{}, append(f.starts[:0], 0), len(wire), ""
	f.srv.open.Add(1)
	f.srv.conns.add(f.c)
	f.srv.serve(f.c)
	switch f.reason {
	case "":
		f.got.End = endIdle
		if f.c.closes {
			f.got.End = endClosed
		}
	case refuseCutHead.reason, refuseCutBody.reason:
		f.got.End, f.got.Why = endCut, f.reason
	default:
		f.got.End, f.got.Why = endRefused, f.reason
	}
	return f.got
}

// checkAnswers: each message was answered once, in order, a refusal is the last answer, and nothing follows it.
func (f *frontReader) checkAnswers(t *testing.T) {
	t.Helper()
	answers := bufio.NewReader(&f.pc.answer)
	method := func(i int) *http.Request {
		if i < len(f.got.Messages) {
			return &http.Request{Method: f.got.Messages[i].Method}
		}
		return &http.Request{Method: f.refused}
	}
	count := 0
	for {
		if _, err := answers.Peek(1); err != nil {
			break
		}
		resp, err := http.ReadResponse(answers, method(count))
		if err != nil {
			t.Fatalf("answer %d: %v", count, err)
		}
		if resp.StatusCode == 100 {
			continue
		}
		if _, err := io.ReadAll(resp.Body); err != nil {
			t.Fatalf("body of answer %d: %v; %+v, refused %q %q", count, err, f.got, f.refused, f.reason)
		}
		served := count < len(f.got.Messages)
		if served != (resp.StatusCode == 200) || !served && !resp.Close || resp.Header.Get("Date") == "" {
			t.Fatalf("answer %d of %+v is %d %v, close %v", count, f.got, resp.StatusCode, resp.Header, resp.Close)
		}
		count++
	}
	want := len(f.got.Messages)
	if f.got.Why != "" {
		want++
	}
	if count != want {
		t.Fatalf("%d answers to %+v", count, f.got)
	}
}

// difference is where two readers part.
type difference struct {
	kind  string
	index int // of the message
	ours  reading
	their reading
}

// The kinds of difference.
const (
	diffBoundary = "boundary" // both accept, and see different messages: a finding, always
	diffAccepts  = "accepts"  // only we accept the message
	diffRefuses  = "refuses"  // only we refuse the message
	diffPersists = "persists" // only one of us goes on after the message before
)

// compare finds the first place where they part, and gives nil if there is none. How far a message that is wrong was
// read before it was refused is no difference, nor is whether it was refused before it was complete.
func compare(ours, theirs reading) *difference {
	for i := 0; ; i++ {
		d := &difference{index: i, ours: ours, their: theirs}
		weHave, theyHave := i < len(ours.Messages), i < len(theirs.Messages)
		switch {
		case weHave && theyHave:
			if ours.Messages[i] == theirs.Messages[i] {
				continue
			}
			d.kind = diffBoundary
		case weHave:
			d.kind = map[ending]string{endRefused: diffAccepts, endClosed: diffPersists, endSwitched: diffPersists}[theirs.End]
		case theyHave:
			d.kind = map[ending]string{endRefused: diffRefuses, endClosed: diffPersists}[ours.End]
		default:
			return nil
		}
		if d.kind == "" {
			d.kind = diffBoundary // one waits for more where the other has a message
		}
		return d
	}
}

// FuzzDifferential sends the same bytes to our front end, to net/http's server, and to h11 and llhttp, which are strict
// parsers. choices make a connection by a grammar; without them raw is one. A difference must have an explanation.
func FuzzDifferential(f *testing.F) {
	for _, r := range rows {
		f.Add([]byte(nil), []byte(r.wire+canary))
	}
	for _, wire := range reproducers {
		f.Add([]byte(nil), []byte(wire))
	}
	for seed := range 200 {
		f.Add(choicesOf(seed), []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
	}
	ours, others := newFrontReader(f), newReaders(f)
	f.Fuzz(func(t *testing.T, choices, raw []byte) {
		wire := raw
		if len(choices) > 0 {
			wire = (&grammar{choices: choices, raw: raw}).connection()
		}
		checkDifferences(t, ours, others, wire)
	})
}

// reproducers are what the target found, in us, in the others or in itself, as small as can be.
var reproducers = []string{
	"",
	"GET / HTTP/1.0\r\nConnection: keep-alive;\r\nConnection: keep-alive\r\n\r\n" + canary,
	"GET / HTTP/1.0\r\nConnection: x+ keep-alive\r\n\r\n" + canary,
	"HEAD http://b:80 HTTP/1.0\r\nHost:\r\n\r\n" + canary,
	"GET / HTTP/1.1\r\nHost: a\r\nTrailer: Content-Length\r\n\r\n" + canary,
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nConnection: close\r\n\r\n\r\n" + canary,
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nConnection: close\r\n\r\n" + canary,
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a=\"\xff\"\r\nx\r\n0\r\n\r\n" + canary,
	"POST / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade\r\nTransfer-Encoding: chunked\r\n\r\n1 ;a\r\nx\r\n0\r\n\r\n" + canary,
	"HEAD / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1\r\nx\r\n", 2000) + "x",
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + strings.Repeat("X: 1\r\n", 800) + "\r\n" + canary,
	"PRI / HTTP/1.1\r\nHost: a\r\n\r\n" + canary,
}

// TestKnownDifferences: each row of known is needed, so none stays when a reader has changed.
func TestKnownDifferences(t *testing.T) {
	ours, others := newFrontReader(t), newReaders(t)
	for _, r := range rows {
		checkDifferences(t, ours, others, []byte(r.wire+canary))
	}
	for _, wire := range reproducers {
		checkDifferences(t, ours, others, []byte(wire))
	}
	for i, k := range known {
		if !ours.needed[i] {
			t.Errorf("%s never differs because %s (%d)", k.who, k.because, i)
		}
	}
}

// checkDifferences lets everybody read the wire and fails on what nobody can explain.
func checkDifferences(t *testing.T, ours *frontReader, others []reader, wire []byte) {
	t.Helper()
	if len(wire) > 60<<10 {
		return
	}
	for _, other := range others {
		other.ask(t, wire)
	}
	got := ours.read(wire)
	ours.checkAnswers(t)
	starts := slices.Clone(ours.starts)
	for _, other := range others {
		theirs := other.answer(t)
		d := compare(got, theirs)
		if d == nil {
			continue
		}
		from := starts[min(d.index, len(starts)-1)]
		before, here := wire[starts[max(min(d.index, len(starts)-1)-1, 0)]:from], wire[from:]
		reason, number := explain(other.name(), d, before, here)
		ours.needed[number] = true
		if reason == "" {
			t.Errorf("%s: message %d: %s\nwire   %q\nhere   %q\nours   %s\ntheirs %s", other.name(), d.index, d.kind, wire,
				here, got, theirs)
		}
	}
}

func (r reading) String() string {
	return fmt.Sprintf("%q %s %s", r.Messages, r.End, r.Why)
}

// FuzzUnread: an application that reads nothing of a body, or the beginning, is asked the same as one that reads all. Of a
// body that is wrong it may not learn, but then that request is the last.
func FuzzUnread(f *testing.F) {
	for _, r := range rows {
		f.Add([]byte(nil), []byte(r.wire+canary), uint16(len(r.wire)%4))
	}
	for seed := range 200 {
		f.Add(choicesOf(seed), []byte("POST / HTTP/1.1\r\nHost: a\r\n\r\n"), uint16(seed%8))
	}
	front := newFrontReader(f)
	f.Fuzz(func(t *testing.T, choices, raw []byte, takes uint16) {
		wire := raw
		if len(choices) > 0 {
			wire = (&grammar{choices: choices, raw: raw}).connection()
		}
		front.takes = -1
		all := front.read(wire)
		front.takes = int64(takes)
		some := front.read(wire)
		for i, m := range some.Messages {
			if i == len(all.Messages) && all.Why != "" && i == len(some.Messages)-1 && some.End != endIdle {
				return
			}
			if i >= len(all.Messages) || m.Method != all.Messages[i].Method || m.Target != all.Messages[i].Target {
				t.Fatalf("%q\nall  %s\nsome %s", wire, all, some)
			}
		}
	})
}
