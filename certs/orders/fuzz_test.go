package orders

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// FuzzShelf: whatever lies in the directory of certificates, there is a certificate with a name and its key, or an error; the
// account's key likewise.
func FuzzShelf(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	for _, names := range [][]string{{"example.test"}, nil} {
		cert := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: names, NotAfter: time.Unix(2e9, 0)}
		der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
		if err != nil {
			f.Fatal(err)
		}
		text, err := encode(key, [][]byte{der, der})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
		f.Add(text[:len(text)/2])
		f.Add(bytes.Replace(text, []byte("PRIVATE KEY"), []byte("EC PRIVATE KEY"), 2))
	}
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		cert, err := parse(text)
		if (err == nil) != (cert != nil) || cert != nil && (cert.Leaf == nil || cert.Leaf.DNSNames == nil || cert.PrivateKey == nil) {
			t.Fatalf("%+v, %v", cert, err)
		}
		path := filepath.Join(dir, "account.key")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		account, err := (shelf{dir: dir}).accountKey()
		if (err == nil) != (account != nil) {
			t.Fatalf("%v, %v", account, err)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, text) {
			t.Fatal("a file that cannot be read was written over")
		}
	})
}
