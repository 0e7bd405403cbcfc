package streams

import (
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// unmapped is the address that Accept gave, an IPv4 one as such even on a socket for both.
func unmapped(peer *unix.RawSockaddrAny) netip.AddrPort {
	at := PeerAddr(peer)
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

// tcpAddr is a name of a TCP socket.
func tcpAddr(name unix.Sockaddr) *net.TCPAddr {
	switch name := name.(type) {
	case *unix.SockaddrInet4:
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4(name.Addr), uint16(name.Port)))
	case *unix.SockaddrInet6:
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom16(name.Addr).Unmap(), uint16(name.Port)))
	}
	return &net.TCPAddr{}
}
