package admin

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Audience is who gets to see the status page, which shows paths, clients, tracebacks and the configuration.
type Audience uint8

// The audiences.
const (
	Nobody   Audience = iota + 1 // there is no status page
	Local                        // whoever connects from this machine, or over a unix socket
	Everyone                     // whoever reaches the listener
)

var audienceNames = [...]string{Nobody: "off", Local: "local", Everyone: "on"}

// String is the name in the configuration.
func (a Audience) String() string {
	if a == 0 || int(a) >= len(audienceNames) {
		return "unknown"
	}
	return audienceNames[a]
}

// AudienceOf reads the value of admin.status; anything that is not known is nobody.
func AudienceOf(name string) Audience {
	if i := slices.Index(audienceNames[1:], name); i >= 0 {
		return Audience(i + 1)
	}
	return Nobody
}

// peerKey is where a connection's context has the address of its other end.
type peerKey struct{}

func rememberPeer(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, peerKey{}, conn.RemoteAddr())
}

// guard refuses whoever may not see the status page, and what a foreign web site makes a browser ask for: such a
// request names the site's own host, also after the site has pointed its name to this machine (DNS rebinding).
type guard struct {
	audience Audience
	hosts    []string // names under which the page may be asked for, beside addresses and localhost
}

func (g guard) before(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		peer, _ := r.Context().Value(peerKey{}).(net.Addr)
		switch {
		case g.audience == Local && !isLocal(peer):
			answer(w, http.StatusForbidden, "the status page is for clients on this machine (admin.status: local)")
		case !isUnix(peer) && !g.knows(r.Host):
			answer(w, http.StatusMisdirectedRequest, "not a name of this server; add it to admin.hosts")
		default:
			next(w, r)
		}
	}
}

// isUnix tells whether the other end came through a unix socket, which no web site can make a browser do.
func isUnix(peer net.Addr) bool {
	_, unix := peer.(*net.UnixAddr)
	return unix
}

// isLocal tells whether the other end is on this machine.
func isLocal(peer net.Addr) bool {
	tcp, ok := peer.(*net.TCPAddr)
	return isUnix(peer) || ok && tcp.IP.IsLoopback()
}

// knows tells whether a Host header is an address, localhost, or one of our names.
func (g guard) knows(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if _, err := netip.ParseAddr(host); err == nil || host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	return slices.ContainsFunc(g.hosts, func(own string) bool { return strings.EqualFold(own, host) })
}
