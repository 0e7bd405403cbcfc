package sockets

import (
	"errors"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	cases := []struct {
		text     string
		want     Addr
		loopback bool
	}{
		{":8000", Addr{"tcp", "127.0.0.1:8000"}, true},
		{"0.0.0.0:80", Addr{"tcp", "0.0.0.0:80"}, false},
		{"127.9.0.1:80", Addr{"tcp", "127.9.0.1:80"}, true},
		{"[::1]:80", Addr{"tcp", "[::1]:80"}, true},
		{"[::]:80", Addr{"tcp", "[::]:80"}, false},
		{"[::ffff:127.0.0.1]:80", Addr{"tcp", "[::ffff:127.0.0.1]:80"}, true},
		{"LocalHost:0", Addr{"tcp", "LocalHost:0"}, true},
		{"example.org:65535", Addr{"tcp", "example.org:65535"}, false},
		{"unix:/run/a.sock", Addr{"unix", "/run/a.sock"}, true},
		{"unix:a.sock", Addr{"unix", "a.sock"}, true},
		{"unix:@name", Addr{"unix", "@name"}, true},
	}
	for _, c := range cases {
		got, err := Parse(c.text)
		if err != nil || got != c.want {
			t.Errorf("Parse(%q) = %v, %v; want %v", c.text, got, err, c.want)
		}
		if got.IsLoopback() != c.loopback {
			t.Errorf("%q: loopback is %v", c.text, got.IsLoopback())
		}
		again, err := Parse(got.String())
		if err != nil || again != got {
			t.Errorf("%q does not survive String: %v, %v", c.text, again, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		"", "8000", "host", "host:", "host:http", "host:65536", "host:-1", "::1:80", "*:80", "a/b:80", "/run/a.sock",
		"unix:", "unix:@", "unix:/a\x00b", "unix:/" + strings.Repeat("x", maxUnixPath),
	} {
		if got, err := Parse(text); !errors.Is(err, ErrAddress) {
			t.Errorf("Parse(%q) = %v, %v", text, got, err)
		}
	}
}
