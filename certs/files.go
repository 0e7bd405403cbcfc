package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"
)

// Errors of files that can be read and make no sense.
var (
	ErrPassphrase    = errors.New("the key has a passphrase, and nobody could type it: store it without one (openssl pkey -in KEY -out NEW)")
	ErrNoAuthorities = errors.New("there is no certificate of an authority in it")
)

// Pair is a certificate and its key, in PEM files.
type Pair struct {
	Certificate, Key string
}

// load reads a pair. Its errors name the files.
func (p Pair) load() (tls.Certificate, error) {
	chain, err := os.ReadFile(p.Certificate)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := os.ReadFile(p.Key)
	if err != nil {
		return tls.Certificate{}, err
	}
	if hasPassphrase(key) {
		return tls.Certificate{}, fmt.Errorf("%s: %w", p.Key, ErrPassphrase)
	}
	cert, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("%s with %s: %w", p.Certificate, p.Key, err)
	}
	return cert, nil
}

func hasPassphrase(text []byte) bool {
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			return false
		}
		if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return true
		}
		text = rest
	}
}

func loadAuthorities(path string) (*x509.CertPool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s: %w", path, ErrNoAuthorities)
	}
	return pool, nil
}

// stamp is what changes when a file, or what may be done with it, does. The zero value is a file that is not there.
type stamp struct {
	device, inode     uint64
	size              int64
	modified, changed time.Time
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	s := stamp{size: info.Size(), modified: info.ModTime()}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		s.device, s.inode = uint64(stat.Dev), stat.Ino //nolint:unconvert // 32 bits on mips
		s.changed = time.Unix(stat.Ctim.Unix())
	}
	return s
}

// Inspect reads everything that the options name. It gives what an operator should know, and an error for what cannot be
// used.
func Inspect(o Options, now time.Time) (warnings []string, err error) {
	var failures []error
	for _, pair := range o.Pairs {
		cert, err := pair.load()
		if err != nil {
			failures = append(failures, err)
			continue
		}
		warnings = append(warnings, judge(pair, cert.Leaf, now)...)
	}
	if o.ClientCA != "" {
		_, err := loadAuthorities(o.ClientCA)
		failures = append(failures, err)
	}
	return warnings, errors.Join(failures...)
}

// judge tells what is odd about a pair that can be used.
func judge(pair Pair, leaf *x509.Certificate, now time.Time) (warnings []string) {
	note := func(path, format string, args ...any) {
		warnings = append(warnings, path+": "+fmt.Sprintf(format, args...))
	}
	switch {
	case now.After(leaf.NotAfter):
		note(pair.Certificate, "the certificate has expired on %s: no client will accept it", day(leaf.NotAfter))
	case now.Before(leaf.NotBefore):
		note(pair.Certificate, "the certificate is valid from %s on: no client accepts it before", day(leaf.NotBefore))
	case leaf.NotAfter.Sub(now) < leaf.NotAfter.Sub(leaf.NotBefore)/5:
		note(pair.Certificate, "the certificate expires on %s", day(leaf.NotAfter))
	}
	if len(leaf.DNSNames)+len(leaf.IPAddresses) == 0 {
		note(pair.Certificate, "the certificate is for no name (subjectAltName): clients do not look at its subject")
	}
	if info, err := os.Stat(pair.Key); err == nil && info.Mode().Perm()&othersRead != 0 {
		note(pair.Key, "everybody on this machine can read the key (mode %04o): chmod o-rwx", info.Mode().Perm())
	}
	return warnings
}

const othersRead fs.FileMode = 0o007

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }

// sameChain tells whether two certificates are the same, with all that is sent along.
func sameChain(a, b tls.Certificate) bool {
	if len(a.Certificate) != len(b.Certificate) {
		return false
	}
	for i := range a.Certificate {
		if !bytes.Equal(a.Certificate[i], b.Certificate[i]) {
			return false
		}
	}
	return true
}
