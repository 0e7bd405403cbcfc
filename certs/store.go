package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"
)

// ErrNoCertificate ends handshakes as long as there is no certificate to show: the first order from an authority runs.
var ErrNoCertificate = errors.New("there is no certificate yet")

const (
	// lookEvery is how often the files are looked at, at most.
	lookEvery = time.Second
	// settle is how long files may not fit together before that counts as a failure: they are replaced one by one.
	settle = 2 * time.Second
)

// ACMEProtocol is what an authority speaks that wants to see the certificate of a challenge (RFC 8737 section 3).
const ACMEProtocol = "acme-tls/1"

// Options is what a Store is made from.
type Options struct {
	Pairs      []Pair
	ClientCA   string // PEM file; empty: none
	ClientAuth tls.ClientAuthType
	MinVersion uint16
	Ordered    bool // show the certificates of Deps.Ordered, too
}

// Ordered has certificates that are not in files of ours, and shows those of challenges.
type Ordered interface {
	// Certificates gives what there is; the number changes with it. It does not block.
	Certificates() ([]tls.Certificate, uint64)
	// Challenge gives the certificate that proves a name to an authority; nil: none. It does not block.
	Challenge(name string) *tls.Certificate
}

// Counter is told what became of files.
type Counter interface {
	// CertificatesLoaded: files were read at the start, by a reload, or because they have changed.
	CertificatesLoaded(ok bool)
}

// Deps is what a Store needs. All but Ordered must be set.
type Deps struct {
	Log     *slog.Logger
	Counter Counter
	Tickets *Tickets
	Ordered Ordered // nil: none
	Now     func() time.Time
}

// Info describes a certificate that is shown.
type Info struct {
	Name       string // the file, or the first name of one that was ordered
	Start, End time.Time
}

// Store has the certificates of one listener.
type Store struct {
	deps    Deps
	looked  atomic.Int64 // when the files were last looked at, in nanoseconds
	stale   atomic.Bool  // what the files have cannot be used
	current atomic.Pointer[state]

	turn chan struct{} // of capacity 1: taken by who looks or reloads, and guards what follows
	// trouble is what the files were when they could not be used; since is zero when they can.
	trouble []stamp
	since   time.Time
	told    bool
}

// state is what is in force. Nothing in it changes but the ticket keys of its config.
type state struct {
	options  Options
	stamps   []stamp
	pairs    []tls.Certificate
	clientCA *x509.CertPool
	ordered  uint64 // number of the ordered certificates
	tickets  uint64 // number of the ticket keys
	config   *tls.Config
	infos    []Info
}

// New reads everything that the options name.
func New(options Options, deps Deps) (*Store, error) {
	s := &Store{deps: deps, turn: make(chan struct{}, 1)}
	commit, err := s.Prepare(options)
	if err != nil {
		return nil, err
	}
	commit()
	return s, nil
}

// Config gives what a connection that begins now should speak. It reads files that have changed, at most once a second;
// otherwise it does not block.
func (s *Store) Config() *tls.Config {
	s.Look()
	return s.current.Load().config
}

// Certificates describes what is shown, and tells whether files have changed to something that cannot be used.
func (s *Store) Certificates() (infos []Info, stale bool) {
	return s.current.Load().infos, s.stale.Load()
}

// Prepare reads what the options name and gives a function that puts it in force. With an error everything stays as it
// is.
func (s *Store) Prepare(options Options) (commit func(), err error) {
	next := &state{options: options, stamps: stampsOf(options)}
	if err := next.load(); err != nil {
		s.deps.Counter.CertificatesLoaded(false)
		return nil, err
	}
	s.deps.Counter.CertificatesLoaded(true)
	return func() {
		s.turn <- struct{}{}
		defer func() { <-s.turn }()
		s.enforce(next)
	}, nil
}

// Look reads the files if they have changed. It may be called at any time, and returns at once if the last look was a
// moment ago or somebody else looks.
func (s *Store) Look() {
	now := s.deps.Now()
	last := s.looked.Load()
	passed := now.UnixNano() - last // negative when somebody has set the clock back
	if passed >= 0 && passed < int64(lookEvery) || !s.looked.CompareAndSwap(last, now.UnixNano()) {
		return
	}
	select {
	case s.turn <- struct{}{}:
	default:
		return
	}
	defer func() { <-s.turn }()
	s.look(now)
}

// look compares everything with what is in force.
func (s *Store) look(now time.Time) {
	before := s.current.Load()
	stamps := stampsOf(before.options)
	defer s.follow()
	if slices.Equal(stamps, before.stamps) {
		s.recovered()
		return
	}
	if !s.worthTrying(stamps, now) {
		return
	}
	next := &state{options: before.options, stamps: stamps}
	if err := next.load(); err != nil {
		s.failed(stamps, now, err)
		return
	}
	s.deps.Counter.CertificatesLoaded(true)
	s.enforce(next)
	s.announce(before, next)
}

// recovered takes note that the files are those in force.
func (s *Store) recovered() {
	s.trouble, s.since, s.told = nil, time.Time{}, false
	s.stale.Store(false)
}

// worthTrying tells whether the files were not tried in vain already.
func (s *Store) worthTrying(stamps []stamp, now time.Time) bool {
	return !slices.Equal(stamps, s.trouble) || !s.told && now.Sub(s.since) >= settle
}

// failed takes note of files that cannot be used. It says so when they have rested for a moment.
func (s *Store) failed(stamps []stamp, now time.Time, err error) {
	if !slices.Equal(stamps, s.trouble) {
		s.trouble, s.since, s.told = stamps, now, false
		return
	}
	s.told = true
	s.stale.Store(true)
	s.deps.Counter.CertificatesLoaded(false)
	s.deps.Log.Error("new certificate files cannot be used; the certificates before them stay in force", "error", err)
}

// announce tells about certificates that have changed.
func (s *Store) announce(before, after *state) {
	for i, info := range after.infos[:len(after.pairs)] {
		if i < len(before.pairs) && sameChain(before.pairs[i], after.pairs[i]) {
			continue
		}
		s.deps.Log.Info("certificate renewed", "certificate", info.Name, "expires", info.End)
	}
}

// follow takes over what changes without files: ordered certificates and the keys of tickets.
func (s *Store) follow() {
	before := s.current.Load()
	if before.options.Ordered {
		if _, number := s.deps.Ordered.Certificates(); number != before.ordered {
			next := *before
			s.enforce(&next)
			return
		}
	}
	if keys, number := s.deps.Tickets.Keys(s.deps.Now()); number != before.tickets {
		before.config.SetSessionTicketKeys(keys)
		before.tickets = number // nobody else reads it: this is who has the turn
	}
}

// enforce completes a state and puts it in force.
func (s *Store) enforce(next *state) {
	keys, number := s.deps.Tickets.Keys(s.deps.Now())
	next.tickets = number
	certificates := slices.Clone(next.pairs)
	next.infos = nil
	for i, pair := range next.pairs {
		next.infos = append(next.infos, infoOf(next.options.Pairs[i].Certificate, pair))
	}
	if next.options.Ordered {
		var ordered []tls.Certificate
		ordered, next.ordered = s.deps.Ordered.Certificates()
		for _, one := range ordered {
			certificates = append(certificates, one)
			next.infos = append(next.infos, infoOf(one.Leaf.DNSNames[0], one))
		}
	}
	next.config = s.newConfig(next, certificates)
	next.config.SetSessionTicketKeys(keys)
	s.current.Store(next)
	s.recovered()
}

func infoOf(name string, cert tls.Certificate) Info {
	return Info{Name: name, Start: cert.Leaf.NotBefore, End: cert.Leaf.NotAfter}
}

// newConfig says how TLS is spoken. Of the certificates crypto/tls takes the first one that suits the client's SNI and
// algorithms, and the first one of all if none does.
func (s *Store) newConfig(next *state, certificates []tls.Certificate) *tls.Config {
	config := &tls.Config{
		Certificates: certificates, MinVersion: next.options.MinVersion, NextProtos: []string{"http/1.1", "http/1.0"},
		ClientAuth: next.options.ClientAuth, ClientCAs: next.clientCA,
		// Records that begin small are for clients of many small answers in one page; they cost 90 writes for the first 128 KiB.
		DynamicRecordSizingDisabled: true,
	}
	if len(certificates) == 0 {
		config.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, ErrNoCertificate }
	}
	if next.options.Ordered {
		config.NextProtos = append(config.NextProtos, ACMEProtocol)
		config.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return s.choose(hello, len(certificates) > 0)
		}
	}
	return config
}

// choose gives the certificate of a challenge to the authority; otherwise the choice is crypto/tls's.
func (s *Store) choose(hello *tls.ClientHelloInfo, others bool) (*tls.Certificate, error) {
	if len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == ACMEProtocol {
		if cert := s.deps.Ordered.Challenge(hello.ServerName); cert != nil {
			return cert, nil
		}
		return nil, ErrNoCertificate
	}
	if !others {
		return nil, ErrNoCertificate
	}
	return nil, nil
}

// load reads the files.
func (n *state) load() error {
	var failures []error
	for _, pair := range n.options.Pairs {
		cert, err := pair.load()
		failures = append(failures, err)
		n.pairs = append(n.pairs, cert)
	}
	if n.options.ClientCA != "" {
		var err error
		n.clientCA, err = loadAuthorities(n.options.ClientCA)
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

func stampsOf(o Options) []stamp {
	stamps := make([]stamp, 0, 2*len(o.Pairs)+1)
	for _, pair := range o.Pairs {
		stamps = append(stamps, stampOf(pair.Certificate), stampOf(pair.Key))
	}
	if o.ClientCA != "" {
		stamps = append(stamps, stampOf(o.ClientCA))
	}
	return stamps
}
