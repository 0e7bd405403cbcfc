package uwsgiproto

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// packet reads a captured packet and splits it.
func packet(t testing.TB, name string) (Header, Vars, []byte) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	header, err := ParseHeader(raw)
	if err != nil {
		t.Fatal(err)
	}
	end := HeaderSize + header.Size
	return header, raw[HeaderSize:end], raw[end:]
}

func TestCapturedPackets(t *testing.T) {
	cases := []struct {
		name     string
		modifier byte
		vars     map[string]string
		body     string
	}{
		{"nginx-get.bin", ModifierWSGI, map[string]string{
			"REQUEST_METHOD": "GET", "REQUEST_URI": "/caf%C3%A9/a%2Fb?x=1&y=%20", "PATH_INFO": "/café/a/b",
			"QUERY_STRING": "x=1&y=%20", "CONTENT_LENGTH": "", "HTTP_USER_AGENT": "test/1"}, ""},
		{"nginx-http10.bin", ModifierWSGI, map[string]string{"SERVER_PROTOCOL": "HTTP/1.0"}, ""},
		{"nginx-head.bin", ModifierWSGI, map[string]string{"REQUEST_METHOD": "HEAD"}, ""},
		{"nginx-post.bin", ModifierWSGI, map[string]string{
			"CONTENT_LENGTH": "11", "HTTP_CONTENT_LENGTH": "11"}, "a=1&b=2&c=3"},
		{"nginx-chunked.bin", ModifierWSGI, map[string]string{
			"CONTENT_LENGTH": "11", "HTTP_TRANSFER_ENCODING": "chunked"}, "hello world"},
		{"nginx-cookies.bin", ModifierWSGI, map[string]string{
			"HTTP_COOKIE": "b=2", "HTTP_X_EMPTY": "", "HTTP_X_LATIN": "caf\xe9"}, ""},
		{"nginx-modifier30.bin", ModifierWSGIPath, map[string]string{
			"SCRIPT_NAME": "/old", "PATH_INFO": "/old/page"}, ""},
		{"nginx-headers.bin", ModifierWSGI, map[string]string{"HTTP_X_H79": strings.Repeat("v", 60)}, ""},
	}
	for _, c := range cases {
		header, block, body := packet(t, c.name)
		if header.Modifier1 != c.modifier || header.Modifier2 != 0 || string(body) != c.body {
			t.Errorf("%s: %+v, body %q", c.name, header, body)
		}
		scanner := NewScanner(block, 1000)
		var again []byte
		for scanner.Scan() {
			again, _ = AppendVar(again, scanner.Key, scanner.Value)
		}
		if scanner.Err != nil || !bytes.Equal(again, block) {
			t.Errorf("%s: %v, encoded again it differs", c.name, scanner.Err)
		}
		for key, want := range c.vars {
			if got, found := block.Lookup(key); !found || string(got) != want {
				t.Errorf("%s: %s is %q, %v", c.name, key, got, found)
			}
		}
		if _, found := block.Lookup("NOT_THERE"); found {
			t.Errorf("%s: found what is not there", c.name)
		}
	}
}

func TestBrokenBlocks(t *testing.T) {
	good := "\x01\x00A\x02\x00bc"
	cases := []struct {
		block string
		want  Error
	}{
		{"\x01", Error{ProblemShortKeyLength, 0, 1}},
		{good + "\x01", Error{ProblemShortKeyLength, 7, 1}},
		{good + "\x00\x00\x00\x00", Error{ProblemEmptyKey, 7, 0}},
		{good + "\x02\x00A", Error{ProblemKeyOverrun, 7, 2}},
		{good + "\xff\xffA", Error{ProblemKeyOverrun, 7, 65535}},
		{good + "\x01\x00A", Error{ProblemShortValueLength, 10, 0}},
		{good + "\x01\x00A\x00", Error{ProblemShortValueLength, 10, 1}},
		{good + "\x01\x00A\x03\x00bc", Error{ProblemValueOverrun, 10, 3}},
		{good + good + good, Error{ProblemTooManyVars, 14, 2}},
	}
	for _, c := range cases {
		scanner := NewScanner([]byte(c.block), 2)
		for scanner.Scan() {
		}
		var got *Error
		if !errors.As(scanner.Err, &got) || *got != c.want {
			t.Errorf("%q: %v, want %v", c.block, scanner.Err, &c.want)
		}
		if scanner.Scan() {
			t.Errorf("%q: went on after its error", c.block)
		}
	}
}

func TestHeader(t *testing.T) {
	for n := range HeaderSize {
		var short *Error
		if _, err := ParseHeader(make([]byte, n)); !errors.As(err, &short) || short.Problem != ProblemShortHeader {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	dst, err := AppendHeader([]byte("x"), Header{Modifier1: 30, Modifier2: 7, Size: 0x1234})
	if err != nil || string(dst) != "x\x1e\x34\x12\x07" {
		t.Errorf("%q, %v", dst, err)
	}
	for _, size := range []int{-1, MaxBlock + 1} {
		dst, err := AppendHeader([]byte("x"), Header{Size: size})
		var large *Error
		if string(dst) != "x" || !errors.As(err, &large) || large.Problem != ProblemBlockTooLarge {
			t.Errorf("size %d: %q, %v", size, dst, err)
		}
	}
}

func TestAppendVarRefuses(t *testing.T) {
	long := strings.Repeat("x", MaxVar+1)
	for _, c := range []struct {
		key, value string
		want       Error
	}{
		{"", "v", Error{ProblemEmptyKey, 1, 0}},
		{long, "v", Error{ProblemVarTooLarge, 1, MaxVar + 1}},
		{"k", long, Error{ProblemVarTooLarge, 4, MaxVar + 1}},
	} {
		dst, err := AppendVar([]byte("x"), c.key, c.value)
		var got *Error
		if string(dst) != "x" || !errors.As(err, &got) || *got != c.want {
			t.Errorf("%.3q=%.3q: %q, %v", c.key, c.value, dst, err)
		}
	}
	dst, err := AppendVar(nil, long[1:], []byte(long[1:]))
	if key, value, rest, _ := Vars(dst).Next(); err != nil || len(key) != MaxVar || len(value) != MaxVar || len(rest) != 0 {
		t.Errorf("the largest variable: %d, %d, %v", len(key), len(value), err)
	}
}

func TestPong(t *testing.T) {
	want, err := os.ReadFile("testdata/uwsgi-pong.bin")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := AppendPong(nil, ""); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	if got, _ := AppendPong(nil, "busy"); string(got) != "d\x04\x00\x01busy" {
		t.Errorf("%q", got)
	}
	if got, err := AppendPong(nil, strings.Repeat("x", MaxBlock+1)); err == nil {
		t.Errorf("%d bytes", len(got))
	}
}

func TestSniff(t *testing.T) {
	for first, want := range map[string]Protocol{
		"GET / HTTP/1.1\r\n": ProtocolHTTP, "POST": ProtocolHTTP, "PRI * HTTP/2.0": ProtocolHTTP, "DELETE /": ProtocolHTTP,
		"\x16\x03\x01\x02\x00": ProtocolTLS, "\x16\x03\x03\x00": ProtocolTLS, "\x16\x10\x01\x00": ProtocolUwsgi,
		"\x00\x96\x01\x00": ProtocolUwsgi, "\x64\x00\x00\x00": ProtocolUwsgi, "GE": ProtocolUwsgi, "": ProtocolUwsgi,
		"GETX": ProtocolUwsgi, "\x1e\x03\x01\x00": ProtocolUwsgi,
	} {
		if got := Sniff([]byte(first)); got != want {
			t.Errorf("%q is %v", first, got)
		}
	}
}

func TestNames(t *testing.T) {
	seen := map[string]bool{"unknown": true}
	for _, p := range Problems() {
		if seen[p.String()] {
			t.Errorf("problem %d is %q", p, p)
		}
		seen[p.String()] = true
		if text := (&Error{Problem: p}).Error(); strings.Contains(text, "unknown") {
			t.Errorf("problem %d: %s", p, text)
		}
	}
	for p := ProtocolUwsgi; p <= ProtocolTLS; p++ {
		if seen[p.String()] {
			t.Errorf("protocol %d is %q", p, p)
		}
		seen[p.String()] = true
	}
	if Problem(0).String() != "unknown" || Problem(200).String() != "unknown" || Protocol(0).String() != "unknown" {
		t.Error("a value outside the enum has a name")
	}
	if text := (&Error{}).Error(); !strings.Contains(text, "unknown") {
		t.Error(text)
	}
}

// TestDecodingAllocatesNothing pins the promise of the package comment.
func TestDecodingAllocatesNothing(t *testing.T) {
	raw, err := os.ReadFile("testdata/nginx-get.bin")
	if err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 0, 1024)
	total := 0
	allocs := testing.AllocsPerRun(100, func() {
		header, err := ParseHeader(raw)
		if err != nil || Sniff(raw) != ProtocolUwsgi {
			t.Fatal(err)
		}
		out := buffer
		scanner := NewScanner(raw[HeaderSize:HeaderSize+header.Size], 100)
		for scanner.Scan() {
			total += len(scanner.Key)
			out, _ = AppendVar(out, scanner.Key, scanner.Value)
		}
		if scanner.Err != nil || len(out) != header.Size {
			t.Fatal(scanner.Err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkScan(b *testing.B) {
	_, block, _ := packet(b, "nginx-get.bin")
	b.SetBytes(int64(len(block)))
	b.ReportAllocs()
	for b.Loop() {
		scanner := NewScanner(block, 100)
		for scanner.Scan() {
		}
		if scanner.Err != nil {
			b.Fatal(scanner.Err)
		}
	}
}

func BenchmarkAppendVar(b *testing.B) {
	buffer := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buffer = buffer[:0]
		for range 16 {
			buffer, _ = AppendVar(buffer, "HTTP_USER_AGENT", "curl/7.88.1")
		}
	}
}
