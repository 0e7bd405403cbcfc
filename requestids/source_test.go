package requestids

import (
	"bytes"
	"strings"
	"testing"

	"penknife/uwsgiproto"
)

func TestMade_IsUniqueOverRestartsAndValid(t *testing.T) {
	one, two := New("X-Request-ID", false), New("X-Request-ID", false)
	a, b := one.Append(nil, 7), two.Append(nil, 7)
	if bytes.Equal(a, b) || bytes.Equal(a, one.Append(nil, 8)) {
		t.Errorf("%s, %s", a, b)
	}
	if !Valid(a) || !bytes.HasSuffix(a, []byte("-7")) || len(a) != 13+2 {
		t.Errorf("%s", a)
	}
}

func TestValid(t *testing.T) {
	for id, want := range map[string]bool{
		"4f9c0d1e2a3b": true, "Root=1-67891233-abcdef012345678912345678": true, "a/b+c==": true, "urn:uuid:1@h.example~": true,
		"": false, "a b": false, "a\n": false, "a,b": false, `a"`: false, "é": false, "a;b": false,
		strings.Repeat("x", MaxLength): true, strings.Repeat("x", MaxLength+1): false,
	} {
		if Valid([]byte(id)) != want {
			t.Errorf("%q: %v", id, !want)
		}
	}
}

func TestVariable(t *testing.T) {
	s := New("X-Correlation-Id", true)
	block, at := s.AppendVar([]byte(nil), nil, 12)
	value, there := uwsgiproto.Vars(block).Lookup(Variable)
	if !there || !bytes.Equal(value, s.Append(nil, 12)) || !bytes.Equal(block[at:], value) {
		t.Errorf("%q", block)
	}
	block, _ = s.AppendVar(block[:0], []byte("taken"), 12)
	if value, _ = uwsgiproto.Vars(block).Lookup(Variable); string(value) != "taken" {
		t.Errorf("%q", block)
	}
	if !s.IsHeader([]byte("x-correlation-ID")) || s.IsHeader([]byte("x-correlation-ix")) || !s.IsHeaderVariable([]byte("HTTP_X_CORRELATION_ID")) {
		t.Error("the names are not known")
	}
}

func TestField(t *testing.T) {
	loud, quiet := New("X-Request-ID", true), New("X-Request-ID", false)
	fields := []byte("A: b\r\nX-Requested: y\r\n")
	if got := string(loud.AppendField(nil, fields, []byte("id"))); got != "X-Request-ID: id\r\n" {
		t.Errorf("%q", got)
	}
	if got := loud.AppendField(nil, []byte("A: b\r\nx-request-id: own\r\n"), []byte("id")); len(got) > 0 {
		t.Errorf("%q beside the application's own", got)
	}
	if got := quiet.AppendField(nil, fields, []byte("id")); len(got) > 0 {
		t.Errorf("%q", got)
	}
}

func TestNone(t *testing.T) {
	none := New("", true)
	if none != nil || none.IsHeader([]byte("X")) || none.IsHeaderVariable([]byte("X")) || len(none.Append(nil, 1)) > 0 ||
		len(none.AppendField(nil, nil, []byte("x"))) > 0 {
		t.Error("no header, and still something is done")
	}
}
