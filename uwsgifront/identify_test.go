package uwsgifront

import (
	"bytes"
	"strings"
	"testing"

	"penknife/configs"
	"penknife/requestids"
	"penknife/uwsgiproto"
)

// TestIdentify: whatever the web server says, the block has the identifier's variable exactly once, with the value that
// the request has, and nothing else of it is changed.
func TestIdentify(t *testing.T) {
	const body = "abc"
	for name, test := range map[string]struct {
		vars []string
		want string // "": made
	}{
		"none":      {nil, ""},
		"header":    {[]string{"HTTP_X_REQUEST_ID=0f1e"}, "0f1e"},
		"plain":     {[]string{"REQUEST_ID=0f1e"}, "0f1e"},
		"both":      {[]string{"REQUEST_ID=no", "HTTP_X_REQUEST_ID=yes"}, "yes"},
		"twice":     {[]string{"HTTP_X_REQUEST_ID=a", "HTTP_X_REQUEST_ID=b"}, ""},
		"no id":     {[]string{"HTTP_X_REQUEST_ID=a b"}, ""},
		"empty":     {[]string{"HTTP_X_REQUEST_ID="}, ""},
		"bad plain": {[]string{"REQUEST_ID=\n"}, ""},
		"fallback":  {[]string{"HTTP_X_REQUEST_ID=", "REQUEST_ID=0f1e"}, "0f1e"},
		"too long":  {[]string{"HTTP_X_REQUEST_ID=" + strings.Repeat("x", 200)}, ""},
	} {
		for _, content := range []string{"", body} {
			vars := append([]string{"REQUEST_METHOD=GET", "CONTENT_LENGTH=" + map[string]string{"": "", body: "3"}[content]}, test.vars...)
			s, err := New(configs.Uwsgi{}, testLimits(), Deps{IDs: requestids.New("X-Request-ID", false)})
			if err != nil {
				t.Fatal(err)
			}
			c := newConn(s)
			sent := packet(append(vars, "LAST=1")...)
			c.have = copy(c.buf, sent+content)
			if r := c.parse(c.buf[uwsgiproto.HeaderSize:len(sent)], c.buf[len(sent):c.have]); r != nil {
				t.Fatal(name, r)
			}
			want := test.want
			if want == "" {
				want = string(s.ids.Append(nil, c.req.ID))
			}
			if string(c.req.RequestID) != want {
				t.Errorf("%s: %q, want %q", name, c.req.RequestID, want)
			}
			var others []byte
			times := 0
			for rest := uwsgiproto.Vars(c.req.Vars); len(rest) > 0; {
				key, value, after, err := rest.Next()
				if err != nil {
					t.Fatal(name, err)
				}
				if string(key) == "HTTP_X_REQUEST_ID" {
					times++
					if string(value) != want {
						t.Errorf("%s: the variable is %q", name, value)
					}
				} else {
					others = append(others, rest[:len(rest)-len(after)]...)
				}
				rest = after
			}
			expected := appendWithout(nil, []byte(sent[uwsgiproto.HeaderSize:]), s.ids)
			if times != 1 || !bytes.Equal(others, expected) {
				t.Errorf("%s: the variable is there %d times, the others are %q", name, times, others)
			}
			if got := make([]byte, 8); content != "" {
				if n, _ := c.body.Read(got); string(got[:n]) != body {
					t.Errorf("%s: the body became %q", name, got[:n])
				}
			}
		}
	}
}

// TestIdentifyAllocatesNothing for the usual request: nginx without an identifier of its own.
func TestIdentifyAllocatesNothing(t *testing.T) {
	s, err := New(configs.Uwsgi{}, testLimits(), Deps{IDs: requestids.New("X-Request-ID", true)})
	if err != nil {
		t.Fatal(err)
	}
	c := newConn(s)
	c.have = copy(c.buf, packet("REQUEST_METHOD=GET", "REQUEST_URI=/"))
	if n := testing.AllocsPerRun(100, func() {
		if r := c.parse(c.buf[uwsgiproto.HeaderSize:c.have], nil); r != nil {
			t.Fatal(r)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
