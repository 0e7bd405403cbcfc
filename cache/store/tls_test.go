package store

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// selfSigned writes a certificate for 127.0.0.1 that nobody vouches for, and its key.
func selfSigned(t testing.TB, dir string) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "redis"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	signed, err := x509.CreateCertificate(rand.Reader, &template, &template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return testkit.Write(t, dir, "cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}))),
		testkit.Write(t, dir, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret})))
}

func TestTLS(t *testing.T) {
	certificate, key := selfSigned(t, testkit.Dir(t))
	port := strconv.Itoa(testkit.FreePort(t))
	testkit.StartRedis(t, "--tls-port", port, "--tls-cert-file", certificate, "--tls-key-file", key, "--tls-auth-clients", "no",
		"--requirepass", "secret")
	url := "rediss://:secret@127.0.0.1:" + port
	n := newNode(t, url+"?skip_verify=true", nil)
	n.awaitState(t, Up)
	mustSet(t, n, "k", "v")
	n.local.remove("k")
	expect(t, n.Store, "k", "v")
	strict := newNode(t, url, nil)
	if got := strict.remote.Stats(); got.State != Away || !strings.Contains(got.Reason, "x509") {
		t.Errorf("a certificate that nobody vouches for: %+v", got)
	}
}
