package orders

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"penknife/internal/testkit"
	"penknife/internal/testkit/acmeca"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, acmeca.Leaks()...) }

// patience is how long an order may take.
const patience = 60 * time.Second

// bench is a manager, and a listener that answers challenges with what it says.
type bench struct {
	*Manager
	t       *testing.T
	options Options
	log     testkit.Buffer
	mu      sync.Mutex
	now     time.Time
	ordered map[bool]int
}

// CertificateOrdered implements Counter.
func (b *bench) CertificateOrdered(ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ordered[ok]++
}

func (b *bench) count(ok bool) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ordered[ok]
}

func (b *bench) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *bench) pass(d time.Duration) {
	b.mu.Lock()
	b.now = b.now.Add(d)
	b.mu.Unlock()
	notify(b.wake)
}

// newBench makes a manager that is not started, with an authority that looks at the given listeners.
func newBench(t *testing.T, overHTTP bool, domains ...string) *bench {
	t.Helper()
	b := &bench{t: t, now: time.Now(), ordered: map[bool]int{}}
	encrypted, plain := listen(t), listen(t)
	pebble := acmeca.Start(t, acmeca.Ports{HTTP: port(plain), TLS: port(encrypted)}, 0)
	b.options = Options{
		Domains: domains, Email: "ops@example.org", Directory: pebble.Directory, RootCA: pebble.RootFile,
		Storage: filepath.Join(testkit.Dir(t), "acme"), HTTP: overHTTP,
	}
	b.Manager = b.open()
	go http.Serve(tls.NewListener(encrypted, &tls.Config{ // ended by the listener's Close
		NextProtos: []string{"acme-tls/1"},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if cert := b.Challenge(hello.ServerName); cert != nil {
				return cert, nil
			}
			return nil, errors.New("nobody asked")
		},
	}), http.NotFoundHandler())
	go http.Serve(plain, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // ended by the listener's Close
		if text := b.Answer(r.URL.Path); text != nil {
			w.Write(text)
			return
		}
		http.NotFound(w, r)
	}))
	return b
}

func (b *bench) open() *Manager {
	b.t.Helper()
	m, err := New(b.options, Deps{Log: slog.New(slog.NewTextHandler(&b.log, nil)), Counter: b, Version: "test", Now: b.clock})
	if err != nil {
		b.t.Fatal(err)
	}
	return m
}

func (b *bench) start() {
	b.Start()
	m := b.Manager
	b.t.Cleanup(func() {
		if err := m.Shutdown(context.Background()); err != nil {
			b.t.Error(err)
		}
	})
}

// await waits for a condition that only the manager's goroutine can bring about.
func (b *bench) await(what string, holds func() bool) {
	b.t.Helper()
	testkit.Eventually(b.t, patience, func() error {
		if !holds() {
			return errors.New(what + "\n" + b.log.String())
		}
		return nil
	})
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

func port(ln net.Listener) int { return ln.Addr().(*net.TCPAddr).Port }

// TestOrder: by both challenges, several names, each with a certificate of its own that is kept for the next start.
func TestOrder(t *testing.T) {
	for name, overHTTP := range map[string]bool{"tls-alpn-01": false, "http-01": true} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, overHTTP, "a.example.org", "b.example.org")
			b.start()
			b.await("two certificates", func() bool { list, _ := b.Certificates(); return len(list) == 2 })
			list, number := b.Certificates()
			for i, cert := range list {
				if err := cert.Leaf.VerifyHostname(b.options.Domains[i]); err != nil {
					t.Error(err)
				}
			}
			if b.count(true) != 2 || b.count(false) != 0 || number == 0 {
				t.Errorf("counted %v", b.ordered)
			}
			if b.Challenge("a.example.org") != nil || len(b.proofs.pages) > 0 {
				t.Error("a challenge is still answered")
			}
			again := b.open() // as at the next start
			kept, _ := again.Certificates()
			for i := range list {
				if !bytes.Equal(kept[i].Certificate[0], list[i].Certificate[0]) || kept[i].PrivateKey == nil {
					t.Error("another certificate after a restart")
				}
			}
			if domain, _ := again.nextDue(); domain != "" {
				t.Errorf("%s is due", domain)
			}
			checkModes(t, b.options.Storage)
		})
	}
}

// checkModes: nobody else reads what is stored.
func checkModes(t *testing.T, dir string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		files++
		return err
	})
	if err != nil || files < 5 {
		t.Errorf("%d files, %v", files, err)
	}
}

// TestRenewal: a certificate is renewed when a third of its life is left and not before.
func TestRenewal(t *testing.T) {
	b := newBench(t, false, "a.example.org")
	b.start()
	b.await("a certificate", func() bool { return b.count(true) == 1 })
	first, _ := b.Certificates()
	life := first[0].Leaf.NotAfter.Sub(first[0].Leaf.NotBefore)
	b.pass(life*2/3 - time.Hour)
	if domain, wait := b.nextDue(); domain != "" || wait > time.Hour {
		t.Errorf("%q is due, or in %s", domain, wait)
	}
	b.pass(2 * time.Hour)
	b.await("another certificate", func() bool { return b.count(true) == 2 })
	if second, _ := b.Certificates(); bytes.Equal(second[0].Certificate[0], first[0].Certificate[0]) {
		t.Error("it is the same")
	}
	if text := b.log.String(); strings.Count(text, `msg="certificate renewed"`) != 2 {
		t.Error(text)
	}
}

// TestFailedOrder: the reason is in the log, the next attempt comes later each time, and a reload tries at once.
func TestFailedOrder(t *testing.T) {
	b := newBench(t, true, "a.example.org")
	root := b.options.RootCA
	b.options.RootCA = "" // what the system trusts, which Pebble is not among
	commit, err := b.Prepare(b.options)
	if err != nil {
		t.Fatal(err)
	}
	commit()
	b.start()
	b.await("a failure", func() bool { return b.count(false) == 1 })
	b.await("the line", func() bool { return strings.Contains(b.log.String(), "certificate order failed") })
	if text := b.log.String(); !strings.Contains(text, "x509:") || !strings.Contains(text, "next=2m0s") {
		t.Error(text)
	}
	for n, wait := range []time.Duration{2 * time.Minute, 4 * time.Minute, 8 * time.Minute} {
		if domain, left := b.nextDue(); domain != "" || left > wait || left < wait-time.Minute {
			t.Errorf("after failure %d: %q is due, or in %s", n+1, domain, left)
		}
		b.pass(wait)
		b.await("one more", func() bool { return b.count(false) == n+2 })
		b.await("its line", func() bool { return strings.Count(b.log.String(), "certificate order failed") == n+2 })
	}
	b.options.RootCA = root
	if commit, err = b.Prepare(b.options); err != nil {
		t.Fatal(err)
	}
	commit()
	b.await("a certificate", func() bool { return b.count(true) == 1 })
}

// TestStorageOfOthers: what another process has ordered meanwhile is taken, and two never order at the same time.
func TestStorageOfOthers(t *testing.T) {
	b := newBench(t, false, "a.example.org")
	other := b.open()
	shelf, err := openShelf(b.options)
	if err != nil {
		t.Fatal(err)
	}
	release, err := shelf.lock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.obtain(t.Context(), b.options, "a.example.org"); !errors.Is(err, ErrBusy) {
		t.Error(err)
	}
	release()
	b.start()
	b.await("a certificate", func() bool { return b.count(true) == 1 })
	mine, _ := b.Certificates()
	b.options.Directory = strings.Replace(b.options.Directory, "/dir", "/nowhere", 1)
	cert, err := other.obtain(t.Context(), other.options, "a.example.org")
	if err != nil || !bytes.Equal(cert.Certificate[0], mine[0].Certificate[0]) {
		t.Errorf("%v", err)
	}
}

// TestBadStorage: what is wrong is found at the start.
func TestBadStorage(t *testing.T) {
	dir := testkit.Dir(t)
	options := Options{Domains: []string{"a.example.org"}, Directory: "https://ca.example.org/dir", Storage: dir}
	deps := Deps{Log: slog.New(slog.DiscardHandler), Now: time.Now}
	shelf, err := openShelf(options)
	if err != nil {
		t.Fatal(err)
	}
	testkit.Write(t, shelf.dir, "a.example.org.pem", "nonsense")
	if _, err := New(options, deps); err == nil || !strings.Contains(err.Error(), "a.example.org.pem") {
		t.Error(err)
	}
	file := testkit.Write(t, dir, "file", "")
	options.Storage = filepath.Join(file, "acme")
	if _, err := New(options, deps); err == nil {
		t.Error("a file is taken for a directory")
	}
	options.Storage, options.RootCA = dir, file
	if _, err := New(options, deps); !errors.Is(err, errRootCA) {
		t.Error(err)
	}
}

// TestDirectoriesAreKeptApart: a certificate of a trial is none for the real authority.
func TestDirectoriesAreKeptApart(t *testing.T) {
	dirs := map[string]bool{}
	for _, url := range []string{"https://ca.example.org/dir", "https://ca.example.org/dir2", "https://staging.example.org/dir", "https://ca.example.org:14000/dir"} {
		shelf, err := openShelf(Options{Directory: url, Storage: testkit.Dir(t)})
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(shelf.dir)
		if dirs[name] || strings.ContainsAny(name, "/:") {
			t.Errorf("%s has %s", url, name)
		}
		dirs[name] = true
	}
}

// TestShutdownDuringAnOrder does not wait for an authority that does not answer.
func TestShutdownDuringAnOrder(t *testing.T) {
	mute := listen(t)
	accepted := make(chan net.Conn, 1)
	go func() { // ended by the listener's Close
		if nc, err := mute.Accept(); err == nil {
			accepted <- nc
		}
	}()
	m, err := New(Options{Domains: []string{"a.example.org"}, Directory: "https://" + mute.Addr().String() + "/", Storage: testkit.Dir(t)},
		Deps{Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	m.Start()
	nc := <-accepted
	defer nc.Close() // net/http waits for it in the background
	began := time.Now()
	if err := m.Shutdown(context.Background()); err != nil || time.Since(began) > 5*time.Second {
		t.Errorf("%v after %s", err, time.Since(began))
	}
}

// TestDue_TheClockIsSet: the pause after a failure is as long as it was to be, whatever the date becomes; a certificate's end is a
// date. One that has been renewed is not renewed again because the clock was set back.
func TestDue_TheClockIsSet(t *testing.T) {
	start := time.Now()
	date := start.Round(0) // as a certificate has it
	now, leaf := start, &x509.Certificate{NotBefore: date.Add(-80 * 24 * time.Hour), NotAfter: date.Add(10 * 24 * time.Hour)}
	m := &Manager{deps: Deps{Now: func() time.Time { return now }}, options: Options{Domains: []string{"a"}},
		names: map[string]*name{"a": {cert: &tls.Certificate{Leaf: leaf}}}}
	if domain, _ := m.nextDue(); domain != "a" {
		t.Fatal("it is not renewed in the last third of its life")
	}
	m.change("a", nil, errors.New("refused"))
	for _, by := range []time.Duration{0, time.Hour, -time.Hour, 365 * 24 * time.Hour, -365 * 24 * time.Hour} {
		now = testkit.Stepped(start, by)
		if domain, wait := m.nextDue(); domain != "" || wait != minPause {
			t.Errorf("clock by %v: %q is due, or in %v", by, domain, wait)
		}
		now = testkit.Stepped(start.Add(minPause), by)
		if domain, _ := m.nextDue(); domain != "a" {
			t.Errorf("clock by %v: nothing is due after the pause", by)
		}
	}
	fresh := &x509.Certificate{NotBefore: date.Add(-time.Hour), NotAfter: date.Add(90 * 24 * time.Hour)}
	m.change("a", &tls.Certificate{Leaf: fresh}, nil)
	for _, by := range []time.Duration{0, time.Hour, -time.Hour, -365 * 24 * time.Hour} {
		now = testkit.Stepped(start, by)
		if domain, wait := m.nextDue(); domain != "" || wait != nap {
			t.Errorf("clock by %v: a new certificate: %q is due, or in %v", by, domain, wait)
		}
	}
	now = testkit.Stepped(start, 365*24*time.Hour)
	if domain, _ := m.nextDue(); domain != "a" {
		t.Error("nothing is due a year later")
	}
}
