package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// bench is a store with a clock of its own.
type bench struct {
	*Store
	t     *testing.T
	log   bytes.Buffer
	now   time.Time
	loads map[bool]int
}

// CertificatesLoaded implements Counter.
func (b *bench) CertificatesLoaded(ok bool) { b.loads[ok]++ }

func newBench(t *testing.T, o Options, ordered Ordered) *bench {
	t.Helper()
	b := &bench{t: t, now: time.Now(), loads: map[bool]int{}}
	var err error
	b.Store, err = New(o, Deps{
		Log: slog.New(slog.NewTextHandler(&b.log, nil)), Counter: b, Tickets: NewTickets(b.now), Ordered: ordered,
		Now: func() time.Time { return b.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// after lets time pass and gives the certificate that a client is shown then.
func (b *bench) after(d time.Duration) *x509.Certificate {
	b.t.Helper()
	b.now = b.now.Add(d)
	return b.shown("localhost")
}

// shown gives the certificate for a name; nil when the handshake fails.
func (b *bench) shown(name string) *x509.Certificate {
	b.t.Helper()
	_, state, _ := shake(b.Config(), &tls.Config{ServerName: name, InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	if len(state.PeerCertificates) == 0 {
		return nil
	}
	return state.PeerCertificates[0]
}

// shake connects a client with a server that has these configurations, and gives what each knows and the client's error.
func shake(server, client *tls.Config) (served, seen tls.ConnectionState, err error) {
	near, far := net.Pipe()
	done := make(chan tls.ConnectionState, 1)
	go func() { // ends with the pipe
		session := tls.Server(far, server)
		_ = session.Handshake()
		_, _ = session.Write([]byte("x")) // behind the tickets
		done <- session.ConnectionState()
		_ = session.Close()
	}()
	session := tls.Client(near, client)
	if err = session.Handshake(); err == nil {
		_, err = session.Read(make([]byte, 1))
	}
	seen = session.ConnectionState()
	_ = near.Close()
	return <-done, seen, err
}

func pairOf(issued *testkit.Issued) Pair {
	return Pair{Certificate: issued.CertFile, Key: issued.KeyFile}
}

// TestRenewedFiles: a renewal is shown to the next client, not sooner than a second after the last look.
func TestRenewedFiles(t *testing.T) {
	authority, dir := testkit.NewAuthority(t, "ca"), testkit.Dir(t)
	first := authority.IssueInto(t, dir, "one", nil)
	b := newBench(t, Options{Pairs: []Pair{pairOf(first)}}, nil)
	if !b.shown("localhost").Equal(first.Leaf) {
		t.Fatal("another certificate")
	}
	second := authority.IssueInto(t, dir, "two", nil)
	if !b.after(lookEvery / 2).Equal(first.Leaf) {
		t.Error("it looked too early")
	}
	if !b.after(lookEvery).Equal(second.Leaf) {
		t.Error("the renewal is not shown")
	}
	infos, stale := b.Certificates()
	if b.loads[true] != 2 || b.loads[false] != 0 || stale || len(infos) != 1 || infos[0].Name != first.CertFile || !infos[0].End.Equal(second.Leaf.NotAfter) {
		t.Errorf("%v, %v, %+v", b.loads, stale, infos)
	}
	if text := b.log.String(); strings.Count(text, "certificate renewed") != 1 {
		t.Error(text)
	}
}

// TestRenewedFiles_TheClockIsSetBack: the files are looked at all the same, and not an hour later.
func TestRenewedFiles_TheClockIsSetBack(t *testing.T) {
	authority, dir := testkit.NewAuthority(t, "ca"), testkit.Dir(t)
	first := authority.IssueInto(t, dir, "one", nil)
	b := newBench(t, Options{Pairs: []Pair{pairOf(first)}}, nil)
	if !b.after(lookEvery).Equal(first.Leaf) {
		t.Fatal("another certificate")
	}
	second := authority.IssueInto(t, dir, "two", nil)
	b.now = testkit.Stepped(b.now, -time.Hour)
	if !b.after(lookEvery).Equal(second.Leaf) {
		t.Error("the renewal is not shown")
	}
}

// TestSymbolicLinks: as certbot (a link to the file) and Kubernetes (a link to the directory) renew.
func TestSymbolicLinks(t *testing.T) {
	authority, dir := testkit.NewAuthority(t, "ca"), testkit.Dir(t)
	issue := func(name string) *testkit.Issued {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		return authority.IssueInto(t, filepath.Join(dir, name), name, nil)
	}
	point := func(link, target string) {
		if err := errors.Join(os.Symlink(target, filepath.Join(dir, "next")), os.Rename(filepath.Join(dir, "next"), filepath.Join(dir, link))); err != nil {
			t.Fatal(err)
		}
	}
	one, two := issue("one"), issue("two")
	point("cert.pem", "one/cert.pem")
	point("key.pem", "one/key.pem")
	point("..data", "one")
	certbot := newBench(t, Options{Pairs: []Pair{{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}}}, nil)
	kubernetes := newBench(t, Options{Pairs: []Pair{{filepath.Join(dir, "..data/cert.pem"), filepath.Join(dir, "..data/key.pem")}}}, nil)
	point("cert.pem", "two/cert.pem")
	if !certbot.after(time.Second).Equal(one.Leaf) || certbot.log.Len() > 0 {
		t.Error("half a renewal is used, or said to be broken: " + certbot.log.String())
	}
	point("key.pem", "two/key.pem")
	point("..data", "two")
	for _, b := range []*bench{certbot, kubernetes} {
		if !b.after(time.Second).Equal(two.Leaf) {
			t.Error("the renewal is not shown")
		}
	}
}

// TestBrokenRenewal: whatever is wrong, the old certificate stays, the log says so once, and what is mended is taken.
func TestBrokenRenewal(t *testing.T) {
	authority := testkit.NewAuthority(t, "ca")
	for name, breaks := range map[string]func(*testkit.Issued) error{
		"nonsense": func(i *testkit.Issued) error { return os.WriteFile(i.CertFile, []byte("nonsense"), 0o600) },
		"empty":    func(i *testkit.Issued) error { return os.Truncate(i.KeyFile, 0) },
		"gone":     func(i *testkit.Issued) error { return os.Remove(i.KeyFile) },
		"of another pair": func(i *testkit.Issued) error {
			return os.Rename(authority.Issue(t, "x", nil).KeyFile, i.KeyFile)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := testkit.Dir(t)
			first := authority.IssueInto(t, dir, "one", nil)
			b := newBench(t, Options{Pairs: []Pair{pairOf(first)}}, nil)
			if err := breaks(first); err != nil {
				t.Fatal(err)
			}
			for n := range 10 {
				if !b.after(time.Second).Equal(first.Leaf) {
					t.Fatal("another certificate, or none")
				}
				if _, stale := b.Certificates(); stale != (n >= 2) {
					t.Errorf("after %d s it is stale: %v", n+1, stale)
				}
			}
			if text := b.log.String(); strings.Count(text, "cannot be used") != 1 || b.loads[false] != 1 || !strings.Contains(text, dir) {
				t.Errorf("%v: %s", b.loads, text)
			}
			second := authority.IssueInto(t, dir, "two", nil)
			if _, stale := b.Certificates(); !b.after(time.Second).Equal(second.Leaf) || !stale {
				t.Error("the mended files are not shown")
			}
			if _, stale := b.Certificates(); stale {
				t.Error("it is stale for ever")
			}
		})
	}
}

// TestPrepare: a reload changes everything or nothing.
func TestPrepare(t *testing.T) {
	authority := testkit.NewAuthority(t, "ca")
	first, second := authority.Issue(t, "one", nil), authority.Issue(t, "two", nil)
	b := newBench(t, Options{Pairs: []Pair{pairOf(first)}}, nil)
	if _, err := b.Prepare(Options{Pairs: []Pair{pairOf(second)}, ClientCA: second.KeyFile}); !errors.Is(err, ErrNoAuthorities) {
		t.Error(err)
	}
	if !b.shown("localhost").Equal(first.Leaf) {
		t.Error("half of it is in force")
	}
	commit, err := b.Prepare(Options{
		Pairs: []Pair{pairOf(second)}, ClientCA: authority.File, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13,
	})
	if err != nil {
		t.Fatal(err)
	}
	commit()
	config := b.Config()
	if config.ClientAuth != tls.RequireAndVerifyClientCert || config.MinVersion != tls.VersionTLS13 || !config.ClientCAs.Equal(authority.Pool) {
		t.Errorf("%+v", config)
	}
}

// TestChoice: by the client's name, and the first one for everybody else.
func TestChoice(t *testing.T) {
	authority := testkit.NewAuthority(t, "ca")
	only := func(names ...string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = names, nil }
	}
	one, two := authority.Issue(t, "a", only("a.example.org")), authority.Issue(t, "b", only("b.example.org", "*.c.example.org"))
	b := newBench(t, Options{Pairs: []Pair{pairOf(one), pairOf(two)}}, nil)
	for name, want := range map[string]*testkit.Issued{
		"a.example.org": one, "b.example.org": two, "x.c.example.org": two, "other.example.org": one, "": one,
	} {
		if got := b.shown(name); !got.Equal(want.Leaf) {
			t.Errorf("%q gets %v", name, got.DNSNames)
		}
	}
}

// orderedOnes is an Ordered.
type orderedOnes struct {
	mu        sync.Mutex
	list      []tls.Certificate
	number    uint64
	challenge *tls.Certificate
}

func (o *orderedOnes) Certificates() ([]tls.Certificate, uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.list, o.number
}

func (o *orderedOnes) Challenge(name string) *tls.Certificate {
	o.mu.Lock()
	defer o.mu.Unlock()
	if name != "a.example.org" {
		return nil
	}
	return o.challenge
}

// TestOrdered: there may be none at first; then they are shown, and challenges only to who speaks nothing else.
func TestOrdered(t *testing.T) {
	authority := testkit.NewAuthority(t, "ca")
	from := &orderedOnes{}
	b := newBench(t, Options{Ordered: true}, from)
	if b.shown("a.example.org") != nil || b.shown("") != nil {
		t.Error("a certificate out of nowhere")
	}
	issued, challenge := authority.Issue(t, "a.example.org", nil), authority.Issue(t, "a.example.org", nil)
	from.list, from.number, from.challenge = []tls.Certificate{issued.Certificate}, 1, &challenge.Certificate
	if !b.after(time.Second).Equal(issued.Leaf) {
		t.Error("what was ordered is not shown")
	}
	if infos, _ := b.Certificates(); len(infos) != 1 || infos[0].Name != "a.example.org" {
		t.Errorf("%+v", infos)
	}
	for name, want := range map[string]bool{"a.example.org": true, "b.example.org": false} {
		_, seen, err := shake(b.Config(), &tls.Config{ServerName: name, InsecureSkipVerify: true, NextProtos: []string{ACMEProtocol}})
		if got := err == nil && seen.PeerCertificates[0].Equal(challenge.Leaf) && seen.NegotiatedProtocol == ACMEProtocol; got != want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	_, seen, err := shake(b.Config(), &tls.Config{ServerName: "a.example.org", InsecureSkipVerify: true, NextProtos: []string{"http/1.1", ACMEProtocol}})
	if err != nil || !seen.PeerCertificates[0].Equal(issued.Leaf) || seen.NegotiatedProtocol != "http/1.1" {
		t.Errorf("who speaks more gets %v, %v", seen.NegotiatedProtocol, err)
	}
}

// TestTickets: sessions are resumed across reloads, for days, by a successor, and not with keys that are too old.
func TestTickets(t *testing.T) {
	authority, dir := testkit.NewAuthority(t, "ca"), testkit.Dir(t)
	pair := pairOf(authority.IssueInto(t, dir, "one", nil))
	b := newBench(t, Options{Pairs: []Pair{pair}}, nil)
	client := &tls.Config{ServerName: "localhost", RootCAs: authority.Pool, ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	resumes := func(config *tls.Config) bool {
		served, _, err := shake(config, client)
		if err != nil {
			t.Fatal(err)
		}
		return served.DidResume
	}
	if resumes(b.Config()) || !resumes(b.Config()) {
		t.Error("the second session is not the first one's")
	}
	authority.IssueInto(t, dir, "two", nil)
	b.now = b.now.Add(time.Second)
	if !resumes(b.Config()) {
		t.Error("not after a renewal")
	}
	for day := range 3 {
		b.now = b.now.Add(ticketTurn)
		if !resumes(b.Config()) {
			t.Errorf("not after day %d", day)
		}
	}
	exported, err := b.deps.Tickets.Export()
	if err != nil {
		t.Fatal(err)
	}
	successor := newBench(t, Options{Pairs: []Pair{pair}}, nil)
	successor.now = b.now
	if resumes(successor.Config()) {
		t.Fatal("it guesses keys")
	}
	if !resumes(successor.Config()) {
		t.Fatal("not its own")
	}
	resumes(b.Config()) // a ticket of the first one again
	if err := successor.deps.Tickets.Import(exported, successor.now); err != nil {
		t.Fatal(err)
	}
	successor.now = successor.now.Add(time.Second)
	if !resumes(successor.Config()) {
		t.Error("not by a successor")
	}
	b.now = b.now.Add(2 * ticketLife)
	keys, _ := b.deps.Tickets.Keys(b.now)
	if len(keys) != 1 {
		t.Errorf("%d keys are kept", len(keys))
	}
	if err := b.deps.Tickets.Import([]byte("nonsense"), b.now); err == nil {
		t.Error("nonsense is imported")
	}
	if err := b.deps.Tickets.Import(exported, b.now); err != nil {
		t.Error(err)
	} else if now, _ := b.deps.Tickets.Keys(b.now); now[0] != keys[0] {
		t.Error("keys that are too old are imported")
	}
}

// TestTickets_TheClockIsSetBack: keys of a predecessor whose clock was wrong are not in use for longer than others.
func TestTickets_TheClockIsSetBack(t *testing.T) {
	wrong := time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC)
	now := wrong.AddDate(-14, 0, 0)
	exported, err := NewTickets(wrong).Export()
	if err != nil {
		t.Fatal(err)
	}
	tickets := NewTickets(now)
	if err := tickets.Import(exported, wrong); err != nil {
		t.Fatal(err)
	}
	first, _ := tickets.Keys(now)
	if keys, _ := tickets.Keys(now.Add(ticketTurn)); len(keys) != 2 || keys[0] == first[0] {
		t.Errorf("%d keys after a day", len(keys))
	}
	if keys, _ := tickets.Keys(now.Add(ticketTurn + ticketLife)); len(keys) != 1 || keys[0] == first[0] {
		t.Errorf("%d keys after a week", len(keys))
	}
}

// TestInspect: what `penknife check` says.
func TestInspect(t *testing.T) {
	authority := testkit.NewAuthority(t, "ca")
	good := authority.Issue(t, "x", nil)
	now := time.Now()
	expired := authority.Issue(t, "x", func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Minute) })
	early := authority.Issue(t, "x", func(c *x509.Certificate) { c.NotBefore = now.Add(time.Hour) })
	soon := authority.Issue(t, "x", func(c *x509.Certificate) { c.NotBefore, c.NotAfter = now.Add(-90*time.Hour), now.Add(time.Hour) })
	nameless := authority.Issue(t, "x", func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = nil, nil })
	open := authority.Issue(t, "x", nil)
	if err := os.Chmod(open.KeyFile, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		issued *testkit.Issued
		want   string
	}{
		{good, ""}, {expired, "has expired"}, {early, "valid from"}, {soon, "expires on"}, {nameless, "for no name"}, {open, "everybody on this machine"},
	} {
		warnings, err := Inspect(Options{Pairs: []Pair{pairOf(test.issued)}}, now)
		text := strings.Join(warnings, "\n")
		if err != nil || (text == "") != (test.want == "") || !strings.Contains(text, test.want) {
			t.Errorf("want %q: %q, %v", test.want, text, err)
		}
	}
	secret := testkit.Write(t, testkit.Dir(t), "key.pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
	for name, test := range map[string]struct {
		options Options
		want    error
	}{
		"missing":    {Options{Pairs: []Pair{{"/nowhere/cert.pem", good.KeyFile}}}, fs.ErrNotExist},
		"passphrase": {Options{Pairs: []Pair{{good.CertFile, secret}}}, ErrPassphrase},
		"client CA":  {Options{ClientCA: good.KeyFile}, ErrNoAuthorities},
	} {
		if _, err := Inspect(test.options, now); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := Inspect(Options{Pairs: []Pair{{good.CertFile, open.KeyFile}, {"/nowhere", "/nowhere"}}}, now)
	if err == nil || !strings.Contains(err.Error(), open.KeyFile) || !strings.Contains(err.Error(), "/nowhere") {
		t.Errorf("not everything that is wrong: %v", err)
	}
}
