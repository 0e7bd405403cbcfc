package httpfront

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"penknife/configs"
	"penknife/gateway"
)

// FuzzHead: a head that we accept is framed alike by net/http.
func FuzzHead(f *testing.F) {
	for _, r := range rows {
		f.Add([]byte(r.wire))
	}
	f.Add([]byte(browserRequest))
	limits := configs.Limits{RequestLine: 2000, HeaderBlock: 8192, HeaderCount: 20, Body: 1 << 40}
	var h head
	f.Fuzz(func(t *testing.T, wire []byte) {
		end := findHeadEnd(wire)
		if end < 0 {
			checkPartial(wire, &limits)
			return
		}
		if bad := parseHead(wire[:end], &limits, &h); bad != nil {
			return
		}
		var req gateway.Request
		p := newPeer(&loopConn{}, func(netip.Addr) bool { return true })
		_, bad := h.buildVars(nil, &p, &req)
		if bad != nil {
			return
		}
		varsOf(t, req.Vars)
		sameFraming(t, wire[:end], &h)
	})
}

// sameFraming takes the framing fields out of a head that we accepted, and has net/http read them alone, so that what
// else it dislikes does not matter.
func sameFraming(t *testing.T, wire []byte, h *head) {
	var probe strings.Builder
	probe.WriteString("POST / " + protocols[h.minor] + "\r\nHost: a\r\n")
	for line := range strings.Lines(string(wire)) {
		name, _, _ := strings.Cut(strings.ToLower(line), ":")
		if name == "content-length" || name == "transfer-encoding" {
			probe.WriteString(line)
		}
	}
	probe.WriteString("\r\n")
	theirs, err := http.ReadRequest(bufio.NewReader(strings.NewReader(probe.String())))
	if err != nil {
		t.Fatalf("net/http refuses the framing of %q: %v", probe.String(), err)
	}
	want := max(h.length, 0)
	if h.chunked {
		want = -1
	}
	if theirs.ContentLength != want {
		t.Fatalf("net/http reads %d from %q, we %d", theirs.ContentLength, probe.String(), want)
	}
}

// FuzzChunks: what we take for a chunked body, net/http takes apart into the same content.
func FuzzChunks(f *testing.F) {
	for _, r := range rows {
		if _, body, found := strings.Cut(r.wire, "chunked\r\n\r\n"); found {
			f.Add([]byte(body))
		}
	}
	s, err := New(configs.HTTP{}, configs.Limits{}, Deps{NextID: func() uint64 { return 1 }})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		if len(wire) > minInput {
			return // more than the connection below gives at once
		}
		c := newConn(s, &loopConn{request: string(wire), left: min(len(wire), 1)})
		c.scratch = &scratch{}
		c.body.start(&head{chunked: true, length: -1})
		ours, err := io.ReadAll(&c.body)
		if err != nil {
			return
		}
		left := len(c.pending())
		if strings.Contains(string(wire[:len(wire)-left]), ";") {
			return // net/http is stricter about extensions: it drops them by size
		}
		if strings.Contains(string(wire), "0000000000000000") {
			return // net/http is stricter about leading zeros
		}
		probe := "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + string(wire)
		reader := bufio.NewReaderSize(strings.NewReader(probe), 1<<16) // so that all that is left is in it
		req, err := http.ReadRequest(reader)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := io.ReadAll(req.Body)
		if err != nil && len(req.Trailer) == 0 && !bytes.Contains(wire, []byte(":")) {
			t.Fatalf("net/http: %v; we: %q", err, ours)
		}
		if err == nil && (!bytes.Equal(ours, theirs) || reader.Buffered() != left) {
			t.Fatalf("net/http: %q and %d left; we: %q and %d left", theirs, reader.Buffered(), ours, left)
		}
	})
}
