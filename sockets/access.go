package sockets

import (
	"errors"
	"net/netip"
)

// everybody is the entry of an address list that names all, those included whose address is not known.
const everybody = "all"

// How closely an entry names an address; that of a network is its length and 1.
const (
	notNamed = -1
	byAll    = 0
)

// Access is a list of addresses that may do something together with one of those that may not. The zero Access admits
// everybody. It may be used from many goroutines at once.
type Access struct{ allow, deny roll }

// roll is a list that may have the entry "all".
type roll struct {
	Set
	all bool
}

// ParseAccess reads two lists of IP addresses, CIDR networks and the word "all". All bad entries are reported at once.
func ParseAccess(allow, deny []string) (Access, error) {
	allowed, errAllow := parseRoll(allow)
	denied, errDeny := parseRoll(deny)
	if err := errors.Join(errAllow, errDeny); err != nil {
		return Access{}, err
	}
	return Access{allowed, denied}, nil
}

func parseRoll(texts []string) (roll, error) {
	var r roll
	named := make([]string, 0, len(texts))
	for _, text := range texts {
		if text == everybody {
			r.all = true
		} else {
			named = append(named, text)
		}
	}
	var err error
	r.Set, err = ParseSet(named)
	return r, err
}

// Admits tells whether an address may. The entry decides that names it most closely: an address before its network, a
// network before a larger one, any before "all". When both lists name it as closely it may not. One that neither
// names may if there is no list of those who may. Of a peer without an address, an invalid ip, only "all" knows.
func (a *Access) Admits(ip netip.Addr) bool {
	allowed, denied := a.allow.closeness(ip), a.deny.closeness(ip)
	if allowed == denied {
		return allowed == notNamed && a.allow.empty()
	}
	return allowed > denied
}

// Empty tells whether everybody is admitted because nothing is said.
func (a *Access) Empty() bool { return a.allow.empty() && a.deny.empty() }

// Selective tells whether there is a list of those who may.
func (a *Access) Selective() bool { return !a.allow.empty() }

func (r *roll) empty() bool { return !r.all && r.Empty() }

func (r *roll) closeness(ip netip.Addr) int {
	found := notNamed
	if r.all {
		found = byAll
	}
	ip = ip.Unmap().WithZone("")
	for _, prefix := range r.prefixes {
		if prefix.Bits() >= found && prefix.Contains(ip) {
			found = prefix.Bits() + 1
		}
	}
	return found
}
