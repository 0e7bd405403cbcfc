package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"penknife/certs"
	"penknife/certs/orders"
	"penknife/configs"
	"penknife/handover"
	"penknife/httpfront"
	"penknife/metrics"
	"penknife/server/logs"
)

// storageKey is where the directory of ordered certificates is configured.
const storageKey = "acme.storage"

// itemTickets are the keys of session tickets, without a file.
const itemTickets = "tickets"

// encryption is what all listeners with TLS share.
type encryption struct {
	server  *Server
	tickets *certs.Tickets
	stores  []*certs.Store  // by the number of the listener; nil: plain HTTP
	manager *orders.Manager // nil: nothing is ordered
}

func newEncryption(s *Server) *encryption {
	return &encryption{server: s, tickets: certs.NewTickets(time.Now()), stores: make([]*certs.Store, len(s.loaded.Config.HTTP))}
}

// certOptions are those of one listener.
func certOptions(cfg configs.TLS) certs.Options {
	o := certs.Options{ClientCA: cfg.ClientCA, Ordered: cfg.ACME, MinVersion: tls.VersionTLS12}
	if cfg.MinVersion == configs.TLS13 {
		o.MinVersion = tls.VersionTLS13
	}
	switch cfg.ClientAuth {
	case configs.ClientAuthOptional:
		o.ClientAuth = tls.VerifyClientCertIfGiven
	case configs.ClientAuthRequired:
		o.ClientAuth = tls.RequireAndVerifyClientCert
	}
	for i, cert := range cfg.Certificate {
		o.Pairs = append(o.Pairs, certs.Pair{Certificate: cert, Key: cfg.Key[i]})
	}
	return o
}

func orderOptions(cfg configs.ACME) orders.Options {
	return orders.Options{
		Domains: cfg.Domains, Email: cfg.Email, Directory: cfg.Directory, Storage: cfg.Storage,
		HTTP: cfg.Challenge == configs.ChallengeHTTP, RootCA: cfg.RootCA,
	}
}

// ordersCertificates tells whether a listener shows certificates of the acme section.
func ordersCertificates(cfg configs.Config) bool {
	for _, h := range cfg.HTTP {
		if h.TLS.ACME {
			return true
		}
	}
	return false
}

// stage reads everything as the user that will have to read it again, so that a key which only root can read is found now
// and not when it is renewed.
func (e *encryption) stage() stage {
	return stage{name: "certificates", start: e.load, stop: nothing, quiet: true}
}

func (e *encryption) load(context.Context) error {
	s, cfg := e.server, e.server.loaded.Config
	if ordersCertificates(cfg) {
		manager, err := orders.New(orderOptions(cfg.ACME), orders.Deps{
			Log: s.log, Counter: s.metrics.TLS, Version: s.version, Now: time.Now,
		})
		if err != nil {
			return s.loaded.Problem(storageKey, err)
		}
		e.manager = manager
	}
	for i, h := range cfg.HTTP {
		if !h.TLS.Enabled() {
			continue
		}
		deps := certs.Deps{Log: s.log, Counter: s.metrics.TLS, Tickets: e.tickets, Now: time.Now}
		if e.manager != nil {
			deps.Ordered = e.manager
		}
		store, err := certs.New(certOptions(h.TLS), deps)
		if err != nil {
			return filesProblem(s.loaded, i, err)
		}
		e.stores[i] = store
	}
	for _, warning := range Warnings(s.loaded) {
		s.log.Warn("certificate", "warning", warning)
	}
	if s.encrypts() {
		s.metrics.TLS.Watch(e.certificates, httpfront.TLSHandshakeResults(), e.manager != nil)
	}
	return nil
}

// encrypts tells whether there is TLS at all.
func (s *Server) encrypts() bool {
	for _, h := range s.loaded.Config.HTTP {
		if h.TLS.Enabled() {
			return true
		}
	}
	return false
}

// config gives a listener's function for httpfront; nil: plain HTTP.
func (e *encryption) config(listener int) func() *tls.Config {
	if store := e.stores[listener]; store != nil {
		return store.Config
	}
	return nil
}

// certificates is for a scrape. It also looks at the files, for servers that nobody visits.
func (e *encryption) certificates() (now metrics.Certificates) {
	for _, store := range e.stores {
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

// ordersStage orders certificates while listeners answer the authority.
func (e *encryption) ordersStage() stage {
	return stage{
		name: "orders", quiet: true, least: time.Second,
		start: func(context.Context) error {
			if e.manager != nil {
				e.manager.Start()
			}
			return nil
		},
		stop: func(ctx context.Context) error {
			if e.manager != nil {
				return e.manager.Shutdown(ctx)
			}
			return nil
		},
	}
}

// prepare reads what a configuration names that was merged with that of the start, and gives a function that puts it in
// force.
func (e *encryption) prepare(loaded *configs.Loaded) (commit func(), err error) {
	var commits []func()
	if e.manager != nil {
		one, err := e.manager.Prepare(orderOptions(loaded.Config.ACME))
		if err != nil {
			return nil, loaded.Problem(storageKey, err)
		}
		commits = append(commits, one)
	}
	for i, store := range e.stores {
		if store == nil {
			continue
		}
		one, err := store.Prepare(certOptions(loaded.Config.HTTP[i].TLS))
		if err != nil {
			return nil, filesProblem(loaded, i, err)
		}
		commits = append(commits, one)
	}
	return func() {
		for _, commit := range commits {
			commit()
		}
	}, nil
}

// mergeTLS takes over what a reload can change of listeners and orders: everything but whether there is TLS.
func mergeTLS(merged *configs.Config, start, fresh configs.Config) {
	ordering := ordersCertificates(start)
	if ordering && ordersCertificates(fresh) {
		merged.ACME = fresh.ACME
	}
	merged.HTTP = append([]configs.HTTP(nil), start.HTTP...)
	for i := range merged.HTTP {
		if i >= len(fresh.HTTP) || fresh.HTTP[i].Listen != start.HTTP[i].Listen {
			return
		}
		now, next := start.HTTP[i].TLS, fresh.HTTP[i].TLS
		if now.Enabled() && next.Enabled() && (ordering || !next.ACME) {
			merged.HTTP[i].TLS = next
		}
	}
}

// ticketItem is what a successor needs so that clients can resume their sessions.
func (e *encryption) ticketItem() (handover.Item, error) {
	keys, err := e.tickets.Export()
	if err != nil {
		return handover.Item{}, err
	}
	file, err := os.Open(os.DevNull)
	if err != nil {
		return handover.Item{}, err
	}
	return handover.Item{Kind: itemTickets, Info: keys, File: file}, nil
}

// resume takes the keys of the predecessor. Without them clients only take longer for their next handshake.
func (e *encryption) resume(info []byte) {
	if err := e.tickets.Import(info, time.Now()); err != nil {
		e.server.log.Warn("clients cannot resume their TLS sessions", "error", err)
	}
}

// Check finds what only the packages that use a value can judge, and opens no output or listener. The error is
// *configs.Problems.
func Check(loaded *configs.Loaded) error {
	if err := logs.Check(loaded); err != nil {
		return err
	}
	return checkTLS(loaded)
}

// checkTLS reads the files of all listeners, and says what cannot be used.
func checkTLS(loaded *configs.Loaded) error {
	var problems configs.Problems
	for i, h := range loaded.Config.HTTP {
		if !h.TLS.Enabled() {
			continue
		}
		if _, err := certs.Inspect(certOptions(h.TLS), time.Now()); err != nil {
			problems.List = append(problems.List, filesProblem(loaded, i, err).List...)
		}
	}
	if len(problems.List) > 0 {
		return &problems
	}
	return nil
}

// Warnings tells what is odd about a configuration that can be used: certificates that have expired, or keys that
// everybody can read.
func Warnings(loaded *configs.Loaded) (warnings []string) {
	for _, h := range loaded.Config.HTTP {
		if h.TLS.Enabled() {
			some, _ := certs.Inspect(certOptions(h.TLS), time.Now())
			warnings = append(warnings, some...)
		}
	}
	return warnings
}

func filesProblem(loaded *configs.Loaded, listener int, err error) *configs.Problems {
	path := fmt.Sprintf("http[%d].tls.certificate", listener)
	var problems configs.Problems
	for _, one := range unjoin(err) {
		problems.List = append(problems.List, loaded.Problem(path, fmt.Errorf("%w%s", one, hintTLS(one))).List...)
	}
	return &problems
}

// unjoin takes a list of errors apart.
func unjoin(err error) []error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		return many.Unwrap()
	}
	return []error{err}
}

// hintTLS says what to do about the usual reasons.
func hintTLS(err error) string {
	if errors.Is(err, fs.ErrPermission) {
		return " (penknife reads it again at each renewal, as process.user: give that user or its group the right to read it)"
	}
	return ""
}
