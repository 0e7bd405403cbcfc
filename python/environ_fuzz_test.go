package python_test

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
	"testing"

	"penknife/uwsgiproto"
)

// FuzzEnviron: the C code that makes an environ of a var block reads what Go reads in it, or refuses it, and reads nothing
// that is not in it, whatever a worker that runs wild has written there. Two requests one after the other, since names and values are
// kept for the next one, after as many other names as filler says, since there is room for 512.
func FuzzEnviron(f *testing.F) {
	for _, text := range []string{
		"REQUEST_METHOD=GET\nPATH_INFO=/a\nQUERY_STRING=\nHTTP_HOST=x", "HTTP_A=1\nHTTP_A=2\nHTTP_COOKIE=a=b\nHTTP_COOKIE=c", "A=1\nA=2\nHTTP_=1\nHTTP_=2",
		"HTTPS=on\nREQUEST_SCHEME=http\nUWSGI_SCHEME=", "HTTPS=off\nREQUEST_SCHEME=HTTPS", "UWSGI_SCHEME=https\nUWSGI_SCHEME=ftp\nHTTPS=1", "REQUEST_METHOD=HEAD\nREQUEST_METHOD=head",
		"HTTP_PROXY=x\nHTTP_CONTENT_LENGTH=1\nHTTP_CONTENT_TYPE=x\nHTTP_TRANSFER_ENCODING=x\nwsgi.x=1\npenknife.y=2\nwsgi=3", "wsgi.url_scheme=x\nSCRIPT_NAME=\xe4\xff\n\xc3\xa4=\x80",
		strings.Repeat("N", 64) + "=" + strings.Repeat("v", 96) + "\n" + strings.Repeat("N", 65) + "=" + strings.Repeat("v", 97), strings.Repeat("HTTP_LONG=x\n", 300),
		"HTTP_" + strings.Repeat("Z", 300) + "=1\nHTTP_" + strings.Repeat("Z", 300) + "=2",
		"SERVER_NAME=\nSERVER_PORT=\nSERVER_PROTOCOL=", "SERVER_NAME=a\nSERVER_NAME=\nSERVER_PORT=1", "HTTP_HOST=a\nHTTP_HOST=a:80",
	} {
		f.Add(true, []byte(text), []byte(text), uint16(0), int32(0))
		f.Add(true, []byte("HTTP_A=0\nREQUEST_METHOD=HEAD"), []byte(text), uint16(510), int32(0))
		f.Add(true, []byte(""), []byte(text), uint16(0), int32(-1))
		f.Add(true, []byte(""), []byte(text), uint16(0), int32(1))
	}
	for _, block := range []string{"\x01\x00A\x01\x00b", "\x00\x00\x00\x00", "\x00\x00\x01\x00b", "\x01", "\x01\x00", "\x02\x00A", "\x01\x00A\x01", "\x01\x00A\xff\xff", "\xff\xff"} {
		f.Add(false, []byte(block), []byte(block), uint16(0), int32(0))
		f.Add(false, []byte(""), []byte(block), uint16(600), int32(70000))
	}
	d := newDriver(f)
	f.Fuzz(func(t *testing.T, lines bool, first, second []byte, filler uint16, beyond int32) {
		if len(first)+len(second) > 1<<16 {
			return
		}
		d.ask(t, 'F', 0, nil, nil)
		for i := range int(min(filler, 1024)) {
			if i%128 == 0 {
				block := fillerBlock(i, min(i+128, int(filler)))
				d.compare(t, block, uint32(len(block)))
			}
		}
		if lines {
			first, second = blockOf(first), blockOf(second)
		}
		d.compare(t, first, uint32(len(first)))
		d.compare(t, second, uint32(int32(len(second))+beyond))
		d.compare(t, first, uint32(len(first)))
	})
}

// compare asks for one environ.
func (d *driver) compare(t *testing.T, block []byte, declared uint32) {
	t.Helper()
	got, want := d.environ(t, block, declared), expected(block, declared)
	if got.refused != want.refused || got.head != want.head || !maps.Equal(got.pairs, want.pairs) {
		t.Fatalf("%q, of which %d are said to be variables:\n got %s\nwant %s", block, declared, got, want)
	}
}

// blockOf makes a block of lines NAME=value, so that what a fuzzer changes is a block again.
func blockOf(text []byte) []byte {
	var block []byte
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		name, value, _ := bytes.Cut(line, []byte("="))
		block, _ = uwsgiproto.AppendVar(block, name, value) // what is no variable stays out
	}
	return block
}

func fillerBlock(from, to int) []byte {
	var block []byte
	for i := from; i < to; i++ {
		block, _ = uwsgiproto.AppendVar(block, fmt.Sprintf("HTTP_FILLER_%d", i), "x")
	}
	return block
}

// expected is the environ as python/accel/environ.c shall make it, from Go's reading of the block.
func expected(block []byte, declared uint32) environ {
	if int64(declared) > int64(len(block)) {
		return environ{refused: "RuntimeError"}
	}
	want := environ{pairs: map[string]string{"SCRIPT_NAME": "", "PATH_INFO": "", "QUERY_STRING": "", "SERVER_NAME": "localhost", "SERVER_PORT": "80",
		"SERVER_PROTOCOL": "HTTP/1.0"}}
	last := map[string]string{}
	for rest := uwsgiproto.Vars(block[:declared]); len(rest) > 0; {
		key, value, next, err := rest.Next()
		if err != nil {
			return environ{refused: "RuntimeError"}
		}
		rest = next
		want.add(last, string(key), string(value))
		last[string(key)] = string(value)
	}
	want.head = last["REQUEST_METHOD"] == "HEAD"
	want.pairs["wsgi.url_scheme"] = schemeOf(last)
	return want
}

func (e environ) add(last map[string]string, key, value string) {
	switch {
	case key == "HTTP_PROXY", key == "HTTP_CONTENT_LENGTH", key == "HTTP_CONTENT_TYPE", key == "HTTP_TRANSFER_ENCODING", strings.HasPrefix(key, "wsgi."),
		strings.HasPrefix(key, "penknife."):
		return
	case value == "" && (key == "SERVER_NAME" || key == "SERVER_PORT" || key == "SERVER_PROTOCOL"):
		return
	}
	_, again := last[key]
	switch {
	case again && key == "HTTP_COOKIE":
		value = e.pairs[key] + "; " + value
	case again && strings.HasPrefix(key, "HTTP_") && key != "HTTP_" && key != "HTTP_HOST":
		value = e.pairs[key] + ", " + value
	}
	e.pairs[key] = value
}

// schemeOf decides by UWSGI_SCHEME, HTTPS and REQUEST_SCHEME, in this order, whatever says something.
func schemeOf(last map[string]string) string {
	for _, name := range []string{"UWSGI_SCHEME", "HTTPS", "REQUEST_SCHEME"} {
		value := asciiLower(last[name])
		switch {
		case name != "HTTPS" && (value == "https" || value == "http"):
			return value
		case name == "HTTPS" && (value == "on" || value == "1" || value == "true" || value == "yes"):
			return "https"
		}
	}
	return "http"
}

// asciiLower is strings.ToLower without what Unicode has beyond ASCII (the Kelvin sign is a k there).
func asciiLower(text string) string {
	return string(bytes.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, []byte(text)))
}
