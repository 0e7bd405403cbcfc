package httpfront

import (
	"net"
	"net/netip"
	"strconv"

	"penknife/gateway"
	"penknife/requestids"
)

// Names of variables with their length in front, as the var block wants it (uwsgi protocol: length LE16, bytes).
// The block is built here and not by uwsgiproto.AppendVar, which takes more than twice the time (20 to 50 ns against
// 60 to 90 ns for ten variables) to check every length again: parseHead has refused what does not fit. Tests decode it
// with uwsgiproto.
const (
	keyMethod        = "\x0e\x00REQUEST_METHOD"
	keyURI           = "\x0b\x00REQUEST_URI"
	keyPath          = "\x09\x00PATH_INFO"
	keyQuery         = "\x0c\x00QUERY_STRING"
	keyProtocol      = "\x0f\x00SERVER_PROTOCOL"
	keyScriptName    = "\x0b\x00SCRIPT_NAME"
	keyServerName    = "\x0b\x00SERVER_NAME"
	keyServerPort    = "\x0b\x00SERVER_PORT"
	keyRemoteAddr    = "\x0b\x00REMOTE_ADDR"
	keyRemotePort    = "\x0b\x00REMOTE_PORT"
	keyScheme        = "\x0e\x00REQUEST_SCHEME"
	keyHTTPS         = "\x05\x00HTTPS"
	keyContentType   = "\x0c\x00CONTENT_TYPE"
	keyContentLength = "\x0e\x00CONTENT_LENGTH"
	keyHost          = "\x09\x00HTTP_HOST"
)

// span is a place in the var block, which may still move while it grows.
type span struct{ from, to int }

func (s span) of(block []byte) []byte { return block[s.from:s.to:s.to] }

// appendVar appends a variable; value must not be longer than maxVar. It tells where the value is.
func appendVar[T []byte | string](dst []byte, key string, value T) ([]byte, span) {
	dst = append(dst, key...)
	dst = append(dst, byte(len(value)), byte(len(value)>>8))
	from := len(dst)
	dst = append(dst, value...)
	return dst, span{from, len(dst)}
}

// peer is what is known about a connection before its first request.
type peer struct {
	text    string // for the log
	addr    netip.Addr
	trusted bool // what it says about its client counts
	trusts  func(netip.Addr) bool
	ids     *requestids.Source

	// consts holds the variables that do not change, as they are when nothing was forwarded.
	consts             []byte
	remoteAt, schemeAt span // in consts

	remoteAddr, remotePort, serverName, serverPort string
	scheme                                         string // "http" or "https"
	session                                        []byte // the variables of the TLS session
}

func newPeer(nc net.Conn, trusts func(netip.Addr) bool) peer {
	p := peer{text: nc.RemoteAddr().String(), trusts: trusts, serverName: "localhost", serverPort: "80", scheme: "http"}
	if local, ok := nc.LocalAddr().(*net.TCPAddr); ok {
		p.setServer(local.AddrPort())
	}
	if remote, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		p.setClient(remote.AddrPort())
	} else {
		p.text, p.trusted = "unix", true
	}
	p.fixConsts()
	return p
}

// setClient says whose connection it is; fixConsts must follow.
func (p *peer) setClient(at netip.AddrPort) {
	p.addr = at.Addr().Unmap().WithZone("")
	p.remoteAddr, p.remotePort = p.addr.String(), strconv.Itoa(int(at.Port()))
	p.text, p.trusted = netip.AddrPortFrom(p.addr, at.Port()).String(), p.trusts(p.addr)
}

// setServer says where the client connected to; fixConsts must follow.
func (p *peer) setServer(at netip.AddrPort) {
	p.serverName, p.serverPort = at.Addr().Unmap().WithZone("").String(), strconv.Itoa(int(at.Port()))
}

// fixConsts writes the variables that follow from the connection.
func (p *peer) fixConsts() {
	p.consts, p.remoteAt, p.schemeAt = p.appendConsts(p.consts[:0], p.said())
}

// schemePorts are the ports of a unix socket, which has none of its own.
var schemePorts = map[string]string{"http": "80", "https": "443"}

// secure takes over the variables of a TLS session.
func (p *peer) secure(session []byte) {
	p.scheme, p.session = "https", session
	if !p.addr.IsValid() {
		p.serverPort = schemePorts[p.scheme]
	}
	p.fixConsts()
}

// said is what the connection itself says about its client.
func (p *peer) said() forwarded {
	return forwarded{addr: []byte(p.remoteAddr), port: p.remotePort, scheme: p.scheme, serverPort: []byte(p.serverPort)}
}

// appendConsts appends the variables about the two ends of the connection.
func (p *peer) appendConsts(dst []byte, f forwarded) (block []byte, remote, scheme span) {
	dst, _ = appendVar(dst, keyScriptName, "")
	dst, _ = appendVar(dst, keyServerName, p.serverName)
	dst, _ = appendVar(dst, keyServerPort, f.serverPort)
	dst, remote = appendVar(dst, keyRemoteAddr, f.addr)
	dst, _ = appendVar(dst, keyRemotePort, f.port)
	dst, scheme = appendVar(dst, keyScheme, f.scheme)
	if f.scheme == "https" {
		dst, _ = appendVar(dst, keyHTTPS, "on")
	}
	return append(dst, p.session...), remote, scheme
}

var protocols = [2]string{"HTTP/1.0", "HTTP/1.1"}

// buildVars encodes a checked head into the connection's var block and points req at it. It refuses what only shows
// while encoding: bad escapes in the path, and values that grew too long by merging.
func (h *head) buildVars(dst []byte, p *peer, req *gateway.Request) ([]byte, *refusal) {
	var method, target, path, query, host, proto, remote, scheme span
	dst, method = appendVar(dst, keyMethod, h.method)
	dst, target = appendVar(dst, keyURI, h.target)
	dst, path = appendVar(dst, keyPath, "")
	decoded, ok := appendDecoded(dst, h.path)
	if !ok {
		return dst, refuseTarget
	}
	path.to = len(decoded)
	decoded[path.from-2], decoded[path.from-1] = byte(path.to-path.from), byte((path.to-path.from)>>8)
	dst, query = appendVar(decoded, keyQuery, h.query)
	dst, proto = appendVar(dst, keyProtocol, protocols[h.minor])

	name := h.host
	if p.trusted && h.forwards {
		f := h.readForwarded(p)
		if f.host != nil {
			name = f.host
		}
		dst, remote, scheme = p.appendConsts(dst, f)
	} else {
		at := len(dst)
		dst = append(dst, p.consts...)
		remote, scheme = span{at + p.remoteAt.from, at + p.remoteAt.to}, span{at + p.schemeAt.from, at + p.schemeAt.to}
	}
	if name != nil {
		dst, host = appendVar(dst, keyHost, name)
	}
	dst = h.appendContentVars(dst)
	dst, id, bad := h.appendFields(dst, p)
	if bad != nil {
		return dst, bad
	}
	if p.ids != nil {
		at := 0
		dst, at = p.ids.AppendVar(dst, id, req.ID)
		req.RequestID = dst[at:]
	}
	req.Vars, req.Trusted = dst, p.trusted
	req.Method, req.Target, req.Path, req.Query = method.of(dst), target.of(dst), path.of(dst), query.of(dst)
	req.Host, req.Scheme, req.Proto, req.RemoteAddr = host.of(dst), scheme.of(dst), proto.of(dst), remote.of(dst)
	return dst, nil
}

func (h *head) appendContentVars(dst []byte) []byte {
	if h.hasType {
		dst, _ = appendVar(dst, keyContentType, h.contentType)
	}
	if h.length >= 0 {
		var digits [20]byte
		dst, _ = appendVar(dst, keyContentLength, strconv.AppendInt(digits[:0], h.length, 10))
	}
	return dst
}

// appendFields appends the HTTP_ variables. id is the request's identifier, if the peer gave one that counts.
func (h *head) appendFields(dst []byte, p *peer) (block, id []byte, bad *refusal) {
	for i := range h.fields {
		f := &h.fields[i]
		if f.merged || h.forwards && !p.trusted && isForwardedName(f.name) {
			continue
		}
		if p.trusted && f.next == 0 && p.ids.IsHeader(f.name) && requestids.Valid(f.value) {
			id = f.value
		}
		size := len("HTTP_") + len(f.name)
		dst = append(dst, byte(size), byte(size>>8))
		dst = append(dst, "HTTP_"...)
		for _, c := range f.name {
			dst = append(dst, nameChars[c])
		}
		dst = append(dst, byte(len(f.value)), byte(len(f.value)>>8))
		dst = append(dst, f.value...)
		if f.next == 0 {
			continue
		}
		var ok bool
		if dst, ok = h.appendMerged(dst, f); !ok {
			return dst, id, refuseLongHead
		}
	}
	return dst, id, nil
}

// appendMerged adds the values of the fields that repeat first to its value, which is the end of dst, and corrects the
// length. Cookie is the one field that is not joined by commas (RFC 6265 section 5.4).
func (h *head) appendMerged(dst []byte, first *field) ([]byte, bool) {
	from := len(dst) - len(first.value)
	separator := ", "
	if equalFold(first.name, "cookie") {
		separator = "; "
	}
	for next := first.next; next != 0; next = h.fields[next].next {
		dst = append(append(dst, separator...), h.fields[next].value...)
	}
	size := len(dst) - from
	dst[from-2], dst[from-1] = byte(size), byte(size>>8)
	return dst, size <= maxVar
}
