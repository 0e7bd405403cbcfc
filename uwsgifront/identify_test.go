package uwsgifront

import (
	"bytes"
	"strings"
	"testing"

	"penknife/configs"
	"penknife/requestids"
	"penknife/uwsgiproto"
)

// TestIdentify: whatever the web server says, the last REQUEST_ID of the block, which counts, is what the request is
// called, and what was sent is there unchanged before it.
func TestIdentify(t *testing.T) {
	const body = "abc"
	for name, test := range map[string]struct {
		vars []string
		want string // "": made
	}{
		"none":      {nil, ""},
		"header":    {[]string{"HTTP_X_REQUEST_ID=0f1e"}, "0f1e"},
		"plain":     {[]string{"REQUEST_ID=0f1e"}, "0f1e"},
		"both":      {[]string{"REQUEST_ID=yes", "HTTP_X_REQUEST_ID=no"}, "yes"},
		"twice":     {[]string{"HTTP_X_REQUEST_ID=a", "HTTP_X_REQUEST_ID=b"}, ""},
		"no id":     {[]string{"HTTP_X_REQUEST_ID=a b"}, ""},
		"empty":     {[]string{"HTTP_X_REQUEST_ID="}, ""},
		"bad plain": {[]string{"REQUEST_ID=\n"}, ""},
		"fallback":  {[]string{"REQUEST_ID=a b", "HTTP_X_REQUEST_ID=0f1e"}, "0f1e"},
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
			if value, there := uwsgiproto.Vars(c.req.Vars).Lookup("REQUEST_ID"); !there || string(value) != want {
				t.Errorf("%s: the variable is %q, want %q", name, value, want)
			}
			if received := sent[uwsgiproto.HeaderSize:]; !bytes.HasPrefix(c.req.Vars, []byte(received)) {
				t.Errorf("%s: the block was changed to %q", name, c.req.Vars)
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
