package static

import (
	"compress/gzip"
	"crypto/rand"
	"io"
	"strings"
	"sync"
	"testing"

	"penknife/configs"
	"penknife/gateway"
)

func unpack(t *testing.T, body string) string {
	t.Helper()
	r, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestCompression(t *testing.T) {
	noise := make([]byte, 4000)
	rand.Read(noise) //nolint:errcheck // it never fails
	text := strings.Repeat("the same again ", 100)
	large := strings.Repeat(text, 200) // more than is held otherwise
	s := newSite(t, map[string]string{
		"a.txt": text, "large.js": large, "tiny.txt": "tiny", "image.png": text, "noise.txt": string(noise), "huge.txt": strings.Repeat(text, 1000),
		"sib.css": text, "sib.css.br": "brotli",
	}, nil)
	accept := "Accept-Encoding: gzip"
	for name, want := range map[string]string{"a.txt": text, "large.js": large} {
		for round := range 2 {
			plain, packed := s.get("/static/"+name), s.get("/static/"+name, accept)
			if plain.body != want || plain.fields["content-encoding"] != "" || plain.fields["vary"] != "Accept-Encoding" {
				t.Errorf("%s, round %d, plain: %v", name, round, plain.fields)
			}
			if packed.fields["content-encoding"] != "gzip" || !packed.isWhole || unpack(t, packed.body) != want ||
				packed.fields["vary"] != "Accept-Encoding" || packed.fields["etag"] == plain.fields["etag"] {
				t.Errorf("%s, round %d, packed: %v", name, round, packed.fields)
			}
			part := s.get("/static/"+name, accept, "Range: bytes=2-5", "If-Range: "+packed.fields["etag"])
			if part.status != 206 || part.body != packed.body[2:6] {
				t.Errorf("%s, part: %+v", name, part)
			}
			if got := s.get("/static/"+name, accept, "If-None-Match: "+packed.fields["etag"]); got.status != 304 {
				t.Errorf("%s: %d", name, got.status)
			}
		}
	}
	for _, name := range []string{"tiny.txt", "image.png", "noise.txt", "huge.txt", "noise.txt", "sib.css"} {
		if got := s.get("/static/"+name, accept); got.fields["content-encoding"] != "" {
			t.Errorf("%s is compressed", name)
		}
	}
	if got := s.get("/static/a.txt", "Accept-Encoding: gzip;q=0, br"); got.body != text {
		t.Errorf("against the client's word: %v", got.fields)
	}
	s.write("a.txt", text+"changed")
	if got := s.get("/static/a.txt", accept); unpack(t, got.body) != text+"changed" {
		t.Error("an old content is sent compressed")
	}
	if s.HeldBytes() > 400_000 {
		t.Errorf("%d bytes are held", s.HeldBytes())
	}
	s.checkMemory()
	off := newSite(t, map[string]string{"a.txt": text}, func(c *configs.Static) { c.Compress = false })
	if got := off.get("/static/a.txt", accept); got.body != text || got.fields["vary"] != "" {
		t.Errorf("switched off: %v", got.fields)
	}
}

// TestNobodyWaitsForCompression: while one compresses, others get the file as it is.
func TestNobodyWaitsForCompression(t *testing.T) {
	text := strings.Repeat("the same again ", 100)
	s := newSite(t, map[string]string{"a.txt": text}, nil)
	s.mounts[0].compressing.Lock()
	if got := s.get("/static/a.txt", "Accept-Encoding: gzip"); got.body != text || got.fields["vary"] == "" {
		t.Errorf("got %v", got.fields)
	}
	s.mounts[0].compressing.Unlock()
	s.mounts[0].counter = nil
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				got := s.get("/static/a.txt", "Accept-Encoding: gzip")
				if got.body != text && unpack(t, got.body) != text {
					t.Error("another content")
				}
			}
		})
	}
	group.Wait()
	if got := s.get("/static/a.txt", "Accept-Encoding: gzip"); got.fields["content-encoding"] != "gzip" {
		t.Error("never compressed")
	}
}

func TestCompressionIsNotDoneInTheAcceptLoop(t *testing.T) {
	s := newSite(t, map[string]string{"a.js": strings.Repeat("the same again ", 10000)}, nil)
	r := request("GET", "/static/a.js", "Accept-Encoding: gzip")
	later := make(chan *gateway.Response, 1)
	r.Later = func(resp *gateway.Response, _ error) { later <- resp }
	if now, _ := s.Serve(r); now != nil {
		t.Fatal("compressed while the caller waited")
	}
	if got := s.receive(r, <-later); got.fields["content-encoding"] != "gzip" {
		t.Errorf("got %v", got.fields)
	}
}
