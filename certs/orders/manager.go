package orders

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Options says what is ordered where.
type Options struct {
	Domains   []string
	Email     string // empty: none
	Directory string // URL
	Storage   string // directory
	HTTP      bool   // prove names by http-01 instead of tls-alpn-01
	RootCA    string // PEM file that the directory's certificate is checked against; empty: what the system trusts
}

// Counter is told how orders end.
type Counter interface {
	CertificateOrdered(ok bool)
}

// Deps is what a Manager needs. All must be set.
type Deps struct {
	Log     *slog.Logger
	Counter Counter
	Version string // of the program, for the authority's log
	Now     func() time.Time
}

// When an order that has failed is tried again: at first after minPause, then after twice as long each time. Let's Encrypt
// refuses a name for an hour after its fifth failure.
const (
	minPause = 2 * time.Minute
	maxPause = 6 * time.Hour
	// nap bounds how long the goroutine sleeps, for clocks that jump and machines that were suspended.
	nap = time.Hour
	// orderTime bounds one order.
	orderTime = 5 * time.Minute
)

// Manager has the certificates of a list of names.
type Manager struct {
	deps   Deps
	ctx    context.Context // of the goroutine
	cancel context.CancelFunc
	wake   chan struct{} // of capacity 1: something has changed
	done   chan struct{} // closed when the goroutine has ended

	mu      sync.Mutex // guards the rest
	options Options
	names   map[string]*name
	number  uint64 // changes with the certificates
	proofs  proofs
	started bool
}

// name is one domain.
type name struct {
	cert  *tls.Certificate // nil: none yet
	next  time.Time        // when to try; zero: when the certificate says
	pause time.Duration    // after the latest failure
}

// New makes the directory if it is not there, and reads the certificates in it. Nothing is ordered before Start.
func New(options Options, deps Deps) (*Manager, error) {
	m := &Manager{
		deps: deps, wake: make(chan struct{}, 1), done: make(chan struct{}), names: map[string]*name{}, proofs: newProofs(),
	}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	commit, err := m.Prepare(options)
	if err != nil {
		return nil, err
	}
	commit()
	return m, nil
}

// Prepare reads what the options name and gives a function that puts them in force; orders that have failed are then tried
// again at once. With an error everything stays as it is.
func (m *Manager) Prepare(options Options) (commit func(), err error) {
	if _, err := newClient(options, m.deps.Version); err != nil {
		return nil, err
	}
	shelf, err := openShelf(options)
	if err != nil {
		return nil, err
	}
	names := map[string]*name{}
	for _, domain := range options.Domains {
		cert, err := shelf.load(domain)
		if err != nil {
			return nil, err
		}
		names[domain] = &name{cert: cert}
	}
	return func() {
		m.mu.Lock()
		m.options, m.names = options, names
		m.number++
		m.mu.Unlock()
		notify(m.wake)
	}, nil
}

// Start begins to order what is due.
func (m *Manager) Start() {
	m.mu.Lock()
	m.started = true
	m.mu.Unlock()
	go m.run() // ended by Shutdown, which waits
}

// Shutdown gives up an order that runs, and returns when the goroutine has ended.
func (m *Manager) Shutdown(context.Context) error {
	m.cancel()
	m.mu.Lock()
	started := m.started
	m.mu.Unlock()
	if started {
		<-m.done
	}
	return nil
}

// Certificates gives what there is, in the order of the domains, and a number that changes with it.
func (m *Manager) Certificates() ([]tls.Certificate, uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []tls.Certificate
	for _, domain := range m.options.Domains {
		if one := m.names[domain]; one.cert != nil {
			list = append(list, *one.cert)
		}
	}
	return list, m.number
}

// Challenge gives the certificate that proves a name to the authority; nil: nobody has asked for it.
func (m *Manager) Challenge(domain string) *tls.Certificate {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.proofs.certs[domain]
}

// Answer gives what the authority wants to read at a path; nil: that is no path of ours.
func (m *Manager) Answer(path string) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.proofs.pages[path]
}

// AnswerPrefix is what paths for Answer begin with (RFC 8555 section 8.3).
const AnswerPrefix = "/.well-known/acme-challenge/"

func (m *Manager) run() {
	defer close(m.done)
	for m.ctx.Err() == nil {
		domain, wait := m.nextDue()
		if domain != "" {
			m.order(domain)
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-m.ctx.Done():
		case <-m.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// nextDue gives a name that needs a certificate now, or how long to wait.
func (m *Manager) nextDue() (domain string, wait time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.deps.Now()
	wait = nap
	for _, domain := range m.options.Domains {
		left := m.names[domain].due().Sub(now)
		if left <= 0 {
			return domain, 0
		}
		wait = min(wait, left)
	}
	return "", wait
}

// due is when to order: at once, when the last failure is long enough ago, or when a third of the certificate's life is
// left.
func (n *name) due() time.Time {
	if !n.next.IsZero() || n.cert == nil {
		return n.next
	}
	leaf := n.cert.Leaf
	return leaf.NotAfter.Add(-leaf.NotAfter.Sub(leaf.NotBefore) / 3)
}

// order gets one certificate, and notes what became of it.
func (m *Manager) order(domain string) {
	m.mu.Lock()
	options := m.options
	m.mu.Unlock()
	ctx, cancel := context.WithTimeout(m.ctx, orderTime)
	defer cancel()
	m.deps.Log.Info("certificate is ordered", "domain", domain, "directory", options.Directory)
	cert, err := m.obtain(ctx, options, domain)
	if m.ctx.Err() != nil {
		return // the server stops
	}
	m.deps.Counter.CertificateOrdered(err == nil)
	m.note(domain, cert, err)
}

// note takes over what became of an order.
func (m *Manager) note(domain string, cert *tls.Certificate, err error) {
	one, wanted := m.change(domain, cert, err)
	switch {
	case !wanted:
	case err != nil:
		m.deps.Log.Error("certificate order failed", "domain", domain, "error", err, "next", one.pause.String(), "expires", one.expiry())
	default:
		m.deps.Log.Info("certificate renewed", "certificate", domain, "expires", cert.Leaf.NotAfter)
	}
}

// change gives what is known of the domain then; false if a reload has taken it out meanwhile.
func (m *Manager) change(domain string, cert *tls.Certificate, err error) (now name, wanted bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	one := m.names[domain]
	if one == nil {
		return name{}, false
	}
	if err != nil {
		one.pause = min(max(2*one.pause, minPause), maxPause)
		one.next = m.deps.Now().Add(one.pause)
		return *one, true
	}
	*one = name{cert: cert}
	m.number++
	return *one, true
}

// expiry says how urgent it is.
func (n *name) expiry() string {
	if n.cert == nil {
		return "there is none yet"
	}
	return n.cert.Leaf.NotAfter.UTC().Format(time.RFC3339)
}

// obtain takes what another process has ordered meanwhile, or orders.
func (m *Manager) obtain(ctx context.Context, options Options, domain string) (*tls.Certificate, error) {
	shelf, err := openShelf(options)
	if err != nil {
		return nil, err
	}
	release, err := shelf.lock()
	if err != nil {
		return nil, err
	}
	defer release()
	if stored, err := shelf.load(domain); err == nil && stored != nil && (&name{cert: stored}).due().After(m.deps.Now()) {
		return stored, nil
	}
	return m.purchase(ctx, shelf, options, domain)
}

// purchase orders, checks and stores.
func (m *Manager) purchase(ctx context.Context, shelf shelf, options Options, domain string) (*tls.Certificate, error) {
	client, err := newClient(options, m.deps.Version)
	if err != nil {
		return nil, err
	}
	if client.Key, err = shelf.accountKey(); err != nil {
		return nil, err
	}
	text, err := m.negotiate(ctx, client, options, domain)
	if err != nil {
		return nil, err
	}
	cert, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("what the authority has sent: %w", err)
	}
	if err := cert.Leaf.VerifyHostname(domain); err != nil {
		return nil, fmt.Errorf("what the authority has sent: %w", err)
	}
	return cert, shelf.store(domain, text)
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
