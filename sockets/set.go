package sockets

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// ErrSet is in the chain of every error that ParseSet returns.
var ErrSet = errors.New("bad address list")

// Set is a fixed list of IP networks. The zero Set is empty. It may be used from many goroutines at once.
type Set struct {
	prefixes []netip.Prefix
}

// ParseSet reads IP addresses and CIDR networks. A network with bits set beyond its length is refused, because one of
// the two numbers is then a mistake. All bad entries are reported at once.
func ParseSet(texts []string) (Set, error) {
	var set Set
	var problems []error
	for _, text := range texts {
		prefix, err := parsePrefix(text)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		set.prefixes = append(set.prefixes, prefix)
	}
	if len(problems) > 0 {
		return Set{}, errors.Join(problems...)
	}
	return set, nil
}

func parsePrefix(text string) (netip.Prefix, error) {
	if !strings.Contains(text, "/") {
		ip, err := netip.ParseAddr(text)
		if err != nil || ip.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("%w: %q is neither an IP address nor a network like 10.0.0.0/8", ErrSet, text)
		}
		ip = ip.Unmap()
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%w: %q is not a network like 10.0.0.0/8", ErrSet, text)
	}
	if prefix != prefix.Masked() {
		return netip.Prefix{}, fmt.Errorf("%w: %q has bits beyond its length, did you mean %s?", ErrSet, text, prefix.Masked())
	}
	if prefix.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("%w: write %q as an IPv4 network", ErrSet, text)
	}
	return prefix, nil
}

// Contains tells whether one of the networks holds ip. An IPv4 address in its IPv6 form counts as the IPv4 address,
// which is how it arrives on a listener for both; a zone is ignored.
func (s Set) Contains(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	for _, prefix := range s.prefixes {
		if prefix.Contains(ip) {
			return true
		}
	}
	return false
}

// Empty tells whether the set names nobody.
func (s Set) Empty() bool { return len(s.prefixes) == 0 }
