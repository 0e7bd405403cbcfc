package httpfront

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"time"

	"penknife/clients"
	"penknife/proxyproto"
)

// proxyReadStep bounds what is allocated for a header before it has arrived.
const proxyReadStep = 512

// proxyReasons are the labels of headers that cannot be used.
var proxyReasons = [...]string{
	proxyproto.ProblemMissing:  "proxy_missing",
	proxyproto.ProblemLine:     "proxy_line",
	proxyproto.ProblemLongLine: "proxy_long_line",
	proxyproto.ProblemVersion:  "proxy_version",
	proxyproto.ProblemFamily:   "proxy_family",
	proxyproto.ProblemLength:   "proxy_length",
	proxyproto.ProblemTLV:      "proxy_tlv",
	proxyproto.ProblemChecksum: "proxy_checksum",
	proxyproto.ProblemLarge:    "proxy_large",
}

// Labels and texts of connections whose header did not come.
const (
	proxySlow    = "proxy_slow"
	proxyCut     = "proxy_cut"
	proxyTooSlow = "the PROXY protocol header took too long to arrive (limits.header_timeout)"
	proxyIsCut   = "the connection ends within its PROXY protocol header"
)

// introduce reads the header of the PROXY protocol and makes its client the connection's. It gives false when the
// connection is to be closed: nothing behind a header that cannot be used is interpreted.
func (c *conn) introduce() bool {
	h, received, err := c.readProxyHeader()
	if err != nil {
		c.failProxyHeader(received, err)
		return false
	}
	c.now = time.Now()
	c.peer.become(h)
	if access := c.srv.door.access.Load(); access != nil && !access.Admits(c.peer.addr) {
		c.srv.counter.ConnectionRefused(clients.RefusedAddress)
		c.srv.door.throttle.Warn(c.srv.log, "peer refused", "reason", clients.RefusedAddress, "client", c.peer.text,
			"proxy", c.RemoteAddr().String(), "listen", c.LocalAddr().String())
		return false
	}
	if !h.Source.IsValid() || c.sit() { // nobody knows whose the others are
		return true
	}
	c.srv.noteExcess(c.Conn, &overSeats, c.peer.text)
	if c.srv.conns.beginRefusal() {
		c.srv.tellExcess(c.Conn, &overSeats, c.peer.remoteAddr)
		c.srv.conns.endRefusal()
	}
	return false
}

// readProxyHeader reads up to the header's last byte. It tells how much had arrived when it failed.
func (c *conn) readProxyHeader() (h proxyproto.Header, received int, err error) {
	until := after(c.now, c.srv.limits.HeaderTime)
	c.idle.Store(true) // the server's stop need not wait for a client that has sent nothing
	defer c.idle.Store(false)
	var buf []byte
	for {
		h, size, err := proxyproto.Parse(buf, int(c.srv.limits.ProxyHeader))
		if !errors.Is(err, proxyproto.ErrIncomplete) {
			return h, len(buf), err
		}
		buf = slices.Grow(buf, min(size-len(buf), proxyReadStep))
		n, err := c.readSocket(buf[len(buf):min(cap(buf), size)], until)
		buf = buf[:len(buf)+n]
		if n > 0 {
			c.idle.Store(false)
			continue
		}
		if err == nil {
			err = io.ErrNoProgress
		}
		return h, len(buf), err
	}
}

// failProxyHeader counts and logs a connection that could not be introduced. One that ends without a byte is a check
// whether somebody listens.
func (c *conn) failProxyHeader(received int, err error) {
	var problem *proxyproto.Error
	reason, text := "", err.Error()
	switch {
	case errors.As(err, &problem):
		reason = proxyReasons[problem.Problem]
		if problem.Problem == proxyproto.ProblemLarge {
			text += " (limits.proxy_header)"
		}
	case errors.Is(err, errTooSlow):
		reason, text = proxySlow, proxyTooSlow
	case received > 0:
		reason, text = proxyCut, proxyIsCut
	default:
		c.srv.log.Debug("connection ended", "client", c.peer.text, "error", err)
		return
	}
	c.srv.counter.ProtocolError(reason)
	c.srv.door.throttle.Warn(c.srv.log, "connection refused", "reason", reason, "detail", text, "proxy", c.peer.text,
		"listen", c.LocalAddr().String())
}

// beginsWithProxyHeader tells of a head that makes no sense whether a load balancer speaks the PROXY protocol to a listener
// that was not told so. Empty lines in front, with which version 2 begins, were skipped.
func beginsWithProxyHeader(head []byte) bool {
	return bytes.HasPrefix(head, []byte("PROXY ")) || bytes.HasPrefix(head, []byte("\x00\r\nQUIT\n"))
}

// become takes over what the header says. Where it names nobody, the ends of this connection stay, as the protocol
// wants it; but then what comes is a stranger's word, except when the sender speaks for itself.
func (p *peer) become(h proxyproto.Header) {
	if !h.Local {
		p.trusted = false
	}
	if h.Source.IsValid() {
		p.setClient(h.Source)
		p.setServer(h.Destination)
	}
	if h.TLS {
		p.scheme = "https"
	}
	p.fixConsts()
}
