package clients

import "net/netip"

// key is what counts as one client: an IPv4 address, or the /64 of an IPv6 one, since that is what a single client has
// at its disposal. It has no pointers, so that maps of keys cost the garbage collector nothing.
type key [16]byte

// keyOf gives false for an address that is not known: then there is nobody to count.
func keyOf(ip netip.Addr) (k key, known bool) {
	ip = ip.Unmap()
	if !ip.IsValid() {
		return key{}, false
	}
	k = ip.As16()
	if !ip.Is4() {
		clear(k[8:])
	}
	return k, true
}
