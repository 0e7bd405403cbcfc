package httpfront

import (
	"bytes"
	"net/netip"
)

// forwarded is what a trusted proxy said about its client, over what the connection says.
type forwarded struct {
	addr       []byte // REMOTE_ADDR
	port       string // REMOTE_PORT; empty when the proxy gave only an address
	scheme     string // "http" or "https"
	host       []byte // nil when not said
	serverPort []byte
}

// readForwarded reads the X-Forwarded-* fields of a trusted peer, and Forwarded if there is none of them: most proxies
// set the one kind and pass the other on as the client sent it. A value that does not make sense is passed over.
func (h *head) readForwarded(p *peer) forwarded {
	f := p.said()
	var standard []byte
	for i := range h.fields {
		if equalFold(h.fields[i].name, "forwarded") && !h.fields[i].merged {
			standard = h.joined(i)
		}
	}
	if !h.readOwnFields(&f, p) && standard != nil {
		f.setElements(parseElements(standard), p.trusts)
	}
	if p.addr.IsValid() || f.scheme == p.scheme || string(f.serverPort) != p.serverPort {
		return f
	}
	f.serverPort = []byte(schemePorts[f.scheme])
	return f
}

// readOwnFields reads the X-Forwarded-* fields. It tells whether there is any.
func (h *head) readOwnFields(f *forwarded, p *peer) (any bool) {
	for i := range h.fields {
		name, last := h.fields[i].name, lastElement(h.fields[i].value)
		switch {
		case equalFold(name, "x-forwarded-for"):
			if !h.fields[i].merged {
				f.setClient(h.findClient(i, p))
			}
		case equalFold(name, "x-forwarded-proto"):
			f.setScheme(last)
		case equalFold(name, "x-forwarded-host"):
			f.setHost(last)
		case equalFold(name, "x-forwarded-port"):
			if len(last) > 0 && len(last) < 6 && isDigits(last) {
				f.serverPort = last
			}
		default:
			continue
		}
		any = true
	}
	return any
}

func (f *forwarded) setScheme(name []byte) {
	switch {
	case equalFold(name, "https"):
		f.scheme = "https"
	case equalFold(name, "http"):
		f.scheme = "http"
	}
}

func (f *forwarded) setHost(name []byte) {
	if len(name) > 0 && isHost(name) {
		f.host = name
	}
}

func (f *forwarded) setClient(client netip.Addr) {
	if client.IsValid() {
		f.addr, f.port = client.AppendTo(nil), ""
	}
}

// lastElement gives the right-most element of a list: what the nearest proxy said.
func lastElement(list []byte) []byte {
	return trimBlanks(list[bytes.LastIndexByte(list, ',')+1:])
}

// findClient walks the X-Forwarded-For fields that start at index first from the right, as long as the address there
// is trusted to tell the truth about the one before it. It gives the last address that was said by somebody trusted,
// or none. What is further left may be anybody's invention.
func (h *head) findClient(first int, p *peer) (client netip.Addr) {
	list := h.joined(first)
	for len(list) > 0 {
		comma := bytes.LastIndexByte(list, ',')
		addr := parseHop(trimBlanks(list[comma+1:]))
		if !addr.IsValid() {
			break
		}
		client = addr
		if !p.trusts(addr) || comma < 0 {
			break
		}
		list = list[:comma]
	}
	return client
}

// joined gives the values of the fields of one name, of which first is the first, as one list.
func (h *head) joined(first int) []byte {
	list := h.fields[first].value
	for next := h.fields[first].next; next != 0; next = h.fields[next].next {
		list = append(append(list[:len(list):len(list)], ','), h.fields[next].value...)
	}
	return list
}

// parseHop reads an address, with or without port and brackets.
func parseHop(b []byte) netip.Addr {
	text := string(b)
	if addr, err := netip.ParseAddr(text); err == nil {
		return addr.Unmap().WithZone("")
	}
	if at, err := netip.ParseAddrPort(text); err == nil {
		return at.Addr().Unmap().WithZone("")
	}
	if n := len(text); n > 2 && text[0] == '[' && text[n-1] == ']' {
		if addr, err := netip.ParseAddr(text[1 : n-1]); err == nil {
			return addr.WithZone("")
		}
	}
	return netip.Addr{}
}
