package encryption

import (
	"context"
	"crypto/tls"
	"log/slog"
	"time"

	"penknife/certs"
	"penknife/certs/orders"
	"penknife/configs"
	"penknife/httpfront"
	"penknife/metrics"
)

// Deps is what TLS needs from the composition root.
type Deps struct {
	Log     *slog.Logger
	Counter *metrics.TLS
	Version string // of penknife, for certificate authorities
}

// TLS is the certificates and keys of all listeners.
type TLS struct {
	loaded  *configs.Loaded
	deps    Deps
	tickets *certs.Tickets
	stores  []*certs.Store  // by the number of the listener; nil: plain HTTP
	manager *orders.Manager // nil: nothing is ordered
}

// New reads nothing yet.
func New(loaded *configs.Loaded, deps Deps) *TLS {
	return &TLS{
		loaded: loaded, deps: deps, tickets: certs.NewTickets(time.Now()), stores: make([]*certs.Store, len(loaded.Config.HTTP)),
	}
}

// Load reads everything as the user that will have to read it again, so that a key which only root can read is found now
// and not when it is renewed. The error is *configs.Problems. It comes before Config, Start and
// Prepare, and before any listener accepts.
func (t *TLS) Load() error {
	cfg := t.loaded.Config
	if ordersCertificates(cfg) {
		manager, err := orders.New(orderOptions(cfg.ACME), orders.Deps{
			Log: t.deps.Log, Counter: t.deps.Counter, Version: t.deps.Version, Now: time.Now,
		})
		if err != nil {
			return t.loaded.Problem(storageKey, err)
		}
		t.manager = manager
	}
	encrypts := false
	for i, h := range cfg.HTTP {
		if !h.TLS.Enabled() {
			continue
		}
		encrypts = true
		deps := certs.Deps{Log: t.deps.Log, Counter: t.deps.Counter, Tickets: t.tickets, Now: time.Now}
		if t.manager != nil {
			deps.Ordered = t.manager
		}
		store, err := certs.New(certOptions(h.TLS), deps)
		if err != nil {
			return filesProblem(t.loaded, i, err)
		}
		t.stores[i] = store
	}
	for _, warning := range Warnings(t.loaded) {
		t.deps.Log.Warn("certificate", "warning", warning)
	}
	if encrypts {
		t.deps.Counter.Watch(t.Certificates, httpfront.TLSHandshakeResults(), t.manager != nil)
	}
	return nil
}

// Start begins to order certificates, if the configuration wants any. The listeners must be answering the authority.
func (t *TLS) Start() {
	if t.manager != nil {
		t.manager.Start()
	}
}

// Shutdown ends what Start began and waits for it, until ctx ends.
func (t *TLS) Shutdown(ctx context.Context) error {
	if t.manager == nil {
		return nil
	}
	return t.manager.Shutdown(ctx)
}

// Config gives what the front end of a listener, by its number in the configuration, asks for the settings of each
// handshake; nil: plain HTTP.
func (t *TLS) Config(listener int) func() *tls.Config {
	if store := t.stores[listener]; store != nil {
		return store.Config
	}
	return nil
}

// Certificates gives what clients of all listeners are shown at this moment; a name may be there twice. It also looks at the
// files, for servers that nobody visits.
func (t *TLS) Certificates() (now metrics.Certificates) {
	for _, store := range t.stores {
		if store == nil {
			continue
		}
		store.Look()
		infos, stale := store.Certificates()
		now.Stale = now.Stale || stale
		for _, info := range infos {
			now.List = append(now.List, metrics.Certificate(info))
		}
	}
	return now
}
