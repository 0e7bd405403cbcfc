package server

import (
	"slices"

	"penknife/configs"
	"penknife/sockets"
)

// mergeAddressLists takes over who may connect to the listeners that are there already: all in the same places.
func mergeAddressLists(merged *configs.Config, fresh configs.Config) {
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
	return nil
}
