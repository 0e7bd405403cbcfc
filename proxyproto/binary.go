package proxyproto

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"
)

// Values of the 13th and the 14th byte (section 2.2).
const (
	version2     = 0x2
	commandLocal = 0x0
	commandProxy = 0x1

	familyUnspecified = 0x0
	familyUnix        = 0x3
	transportMax      = 0x2 // datagrams

	tcpOverIPv4 = 0x11
	tcpOverIPv6 = 0x21
)

// addressSizes is how long both addresses and ports together are, by family.
var addressSizes = [...]int{familyUnspecified: 0, 0x1: 2*4 + 2*2, 0x2: 2*16 + 2*2, familyUnix: 2 * 108}

// Types of TLVs (section 2.2.8) that mean something here, and what a client's TLS is told by.
const (
	typeChecksum = 0x03
	typeSSL      = 0x20

	checksumSize = 4
	tlvHeadSize  = 3
	sslHeadSize  = 5
	sslClient    = 0x01 // of the first byte: the client connected over TLS
)

// parseBinary reads a header of version 2.
func parseBinary(b []byte, limit int) (h Header, size int, err error) {
	h.Version = 2
	if len(b) > len(signature) {
		if err = checkCommand(b[len(signature)]); err != nil {
			return h, 0, err
		}
	}
	if len(b) < prefaceSize {
		return h, prefaceSize, ErrIncomplete
	}
	size = prefaceSize + int(binary.BigEndian.Uint16(b[prefaceSize-2:]))
	if size > limit {
		return h, 0, fail(ProblemLarge, "the header has %d bytes, %d are permitted", size, limit)
	}
	if h.Local = b[12]&0xf == commandLocal; !h.Local {
		if err = checkFamily(b[13], size-prefaceSize); err != nil {
			return h, 0, err
		}
	}
	if len(b) < size {
		return h, size, ErrIncomplete
	}
	if !h.Local { // else all is to be discarded, the family included
		err = h.readBlock(b[:size])
	}
	return h, size, err
}

func checkCommand(b byte) error {
	if b>>4 != version2 {
		return fail(ProblemVersion, "version %d of the binary form is not known", b>>4)
	}
	if command := b & 0xf; command != commandLocal && command != commandProxy {
		return fail(ProblemVersion, "command %d is not known", command)
	}
	return nil
}

// checkFamily judges the 14th byte, and whether the block behind the preface has room for such addresses.
func checkFamily(b byte, size int) error {
	family, transport := b>>4, b&0xf
	if family > familyUnix || transport > transportMax {
		return fail(ProblemFamily, "address family %d with transport %d is not known", family, transport)
	}
	if size < addressSizes[family] {
		return fail(ProblemLength, "%d bytes hold no addresses of family %d", size, family)
	}
	return nil
}

// readBlock reads the addresses and TLVs of a complete header. Families that HTTP does not come over say nothing; of an
// unspecified one nobody knows where its TLVs begin.
func (h *Header) readBlock(all []byte) error {
	kind, block := all[13], all[prefaceSize:]
	if kind>>4 == familyUnspecified || kind&0xf == 0 {
		return nil
	}
	switch kind {
	case tcpOverIPv4:
		h.Source, h.Destination = readEnds[[4]byte](block, 4, netip.AddrFrom4)
	case tcpOverIPv6:
		h.Source, h.Destination = readEnds[[16]byte](block, 16, netip.AddrFrom16)
	}
	return h.readTLVs(all, prefaceSize+addressSizes[kind>>4])
}

// readEnds takes two addresses of size bytes and then their ports.
func readEnds[A [4]byte | [16]byte](block []byte, size int, from func(A) netip.Addr) (source, destination netip.AddrPort) {
	ports := block[2*size:]
	return netip.AddrPortFrom(from(A(block[:size])).Unmap(), binary.BigEndian.Uint16(ports)),
		netip.AddrPortFrom(from(A(block[size:2*size])).Unmap(), binary.BigEndian.Uint16(ports[2:]))
}

// readTLVs walks what follows the addresses. Types that are not known are skipped.
func (h *Header) readTLVs(all []byte, at int) error {
	checked := false
	for at < len(all) {
		kind, value, err := nextTLV(all[at:])
		if err != nil {
			return err
		}
		at += tlvHeadSize + len(value)
		switch kind {
		case typeChecksum:
			if len(value) != checksumSize || checked {
				return fail(ProblemTLV, "the checksum has %d bytes, or comes twice", len(value))
			}
			checked = true
			if err := verify(all, at-checksumSize); err != nil {
				return err
			}
		case typeSSL:
			if err := h.readSSL(value); err != nil {
				return err
			}
		}
	}
	return nil
}

// nextTLV takes one type, length and value off b.
func nextTLV(b []byte) (kind byte, value []byte, err error) {
	if len(b) < tlvHeadSize {
		return 0, nil, fail(ProblemTLV, "%d bytes are left, too few for a TLV", len(b))
	}
	size := int(binary.BigEndian.Uint16(b[1:]))
	if size > len(b)-tlvHeadSize {
		return 0, nil, fail(ProblemTLV, "a TLV of type %#x has %d bytes, %d are left", b[0], size, len(b)-tlvHeadSize)
	}
	return b[0], b[tlvHeadSize : tlvHeadSize+size], nil
}

// readSSL reads PP2_TYPE_SSL (section 2.2.6).
func (h *Header) readSSL(value []byte) error {
	if len(value) < sslHeadSize {
		return fail(ProblemTLV, "a TLV about TLS has %d bytes", len(value))
	}
	h.TLS = value[0]&sslClient != 0
	for rest := value[sslHeadSize:]; len(rest) > 0; {
		_, inner, err := nextTLV(rest)
		if err != nil {
			return err
		}
		rest = rest[tlvHeadSize+len(inner):]
	}
	return nil
}

// verify compares the checksum at the place with that of the header, in which it counts as zero (section 2.2.3).
func verify(all []byte, at int) error {
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Update(0, table, all[:at])
	sum = crc32.Update(sum, table, make([]byte, checksumSize))
	sum = crc32.Update(sum, table, all[at+checksumSize:])
	if said := binary.BigEndian.Uint32(all[at:]); said != sum {
		return fail(ProblemChecksum, "the checksum is %08x, the header's is %08x", said, sum)
	}
	return nil
}
