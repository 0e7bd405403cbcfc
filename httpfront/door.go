package httpfront

import (
	"net"
	"net/netip"
	"sync/atomic"

	"penknife/clients"
	"penknife/configs"
	"penknife/sockets"
)

// door decides who may connect, before a byte is read.
type door struct {
	access   *atomic.Pointer[sockets.Access] // nil in it: everybody
	proxied  bool                            // connections begin with a header of the PROXY protocol
	senders  sockets.Set                     // who may send one, besides peers on a unix socket
	throttle *clients.Throttle
}

func newDoor(cfg configs.HTTP) (door, error) {
	senders, err := sockets.ParseSet(cfg.ProxyProtocolFrom)
	if err != nil {
		return door{}, err
	}
	d := door{
		access: new(atomic.Pointer[sockets.Access]), proxied: cfg.ProxyProtocol, senders: senders, throttle: new(clients.Throttle),
	}
	access, err := sockets.ParseAccess(cfg.AllowFrom, cfg.DenyFrom)
	d.set(access)
	return d, err
}

func (d *door) set(access sockets.Access) {
	if access.Empty() {
		d.access.Store(nil)
	} else {
		d.access.Store(&access)
	}
}

// judge gives why a peer may not connect, or nothing. With the PROXY protocol it judges the sender, and introduce later
// the client.
func (d *door) judge(nc net.Conn) (reason string) {
	if d.proxied {
		if addr := addressOf(nc); addr.IsValid() && !d.senders.Contains(addr) {
			return clients.RefusedProxy
		}
		return ""
	}
	if access := d.access.Load(); access != nil && !access.Admits(addressOf(nc)) {
		return clients.RefusedAddress
	}
	return ""
}

// addressOf gives the peer's address, an invalid one for a unix socket.
func addressOf(nc net.Conn) netip.Addr {
	if remote, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		return remote.AddrPort().Addr()
	}
	return netip.Addr{}
}

// turnAway counts and logs a connection that its owner closes without a word: who is not wanted learns nothing.
func (s *Server) turnAway(nc net.Conn, reason string) {
	s.counter.ConnectionRefused(reason)
	s.door.throttle.Warn(s.log, "peer refused", "reason", reason, "client", nc.RemoteAddr().String(), "listen", nc.LocalAddr().String())
}

// Admit says anew who may connect, by allow_from and deny_from. Connections that are open stay.
func (s *Server) Admit(access sockets.Access) { s.door.set(access) }
