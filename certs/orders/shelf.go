package orders

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

var (
	// ErrBusy is a directory in which another process orders.
	ErrBusy = errors.New("another process orders with this storage")
	errKey  = errors.New("there is no key in it")
)

// shelf is the directory of one authority: those of a trial must not be shown for the real ones.
type shelf struct{ dir string }

// openShelf makes the directory if needed, and sees to it that this process may write there.
func openShelf(options Options) (shelf, error) {
	u, err := url.Parse(options.Directory)
	if err != nil {
		return shelf{}, err
	}
	name := strings.Trim(strings.ReplaceAll(u.Host+u.Path, "/", "_"), "_.")
	s := shelf{filepath.Join(options.Storage, strings.ReplaceAll(name, ":", "_"))}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return s, err
	}
	if err := unix.Access(s.dir, unix.W_OK|unix.X_OK|unix.R_OK); err != nil {
		return s, fmt.Errorf("%s must be writable: %w", s.dir, err)
	}
	return s, nil
}

// path is where the certificate of a domain is; configs has seen to it that the name is harmless.
func (s shelf) path(domain string) string { return filepath.Join(s.dir, domain+".pem") }

// load gives the certificate of a domain; nil: there is none. One that cannot be read is ordered anew only if it is not
// there: anything else is somebody's mistake.
func (s shelf) load(domain string) (*tls.Certificate, error) {
	text, err := os.ReadFile(s.path(domain))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // none is no error
	}
	if err != nil {
		return nil, err
	}
	cert, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w (remove it to have another one ordered)", s.path(domain), err)
	}
	return cert, nil
}

func (s shelf) store(domain string, text []byte) error { return writeFile(s.path(domain), text) }

// accountKey reads the key of the account, or makes one.
func (s shelf) accountKey() (crypto.Signer, error) {
	path := filepath.Join(s.dir, "account.key")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return newAccountKey(path)
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s: %w", path, errKey)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%s: %w", path, errKey)
	}
	return signer, nil
}

func newAccountKey(path string) (crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	text, err := encode(key, nil)
	if err != nil {
		return nil, err
	}
	return key, writeFile(path, text)
}

// writeFile puts a file in the place of another one, so that a crash leaves one of them whole.
func writeFile(path string, text []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".new-") // of mode 0600
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}

// lock keeps other processes with this directory from ordering the same at the same time. It ends with the process.
func (s shelf) lock() (release func(), err error) {
	file, err := os.OpenFile(filepath.Join(s.dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = file.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, ErrBusy
		}
		return nil, err
	}
	return func() { _ = file.Close() }, nil
}
