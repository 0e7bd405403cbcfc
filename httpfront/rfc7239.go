package httpfront

import (
	"bytes"
	"net/netip"
)

// element is what one proxy says in the Forwarded field (RFC 7239 section 4).
type element struct{ client, proto, host []byte }

func (e *element) set(name, value []byte) {
	switch {
	case equalFold(name, "for"):
		e.client = value
	case equalFold(name, "proto"):
		e.proto = value
	case equalFold(name, "host"):
		e.host = value
	}
}

// parseElements takes a Forwarded field apart. Of one that is malformed nothing can be believed, so it gives none.
func parseElements(list []byte) []element {
	var all []element
	for e := (element{}); ; list = list[1:] {
		list = trimLeft(list)
		if n := tokenLength(list); n > 0 {
			value, found := bytes.CutPrefix(list[n:], []byte{'='})
			size := valueLength(value)
			if !found || size == 0 {
				return nil
			}
			e.set(list[:n], unquote(value[:size]))
			list = trimLeft(value[size:])
		}
		switch {
		case len(list) == 0:
			return append(all, e)
		case list[0] == ',':
			all, e = append(all, e), element{}
		case list[0] != ';':
			return nil
		}
	}
}

// unquote gives the content of a quoted-string, and a token as it is (RFC 9110 section 5.6.4).
func unquote(value []byte) []byte {
	if value[0] != '"' {
		return value
	}
	value = value[1 : len(value)-1]
	if bytes.IndexByte(value, '\\') < 0 {
		return value
	}
	plain := make([]byte, 0, len(value))
	for i := 0; i < len(value); i++ {
		if value[i] == '\\' {
			i++
		}
		plain = append(plain, value[i])
	}
	return plain
}

// setElements takes over what the Forwarded field says: scheme and host from the nearest proxy, the client as in
// findClient.
func (f *forwarded) setElements(all []element, trusts func(netip.Addr) bool) {
	if len(all) == 0 {
		return
	}
	nearest := all[len(all)-1]
	f.setScheme(nearest.proto)
	f.setHost(nearest.host)
	var client netip.Addr
	for i := len(all) - 1; i >= 0; i-- {
		addr := parseHop(all[i].client)
		if !addr.IsValid() {
			break
		}
		client = addr
		if !trusts(addr) {
			break
		}
	}
	f.setClient(client)
}
