package link

import (
	"bufio"
	"bytes"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"penknife/gateway"
)

// FuzzAnswer is a worker that writes what it likes into a slot as its answer, and calls it done or not: the front end gets
// a head of whole lines and a body no longer than what is there, or an error, and nothing panics.
func FuzzAnswer(f *testing.F) {
	f.Add(uint8(stateDone), uint32(phaseHead), uint32(0), uint32(200), uint32(2), int64(5), uint64(5), uint64(0), []byte("OKA: b\r\n"))
	f.Add(uint8(stateDone), uint32(phaseHead), uint32(0), uint32(200), uint32(0), int64(-1), uint64(70000), uint64(1), []byte("A: b\r\nC: d\r\n"))
	f.Add(uint8(stateClaimed), uint32(phaseHead), uint32(flagCut), uint32(999), uint32(9), int64(math.MaxInt64), uint64(math.MaxUint64), uint64(3), []byte("A: b\n"))
	f.Add(uint8(stateDone), uint32(phaseHead), uint32(flagFile), uint32(206), uint32(0), int64(3), uint64(0), uint64(0), []byte("A:\r\nB: \x00\r\n"))
	f.Add(uint8(stateDone), uint32(phaseError), uint32(0), uint32(0), uint32(0), int64(0), uint64(0), uint64(0), []byte{})
	f.Fuzz(func(t *testing.T, state uint8, phase, flags, status, reason uint32, length int64, produced, consumed uint64, text []byte) {
		o := testOptions()
		o.Slots, o.MaxVars, o.Hostile = 1, 4096, func(int, string) {}
		q, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		s, err := q.submit(newRequestOf("/x"), nil)
		if err != nil {
			t.Fatal(err)
		}
		s.state.Store(uint64(s.position)<<32 | uint64(state))
		s.phase.Store(phase)
		s.flags.Store(flags)
		s.status.Store(status)
		s.reasonLen.Store(reason)
		s.headLen.Store(uint32(copy(s.headArea, text)))
		s.respLen.Store(uint64(length))
		s.respProduced.Store(produced)
		s.respConsumed.Store(consumed)
		s.mu.Lock()
		d := s.advance()
		waiting := s.step == stepWaiting
		s.mu.Unlock()
		d.run()
		if waiting {
			s.end(gateway.Errorf(gateway.KindWorkerDied, "the test is over"))
		}
		if resp, err := s.await(); err == nil {
			checkAnswer(t, s, resp)
			resp.Body.CloseWithError(nil)
		}
		s.end(gateway.Errorf(gateway.KindWorkerDied, "the test is over"))
		q.Start()
		if err := q.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// checkAnswer writes the head as the front ends do and has net/http read it: no line may have become two.
func checkAnswer(t *testing.T, s *slot, resp *gateway.Response) {
	t.Helper()
	if resp.Status < 200 || resp.Status > 999 || resp.Length < -1 || resp.Offset < 0 || len(resp.Whole) > len(s.responseArea) {
		t.Fatalf("%+v", resp)
	}
	wire := fmt.Sprintf("HTTP/1.1 %d %s\r\n%s\r\n", resp.Status, resp.Reason, resp.Fields)
	if lines := strings.Count(wire, "\n"); lines != 2+bytes.Count(resp.Fields, []byte("\n")) || lines != strings.Count(wire, "\r\n") || strings.Count(wire, "\r") != lines {
		t.Fatalf("%q", wire)
	}
	if i := strings.Index(wire, "\r\n\r\n"); i != len(wire)-4 {
		t.Fatalf("an empty line at %d of %q", i, wire)
	}
	if read, err := http.ReadResponse(bufio.NewReader(strings.NewReader(wire)), nil); err == nil {
		read.Body.Close()
	}
	for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); {
		piece, err := s.peek()
		if piece == nil || err != nil {
			return
		}
		if len(piece) > len(s.responseArea) {
			t.Fatalf("a piece of %d bytes", len(piece))
		}
		(&body{s}).Advance(len(piece))
	}
	t.Fatal("a body without an end")
}
