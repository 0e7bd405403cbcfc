package configs

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestTLSInTheFile: a section below an entry of a list has its keys, its defaults and its lines, and one text is a list of one.
func TestTLSInTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "penknife.yaml")
	text := "app: {wsgi: a:b}\nhttp:\n- listen: ':8443'\n  tls:\n    certificate: a.pem\n    key: [a.key]\n    min_version: '1.3'\n- {listen: ':8000'}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, err := Load(Options{File: file})
	if err != nil {
		t.Fatal(err)
	}
	want := TLS{Certificate: []string{"a.pem"}, Key: []string{"a.key"}, ClientAuth: ClientAuthOff, MinVersion: TLS13}
	if got := loaded.Config.HTTP[0].TLS; !reflect.DeepEqual(got, want) || !got.Enabled() {
		t.Errorf("%+v", got)
	}
	if got := loaded.Config.HTTP[1].TLS; got.Enabled() || got.MinVersion != TLS12 {
		t.Errorf("%+v", got)
	}
	if text, err := loaded.Explain("http.tls.min_version"); err != nil || !strings.Contains(text, "1.3  ("+file+":7)") || !strings.Contains(text, "1.2  (default)") {
		t.Errorf("%v\n%s", err, text)
	}
	flagged, err := Load(Options{File: file, Settings: []Setting{{Path: "http", Name: "--http", Values: []string{":8443", ":9000"}}}})
	if err != nil || !reflect.DeepEqual(flagged.Config.HTTP[0].TLS, want) || flagged.Config.HTTP[1].TLS.ClientAuth != ClientAuthOff {
		t.Errorf("%v, %+v", err, flagged.Config.HTTP)
	}
}

func TestDomains(t *testing.T) {
	for name, good := range map[string]bool{
		"example.org": true, "a-b.example.org": true, "xn--mller-kva.example": true, "localhost": false, "example.org.": false,
		"*.example.org": false, "192.0.2.1": false, "2001:db8::1": false, "EXAMPLE.org": false, "a..b": false, "-a.example": false,
		"a_b.example": false, "../x.example": false, "a/b.example": false, strings.Repeat("a", 64) + ".example": false, "": false,
	} {
		if reason := badDomain(name); (reason == "") != good {
			t.Errorf("%q: %q", name, reason)
		}
	}
}
