package link

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"penknife/gateway"
)

// sharedSpool is a body that lies in the memory for bodies. Nobody may copy it.
type sharedSpool struct {
	t            *testing.T
	offset, size int64
	released     int
}

func (s *sharedSpool) Shared() (int64, bool) { return s.offset, true }
func (s *sharedSpool) Size() int64           { return s.size }
func (s *sharedSpool) Release()              { s.released++ }
func (s *sharedSpool) ReadAt([]byte, int64) (int, error) {
	s.t.Error("the body is read by Go")
	return 0, errors.ErrUnsupported
}

// TestQueue_BodiesThatWorkersRead: a body in memory that workers map is read from there, also when it is many times as long as
// the window, by whole and by lines, and the next request has its own.
func TestQueue_BodiesThatWorkersRead(t *testing.T) {
	const size = 3*requestRing + 4321
	content := bytes.Repeat([]byte("a line of the body, which is long\n"), size/34+1)[:size]
	bodies := memfdOf(t, content)
	defer bodies.Close()
	h := startHarnessWith(t, testOptions(), bodies)
	for _, test := range []struct {
		path      string
		from, len int64
	}{{"/echo", 0, size}, {"/echo", 4096, size - 4096}, {"/echo", size, 0}, {"/echo", 17, 1}, {"/pump", 34, size - 50}, {"/lines", 34, 340}} {
		spool := &sharedSpool{t: t, offset: test.from, size: test.len}
		resp, got, err := h.get(newRequestOf(test.path), spool)
		if err != nil {
			t.Fatalf("%s from %d: %v", test.path, test.from, err)
		}
		want := content[test.from : test.from+test.len]
		if test.path == "/lines" {
			want = []byte("10 lines")
		}
		if !bytes.Equal(got, want) || resp.Status != 200 {
			t.Errorf("%s from %d: status %d, %d bytes and not %d", test.path, test.from, resp.Status, len(got), len(want))
		}
		if spool.released != 1 {
			t.Errorf("%s from %d: released %d times", test.path, test.from, spool.released)
		}
		if _, got, err := h.get(newRequestOf("/echo"), newSpool([]byte("by the window"))); err != nil || string(got) != "by the window" {
			t.Errorf("after it: %q, %v", got, err)
		}
	}
}

// TestQueue_BodiesThatAreNowhere: a word that says that a body lies beyond the memory for it, as a worker that writes
// everywhere may leave it, is an exception in the application and no read there.
func TestQueue_BodiesThatAreNowhere(t *testing.T) {
	bodies := memfdOf(t, make([]byte, 8192))
	defer bodies.Close()
	h := startHarnessWith(t, testOptions(), bodies)
	for _, spool := range []*sharedSpool{
		{t: t, offset: 0, size: 8193}, {t: t, offset: 8192, size: 1}, {t: t, offset: 1, size: math.MaxInt64},
		{t: t, offset: math.MaxInt64 - 1, size: 100}, {t: t, offset: -3, size: 100},
	} {
		if _, _, err := h.get(newRequestOf("/echo"), spool); gateway.KindOf(err) != gateway.KindApp {
			t.Errorf("%d bytes from %d: %v", spool.size, spool.offset, err)
		}
	}
	if _, got, err := h.get(newRequestOf("/echo"), &sharedSpool{t: t, offset: 4000, size: 96}); err != nil || len(got) != 96 {
		t.Errorf("after them: %d bytes, %v", len(got), err)
	}
}
