package uwsgiproto

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// seeds adds every captured packet, from byte skip on.
func seeds(f *testing.F, skip int) {
	names, err := filepath.Glob("testdata/*.bin")
	if err != nil || len(names) == 0 {
		f.Fatal("no captured packets", err)
	}
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw[skip:])
	}
}

// FuzzHeader: what can be read is written back as the same bytes.
func FuzzHeader(f *testing.F) {
	seeds(f, 0)
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add([]byte("\x16\x03\x01\x02\x00\x01\x00"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		Sniff(raw)
		header, err := ParseHeader(raw)
		if err != nil {
			if len(raw) >= HeaderSize {
				t.Fatal(err)
			}
			return
		}
		again, err := AppendHeader(nil, header)
		if err != nil || !bytes.Equal(again, raw[:HeaderSize]) {
			t.Fatalf("%x became %x, %v", raw[:HeaderSize], again, err)
		}
	})
}

// FuzzVars: a block is either refused at a byte inside it, or says the same when written again.
func FuzzVars(f *testing.F) {
	seeds(f, HeaderSize)
	f.Add([]byte("\x01\x00A\x00\x00\x01"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		const maxVars = 50
		scanner := NewScanner(raw, maxVars)
		var again []byte
		for scanner.Scan() {
			if len(scanner.Key) == 0 {
				t.Fatal("an empty key")
			}
			var err error
			if again, err = AppendVar(again, scanner.Key, scanner.Value); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.HasPrefix(raw, again) || scanner.Count > maxVars {
			t.Fatalf("%d variables, %x", scanner.Count, again)
		}
		if scanner.Err == nil {
			if len(again) != len(raw) {
				t.Fatalf("%d of %d bytes were read", len(again), len(raw))
			}
			return
		}
		problem := scanner.Err.(*Error)
		if problem.Offset < len(again) || problem.Offset > len(raw) {
			t.Fatalf("%v after %d of %d bytes", problem, len(again), len(raw))
		}
	})
}

// FuzzVarsRoundTrip: what is written is what is read, or is refused.
func FuzzVarsRoundTrip(f *testing.F) {
	f.Add([]byte("HTTP_HOST"), []byte("example.test"), []byte("HTTP_COOKIE"), []byte(""))
	f.Add([]byte(""), []byte("x"), []byte("K"), []byte("\x00\xff"))
	f.Add(bytes.Repeat([]byte("k"), MaxVar), []byte("v"), []byte("K"), bytes.Repeat([]byte("v"), MaxVar+1))
	f.Fuzz(func(t *testing.T, key1, value1, key2, value2 []byte) {
		var block, want []byte
		for _, v := range [][2][]byte{{key1, value1}, {key2, value2}} {
			before := len(block)
			next, err := AppendVar(block, v[0], v[1])
			fits := len(v[0]) > 0 && len(v[0]) <= MaxVar && len(v[1]) <= MaxVar
			if (err == nil) != fits || err != nil && len(next) != before {
				t.Fatalf("%d and %d bytes: %v", len(v[0]), len(v[1]), err)
			}
			if err == nil {
				want = append(append(append(append(want, v[0]...), 0), v[1]...), 0)
			}
			block = next
		}
		var got []byte
		scanner := NewScanner(block, 2)
		for scanner.Scan() {
			got = append(append(append(append(got, scanner.Key...), 0), scanner.Value...), 0)
		}
		if scanner.Err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%v: %q is not %q", scanner.Err, got, want)
		}
	})
}
