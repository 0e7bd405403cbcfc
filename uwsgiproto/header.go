package uwsgiproto

import "encoding/binary"

// The fixed sizes of the protocol.
const (
	HeaderSize = 4     // bytes of the packet header
	MaxBlock   = 65535 // bytes of a var block that the header can announce
	MaxVar     = 65535 // bytes of one key or one value
)

// The values of modifier1 that mean something to a Python server.
const (
	ModifierWSGI     = 0   // a request; its body follows the block
	ModifierWSGIPath = 30  // the same, but PATH_INFO still begins with SCRIPT_NAME
	ModifierPing     = 100 // is anybody there; answered with AppendPong
)

// Header is the head of a packet.
type Header struct {
	Modifier1 byte
	Modifier2 byte
	Size      int // bytes of the block, 0 to MaxBlock
}

// ParseHeader reads the first HeaderSize bytes of packet. The error is ProblemShortHeader when there are fewer.
func ParseHeader(packet []byte) (Header, error) {
	if len(packet) < HeaderSize {
		return Header{}, &Error{Problem: ProblemShortHeader, Offset: len(packet), Size: len(packet)}
	}
	size := int(binary.LittleEndian.Uint16(packet[1:]))
	return Header{Modifier1: packet[0], Modifier2: packet[3], Size: size}, nil
}

// AppendHeader appends the four bytes of h, or refuses with ProblemBlockTooLarge and gives dst back unchanged.
func AppendHeader(dst []byte, h Header) ([]byte, error) {
	if h.Size < 0 || h.Size > MaxBlock {
		return dst, &Error{Problem: ProblemBlockTooLarge, Offset: len(dst), Size: h.Size}
	}
	return append(dst, h.Modifier1, byte(h.Size), byte(h.Size>>8), h.Modifier2), nil
}

// AppendPong appends the answer to ModifierPing: a header with modifier2 1, and the warning message, which is empty
// when all is well. It refuses with ProblemBlockTooLarge.
func AppendPong(dst []byte, message string) ([]byte, error) {
	dst, err := AppendHeader(dst, Header{Modifier1: ModifierPing, Modifier2: 1, Size: len(message)})
	if err != nil {
		return dst, err
	}
	return append(dst, message...), nil
}
