package link

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"penknife/gateway"
)

// TestBody_WindowGivesEveryByteOnce takes a response that is much larger than its window apart where it lies, in
// pieces of odd sizes, mixed with Read.
func TestBody_WindowGivesEveryByteOnce(t *testing.T) {
	h := startHarness(t, testOptions())
	want := bytes.Repeat([]byte("0123456789abcdefghi"), 40_000)
	resp, err := h.q.Serve(newRequest("POST", "/pump"), newSpool(want))
	if err != nil {
		t.Fatal(err)
	}
	window := resp.Body.(gateway.Windowed)
	var got []byte
	for n := 1; ; n = n*7%9973 + 1 {
		piece, err := window.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		part := piece[:min(len(piece), n)]
		got = append(got, part...)
		window.Advance(len(part))
		if n%5 == 0 {
			some := make([]byte, n)
			read, err := resp.Body.Read(some)
			if err != nil && !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			got = append(got, some[:read]...)
		}
	}
	resp.Body.CloseWithError(nil)
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes, want %d, or other ones", len(got), len(want))
	}
}
