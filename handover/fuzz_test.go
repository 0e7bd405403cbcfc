package handover

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"testing"
	"time"
)

// fuzzFD is above every descriptor that a test has: what is offered there is nobody's.
const fuzzFD = 1 << 20

// FuzzOffer: whatever the process that serves writes first, it is an offer, or an error, and one that is not understood is
// never taken.
func FuzzOffer(f *testing.F) {
	for _, item := range []string{`{"protocol":1,"version":"1","pid":7,"items":[{"kind":"socket","info":"told"}]}`, `{"protocol":2}`, `{}`, `[]`, `{"items":[{}]}`, `null`,
		`{"protocol":1,"pid":-1,"items":[{"kind":"","info":{"a":[1]}},{"kind":"x"}]}`} {
		f.Add([]byte(item + "\n"))
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		ours, theirs := net.Pipe()
		go func() { // ends with the pipe
			theirs.Write(said)
			theirs.Close()
		}()
		p := &Predecessor{conn: ours, reader: bufio.NewReader(ours)}
		err := p.takeOffer(fuzzFD)
		ours.Close()
		for _, item := range p.Items {
			item.File.Close() // of no descriptor: it fails
		}
		var offered offer
		line, _, whole := bytes.Cut(said, []byte("\n"))
		good := whole && json.Unmarshal(line, &offered) == nil && offered.Protocol == protocol
		if good != (err == nil) || good && len(p.Items) != len(offered.Items) || !good && len(p.Items) > 0 {
			t.Errorf("%q: %d items, %v", said, len(p.Items), err)
		}
	})
}

// FuzzReports: whatever the new process says, the old one gets the state that it waits for, or an error, and goes on
// serving.
func FuzzReports(f *testing.F) {
	for _, text := range []string{`{"state":"begun","version":"2","patience_ms":60000}`, `{"state":"ready"}`, `{"state":"failed","failure":{"reason":"x"}}`, `{"state":"failed"}`,
		`{"state":"begun","patience_ms":-1}`, `{"state":"begun","patience_ms":9223372036854775807}`, `{`, `""`, `{"state":"ready"}{"state":"ready"}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		ours, theirs := net.Pipe()
		go func() { // ends with the pipe
			theirs.Write(said)
			theirs.Close()
		}()
		go io.Copy(io.Discard, theirs) // ends with the pipe
		s := &Successor{pid: 1 << 30, conn: ours, decoder: json.NewDecoder(ours)}
		for _, state := range []string{stateBegun, stateReady, stateServing} {
			got, err := s.receive(context.Background(), state, time.Minute)
			if err == nil && got.State != state {
				t.Errorf("%q: %+v for %s", said, got, state)
			}
			if err != nil {
				break
			}
		}
		ours.Close()
	})
}
