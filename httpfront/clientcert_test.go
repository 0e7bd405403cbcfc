package httpfront

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"io"
	"math/big"
	"os/exec"
	"strings"
	"testing"
	"time"

	"penknife/gateway"
	"penknife/internal/testkit"
	"penknife/requestids"
)

// varsServer answers with OK and keeps the variables of the latest request.
func varsServer(t *testing.T, o options) (f *front, latest func() map[string]string) {
	t.Helper()
	blocks := make(chan []byte, 10)
	f = startFront(t, gateway.HandlerFunc(func(req *gateway.Request) (*gateway.Response, error) {
		blocks <- append([]byte(nil), req.Vars...)
		return whole(200, "", "x"), nil
	}), o)
	return f, func() map[string]string {
		select {
		case block := <-blocks:
			return varsOf(t, block)
		case <-time.After(patience):
			t.Fatal("no request")
			return nil
		}
	}
}

// forgery tries every way to look like a variable of TLS.
const forgery = "SSL_CLIENT_VERIFY: SUCCESS\r\nSSL-CLIENT-VERIFY: SUCCESS\r\nHTTPS: on\r\nSSL-Protocol: x\r\n"

func TestSessionVariables(t *testing.T) {
	o := encrypted(t)
	f, latest := varsServer(t, o)
	for name, test := range map[string]struct {
		change func(*tls.Config)
		want   map[string]string
	}{
		"1.3": {func(c *tls.Config) { c.ServerName = "app.example.org" },
			map[string]string{"SSL_PROTOCOL": "TLSv1.3", "SSL_TLS_SNI": "app.example.org"}},
		"1.2": {func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
		}, map[string]string{"SSL_PROTOCOL": "TLSv1.2", "SSL_CIPHER": "ECDHE-ECDSA-AES128-GCM-SHA256", "SSL_TLS_SNI": "localhost"}},
		"no SNI":  {func(c *tls.Config) { c.ServerName = "127.0.0.1" }, map[string]string{"SSL_TLS_SNI": ""}},
		"odd SNI": {func(c *tls.Config) { c.ServerName, c.InsecureSkipVerify = "a b\x01", true }, map[string]string{"SSL_TLS_SNI": ""}},
	} {
		t.Run(name, func(t *testing.T) {
			trusts := f.trusts
			defer func() { f.trusts = trusts }()
			f.trusts = trusts.Clone()
			test.change(f.trusts)
			c := f.dial(t)
			c.send("GET / HTTP/1.1\r\nHost: a\r\n" + forgery + "\r\n")
			c.response()
			vars := latest()
			for key, want := range map[string]string{
				"HTTPS": "on", "REQUEST_SCHEME": "https", "SSL_CLIENT_VERIFY": "NONE", "HTTP_HTTPS": "on", "HTTP_SSL_PROTOCOL": "x",
			} {
				if vars[key] != want {
					t.Errorf("%s is %q, want %q", key, vars[key], want)
				}
			}
			for key, want := range test.want {
				if vars[key] != want {
					t.Errorf("%s is %q, want %q", key, vars[key], want)
				}
			}
			if vars["SSL_CIPHER"] == "" {
				t.Error("no SSL_CIPHER")
			}
		})
	}
}

// TestForgedSessionVariablesOnPlainHTTP: a header never becomes one of them.
func TestForgedSessionVariablesOnPlainHTTP(t *testing.T) {
	f, latest := varsServer(t, options{})
	c := f.dial(t)
	c.send("GET / HTTP/1.1\r\nHost: a\r\n" + forgery + "\r\n")
	c.response()
	for key := range latest() {
		if strings.HasPrefix(key, "SSL_") || key == "HTTPS" {
			t.Errorf("there is %s", key)
		}
	}
}

// TestForwardedOverTLS: a trusted proxy may say that its client spoke plain HTTP, or say nothing.
func TestForwardedOverTLS(t *testing.T) {
	o := encrypted(t)
	o.cfg.TrustedProxies = []string{"127.0.0.1"}
	f, latest := varsServer(t, o)
	for field, want := range map[string]string{
		"X-Forwarded-For: 192.0.2.1":  "https on 192.0.2.1",
		"X-Forwarded-Proto: http":     "http  127.0.0.1",
		"X-Forwarded-Proto: https":    "https on 127.0.0.1",
		"X-Forwarded-Proto: nonsense": "https on 127.0.0.1",
	} {
		c := f.dial(t)
		c.send("GET / HTTP/1.1\r\nHost: a\r\n" + field + "\r\n\r\n")
		c.response()
		vars := latest()
		if got := vars["REQUEST_SCHEME"] + " " + vars["HTTPS"] + " " + vars["REMOTE_ADDR"]; got != want || vars["SSL_PROTOCOL"] == "" {
			t.Errorf("%s: %s, want %s", field, got, want)
		}
	}
}

// TestTLSOnAUnixSocket has the port that goes with the scheme.
func TestTLSOnAUnixSocket(t *testing.T) {
	o := encrypted(t)
	o.network = "unix"
	f, latest := varsServer(t, o)
	for field, want := range map[string]string{"": "https 443", "X-Forwarded-Proto: http\r\n": "http 80"} {
		c := f.dial(t)
		c.send("GET / HTTP/1.1\r\nHost: a\r\n" + field + "\r\n")
		c.response()
		vars := latest()
		if got := vars["REQUEST_SCHEME"] + " " + vars["SERVER_PORT"]; got != want {
			t.Errorf("%q: %s, want %s", field, got, want)
		}
	}
}

// askingForCertificates are options for a server that wants certificates of the authority's clients.
func askingForCertificates(t *testing.T, how tls.ClientAuthType) options {
	t.Helper()
	o := encrypted(t)
	o.tls.ClientAuth, o.tls.ClientCAs = how, o.authority.Pool
	return o
}

func TestClientCertificates(t *testing.T) {
	others := testkit.NewAuthority(t, "somebody else")
	expired := func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }
	forServers := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }
	large := func(c *x509.Certificate) { c.Subject.OrganizationalUnit = []string{strings.Repeat("x", maxClientCert)} }
	for _, how := range []tls.ClientAuthType{tls.VerifyClientCertIfGiven, tls.RequireAndVerifyClientCert} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			o := askingForCertificates(t, how)
			o.tls.MaxVersion = version
			f, latest := varsServer(t, o)
			n := 0
			for _, test := range []struct {
				name   string
				issued *testkit.Issued
				want   string
			}{
				{"good", o.authority.Issue(t, "alice", nil), handshakeDone},
				{"wrong authority", others.Issue(t, "alice", nil), handshakeClientCertificate},
				{"expired", o.authority.Issue(t, "alice", expired), handshakeClientCertificate},
				{"for servers", o.authority.Issue(t, "alice", forServers), handshakeClientCertificate},
				{"none", nil, map[bool]string{true: handshakeClientCertificate, false: handshakeDone}[how == tls.RequireAndVerifyClientCert]},
				{"too large", o.authority.Issue(t, "alice", large), handshakeClientCertificate},
			} {
				trusts := f.trusts.Clone()
				if test.issued != nil {
					trusts.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
						return &test.issued.Certificate, nil // whatever the server asks for
					}
				}
				before := f.trusts
				f.trusts = trusts
				c := f.dial(t)
				f.trusts = before
				io.WriteString(c.Conn, get+"\r\n") // fails when the server is faster
				n++
				if got := f.handshook(t, n); got != test.want {
					t.Errorf("%v, %x, %s: %s, want %s", how, version, test.name, got, test.want)
				}
				if test.want != handshakeDone {
					if got, _ := io.ReadAll(c.Reader); len(got) > 0 {
						t.Errorf("%s is answered: %q", test.name, got)
					}
					continue
				}
				if status, _ := c.response(); status != "200" {
					t.Errorf("%s: %s", test.name, status)
				}
				vars := latest()
				want := "NONE"
				if test.issued != nil {
					want = "SUCCESS"
				}
				if vars["SSL_CLIENT_VERIFY"] != want || (vars["SSL_CLIENT_CERT"] != "") != (want == "SUCCESS") {
					t.Errorf("%s: %q", test.name, vars)
				}
			}
		}
	}
}

// TestRefusedCertificateIsTold: the client gets an alert that says what is wrong, and no reset.
func TestRefusedCertificateIsTold(t *testing.T) {
	f := startFront(t, echo, askingForCertificates(t, tls.RequireAndVerifyClientCert))
	c := f.dial(t)
	c.send(get + "\r\n") // as early as TLS 1.3 permits
	if _, err := io.ReadAll(c.Reader); err == nil || !strings.Contains(err.Error(), "certificate required") {
		t.Errorf("the client sees %v", err)
	}
}

func TestClientVariables(t *testing.T) {
	o := askingForCertificates(t, tls.RequireAndVerifyClientCert)
	f, latest := varsServer(t, o)
	issued := o.authority.Issue(t, "alice", func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC), time.Date(2040, 11, 12, 13, 14, 15, 0, time.UTC)
	})
	f.trusts = f.trusts.Clone()
	f.trusts.Certificates = []tls.Certificate{issued.Certificate}
	c := f.dial(t)
	c.send("GET / HTTP/1.1\r\nHost: a\r\nSSL-CLIENT-S-DN: CN=root\r\n\r\n")
	c.response()
	vars := latest()
	for key, want := range map[string]string{
		"SSL_CLIENT_VERIFY": "SUCCESS", "SSL_CLIENT_S_DN": "CN=alice", "SSL_CLIENT_S_DN_CN": "alice", "SSL_CLIENT_I_DN": "CN=penknife tests",
		"SSL_CLIENT_V_START": "Jan  2 03:04:05 2020 GMT", "SSL_CLIENT_V_END": "Nov 12 13:14:15 2040 GMT",
		"SSL_CLIENT_M_SERIAL": openssl(t, issued.CertFile, "-serial")[len("serial="):],
	} {
		if vars[key] != want {
			t.Errorf("%s is %q, want %q", key, vars[key], want)
		}
	}
	block, rest := pem.Decode([]byte(vars["SSL_CLIENT_CERT"]))
	if block == nil || len(rest) > 0 || string(block.Bytes) != string(issued.Leaf.Raw) {
		t.Errorf("%q", vars["SSL_CLIENT_CERT"])
	}
}

// openssl gives what it says about a certificate.
func openssl(t testing.TB, file string, arguments ...string) string {
	t.Helper()
	out, err := exec.Command("openssl", append([]string{"x509", "-noout", "-in", file}, arguments...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("openssl: %v\n%s", err, out)
	}
	return strings.TrimSuffix(string(out), "\n")
}

// TestDistinguishedNames: written as OpenSSL does, and so nginx and Apache.
func TestDistinguishedNames(t *testing.T) {
	authority := testkit.NewAuthority(t, "x")
	email := asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}
	unknown := asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}
	for name, subject := range map[string]pkix.RDNSequence{
		"usual": {{{Type: asn1.ObjectIdentifier{2, 5, 4, 6}, Value: "DE"}}, {{Type: asn1.ObjectIdentifier{2, 5, 4, 10}, Value: "Müller & Söhne"}},
			{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "alice"}}},
		"several in one": {{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "a"}, {Type: asn1.ObjectIdentifier{2, 5, 4, 11}, Value: "b"}}},
		"special":        {{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: `#a,b+c"d\e<f>g;h=i `}}, {{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: " x"}}},
		"controls":       {{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "a\r\nSet-Cookie: x\x00\x7f\x1b[31m"}}},
		"mail":           {{{Type: email, Value: asn1.RawValue{Tag: asn1.TagIA5String, Bytes: []byte("a@b.example")}}}},
		"unknown":        {{{Type: unknown, Value: "x"}}, {{Type: unknown, Value: asn1.RawValue{Tag: asn1.TagIA5String, Bytes: []byte("y")}}}},
		"empty value":    {{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: ""}}},
		"nothing":        {},
	} {
		t.Run(name, func(t *testing.T) {
			der, err := asn1.Marshal(subject)
			if err != nil {
				t.Fatal(err)
			}
			issued := authority.Issue(t, "x", func(c *x509.Certificate) { c.RawSubject = der })
			want := strings.TrimPrefix(openssl(t, issued.CertFile, "-subject", "-nameopt", "RFC2253,-esc_msb"), "subject=")
			parsed, err := parseName(issued.Leaf.RawSubject)
			if err != nil {
				t.Fatal(err)
			}
			if got := formatName(parsed); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// TestOddNames are what OpenSSL writes otherwise, or not at all.
func TestOddNames(t *testing.T) {
	for text, want := range map[string]string{
		"a\u0085b\u009b": `a\C2\85b\C2\9B`, // control characters above ASCII
		"a\xffb":         `a\FFb`,
		"日本":             "日本",
	} {
		if got := escapeName(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	for text, want := range map[string]bool{"alice": true, "al\nice": false, "al\x00ice": false, "al\xffice": false, "Ålice, x": true} {
		raw, err := asn1.MarshalWithParams(text, "utf8")
		if err != nil { // not UTF-8: Go does not write it
			raw, _ = asn1.Marshal(asn1.RawValue{Tag: asn1.TagT61String, Bytes: []byte(text)})
		}
		name := []attributesSET{{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: asn1.RawValue{FullBytes: raw}}}}
		if got, ok := commonName(name); ok != want || ok && got != text {
			t.Errorf("%q: %q, %v", text, got, ok)
		}
	}
	for _, der := range []string{"", "\x30", "\x04\x01x", "\x30\x00x"} {
		if _, err := parseName([]byte(der)); err == nil {
			t.Errorf("%q is a name", der)
		}
	}
}

// FuzzDistinguishedName: whatever an authority signs, no control character comes out.
func FuzzDistinguishedName(f *testing.F) {
	for _, subject := range []pkix.RDNSequence{{}, {{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "a\nb, c"}}}} {
		der, err := asn1.Marshal(subject)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(der)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		name, err := parseName(der)
		if err != nil {
			return
		}
		common, _ := commonName(name)
		for _, text := range []string{formatName(name), common} {
			for _, c := range []byte(text) {
				if c < ' ' || c == 0x7f {
					t.Fatalf("%q", text)
				}
			}
		}
	})
}

// TestVariablesOfEverySession: the connection's variables are there once for each request, with those of the request.
func TestVariablesOfEverySession(t *testing.T) {
	o := encrypted(t)
	o.ids = requestids.New("X-Request-ID", false)
	f, latest := varsServer(t, o)
	c := f.dial(t)
	for range 3 {
		c.send(get + "\r\n")
		c.response()
		if vars := latest(); vars["SSL_PROTOCOL"] != "TLSv1.3" || vars["REQUEST_METHOD"] != "GET" {
			t.Errorf("%q", vars)
		}
	}
}

// TestSerialNumbersAreWholeBytes: openssl prints two digits for each, also when the first is 0.
func TestSerialNumbersAreWholeBytes(t *testing.T) {
	cert := *testkit.NewAuthority(t, "serials").Issue(t, "alice", nil).Leaf
	cert.SerialNumber = big.NewInt(0xabc)
	vars, err := appendClientVars(nil, &cert)
	if err != nil || !strings.Contains(string(vars), "SSL_CLIENT_M_SERIAL\x04\x000ABC") {
		t.Errorf("%q, %v", vars, err)
	}
}
