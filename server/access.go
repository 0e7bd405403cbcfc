package server

import (
	"slices"

	"penknife/access"
	"penknife/clients"
	"penknife/configs"
	"penknife/gateway"
	"penknife/sockets"
)

// guards are what keeps clients out by their addresses, besides the front ends' own lists. All obey a reload.
type guards struct {
	paths *access.Handler
	rates *clients.Rates
	seats *clients.Connections
}

// guard puts the lists of paths and the rates of clients before next.
func (s *Server) guard(next gateway.Handler) (gateway.Handler, error) {
	var proxies []string
	for _, h := range s.loaded.Config.HTTP {
		proxies = append(proxies, h.TrustedProxies...)
	}
	trusted, err := sockets.ParseSet(proxies)
	if err != nil {
		return nil, err
	}
	s.guards.rates, s.guards.seats = clients.NewRates(), clients.NewConnections(0)
	s.guards.paths = access.New(access.Deps{
		Next: next, Rates: s.guards.rates, Proxies: trusted, Counter: s.metrics.Access, Log: s.log,
	})
	s.metrics.Access.Watch(s.guards.rates.Held)
	return s.guards.paths, s.configureGuards(s.loaded.Config)
}

// configureGuards sets rules and limits, also after a reload.
func (s *Server) configureGuards(cfg configs.Config) error {
	if err := s.guards.paths.Configure(cfg.Access); err != nil {
		return err
	}
	paths := make([]string, len(cfg.Access))
	for i, one := range cfg.Access {
		paths[i] = one.Path
	}
	s.metrics.Access.Rules(paths)
	s.guards.rates.Configure(cfg.Limits.ClientRate, cfg.Limits.ClientBurst, cfg.Limits.ClientAddresses)
	s.guards.seats.SetLimit(cfg.Limits.ClientConnections)
	return nil
}

// mergeAccess takes over who may ask for what and how often, and who may connect to the listeners that are there
// already: those in the same places.
func mergeAccess(merged *configs.Config, fresh configs.Config) {
	merged.Access = fresh.Access
	own, other := &merged.Limits, fresh.Limits
	own.ClientConnections, own.ClientRate = other.ClientConnections, other.ClientRate
	own.ClientBurst, own.ClientAddresses = other.ClientBurst, other.ClientAddresses
	merged.HTTP, merged.Uwsgi = slices.Clone(merged.HTTP), slices.Clone(merged.Uwsgi)
	for i := range min(len(merged.HTTP), len(fresh.HTTP)) {
		if own, other := &merged.HTTP[i], fresh.HTTP[i]; own.Listen == other.Listen && own.ProxyProtocol == other.ProxyProtocol {
			own.AllowFrom, own.DenyFrom = other.AllowFrom, other.DenyFrom
		}
	}
	for i := range min(len(merged.Uwsgi), len(fresh.Uwsgi)) {
		if own, other := &merged.Uwsgi[i], fresh.Uwsgi[i]; own.Listen == other.Listen {
			own.AllowFrom, own.DenyFrom = other.AllowFrom, other.DenyFrom
		}
	}
}

// admit tells the front ends who may connect now. The lists were checked with the configuration.
func (s *Server) admit(cfg configs.Config) error {
	var lists []sockets.Access
	add := func(allow, deny []string) error {
		access, err := sockets.ParseAccess(allow, deny)
		lists = append(lists, access)
		return err
	}
	for _, h := range cfg.HTTP {
		if err := add(h.AllowFrom, h.DenyFrom); err != nil {
			return err
		}
	}
	for _, u := range cfg.Uwsgi {
		if err := add(u.AllowFrom, u.DenyFrom); err != nil {
			return err
		}
	}
	s.fronts.admit(lists)
	return s.configureGuards(cfg)
}
