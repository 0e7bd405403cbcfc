package proxyproto

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"net/netip"
	"strings"
	"testing"
)

// limit is what the tests permit unless they are about it.
const limit = 4096

// frame makes a header of version 2 from its 13th and 14th byte and what follows the preface.
func frame(command, family byte, block string) string {
	head := append([]byte(signature), command, family)
	return string(binary.BigEndian.AppendUint16(head, uint16(len(block)))) + block
}

func tlv(kind byte, value string) string {
	return string(binary.BigEndian.AppendUint16([]byte{kind}, uint16(len(value)))) + value
}

// The addresses of the examples: 192.0.2.1:56324 and 198.51.100.2:443, 2001:db8::1 and ::2 likewise.
const (
	block4 = "\xc0\x00\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb"
	block6 = "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" +
		"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\xdc\x04\x01\xbb"
)

// checksummed puts the right checksum behind a block; the last byte is changed by wrong.
func checksummed(before, after string, wrong byte) string {
	whole := []byte(frame(0x21, 0x11, before+tlv(3, "\x00\x00\x00\x00")+after))
	at := prefaceSize + len(before) + tlvHeadSize
	binary.BigEndian.PutUint32(whole[at:], crc32.Checksum(whole, crc32.MakeTable(crc32.Castagnoli)))
	whole[at+3] ^= wrong
	return string(whole)
}

// good are headers that the specification calls valid, with what they say.
var good = []struct {
	name, bytes         string
	source, destination string // empty: not said
	local, tls          bool
}{
	{name: "2.1 TCP4", bytes: "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n", source: "192.168.0.1:56324", destination: "192.168.0.11:443"},
	{name: "2.1 TCP4 shortest", bytes: "PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", source: "0.0.0.0:0", destination: "0.0.0.0:0"},
	{name: "2.1 TCP4 longest", bytes: "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", source: "255.255.255.255:65535", destination: "255.255.255.255:65535"},
	{name: "2.1 TCP6 shortest", bytes: "PROXY TCP6 :: :: 0 0\r\n", source: "[::]:0", destination: "[::]:0"},
	{name: "2.1 TCP6 longest", bytes: "PROXY TCP6 " + strings.Repeat("ffff:", 7) + "FFFF " + strings.Repeat("ffff:", 7) + "ffff 65535 65535\r\n",
		source: "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", destination: "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
	{name: "2.1 TCP6 of IPv4, as inet_ntop writes it", bytes: "PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n", source: "192.0.2.1:1", destination: "[::1]:2"},
	{name: "2.1 UNKNOWN short", bytes: "PROXY UNKNOWN\r\n"},
	{name: "2.1 UNKNOWN with anything", bytes: "PROXY UNKNOWN  a\rb \x00 TCP4 1.2.3.4\r\n"},
	{name: "2.1 UNKNOWN longest", bytes: "PROXY UNKNOWN " + strings.Repeat("f", MaxLine-16) + "\r\n"},
	{name: "2.2 TCP over IPv4", bytes: frame(0x21, 0x11, block4), source: "192.0.2.1:56324", destination: "198.51.100.2:443"},
	{name: "2.2 TCP over IPv6", bytes: frame(0x21, 0x21, block6), source: "[2001:db8::1]:56324", destination: "[2001:db8::2]:443"},
	{name: "2.2 IPv4 in IPv6", bytes: frame(0x21, 0x21, strings.Repeat("\x00", 10)+"\xff\xff\xc0\x00\x02\x01"+strings.Repeat("\x00", 15)+"\x01\x00\x01\x00\x02"),
		source: "192.0.2.1:1", destination: "[::1]:2"},
	{name: "2.2 LOCAL", bytes: frame(0x20, 0x00, ""), local: true},
	{name: "2.2 LOCAL with a family and rubbish", bytes: frame(0x20, 0xff, "rubbish\xff\xff"), local: true},
	{name: "2.2 LOCAL with addresses", bytes: frame(0x20, 0x11, block4), local: true},
	{name: "2.2 UNSPEC", bytes: frame(0x21, 0x00, "")},
	{name: "2.2 UNSPEC with anything", bytes: frame(0x21, 0x00, "\x03\xff\xff")},
	{name: "2.2 unspecified transport", bytes: frame(0x21, 0x10, block4)},
	{name: "2.2 UDP over IPv4", bytes: frame(0x21, 0x12, block4)},
	{name: "2.2 UDP over IPv6", bytes: frame(0x21, 0x22, block6)},
	{name: "2.2 unix stream", bytes: frame(0x21, 0x31, strings.Repeat("/", 216))},
	{name: "2.2 TLVs are skipped", bytes: frame(0x21, 0x11, block4+tlv(1, "h2")+tlv(2, "example.org")+tlv(4, "")+tlv(5, "id")+tlv(0x30, "ns")+tlv(0xea, "aws")),
		source: "192.0.2.1:56324", destination: "198.51.100.2:443"},
	{name: "2.2.3 checksum", bytes: checksummed(block4, "", 0), source: "192.0.2.1:56324", destination: "198.51.100.2:443"},
	{name: "2.2.3 checksum between others", bytes: checksummed(block4+tlv(1, "h2"), tlv(4, "xxx"), 0), source: "192.0.2.1:56324", destination: "198.51.100.2:443"},
	{name: "2.2.6 TLS", bytes: frame(0x21, 0x11, block4+tlv(0x20, "\x01\x00\x00\x00\x00"+tlv(0x21, "TLSv1.3"))), tls: true,
		source: "192.0.2.1:56324", destination: "198.51.100.2:443"},
	{name: "2.2.6 no TLS", bytes: frame(0x21, 0x11, block4+tlv(0x20, "\x00\x00\x00\x00\x01")),
		source: "192.0.2.1:56324", destination: "198.51.100.2:443"},
}

// TestGood: also byte by byte, and never reading more than there is.
func TestGood(t *testing.T) {
	for _, row := range good {
		want := Header{Version: 1, Local: row.local, TLS: row.tls}
		if row.bytes[0] != 'P' {
			want.Version = 2
		}
		if row.source != "" {
			want.Source, want.Destination = netip.MustParseAddrPort(row.source), netip.MustParseAddrPort(row.destination)
		}
		for _, behind := range []string{"", "G", "GET / HTTP/1.1\r\n", "\n", "\r\n\r\n"} {
			h, size, err := Parse([]byte(row.bytes+behind), limit)
			if err != nil || size != len(row.bytes) || h != want {
				t.Errorf("%s before %q: %+v, %d, %v", row.name, behind, h, size, err)
			}
		}
		checkPrefixes(t, []byte(row.bytes))
	}
}

// checkPrefixes: every beginning of a valid header asks for more, and for no byte behind the header.
func checkPrefixes(t *testing.T, whole []byte) {
	for n := range whole {
		_, size, err := Parse(whole[:n], len(whole))
		if !errors.Is(err, ErrIncomplete) || size <= n || size > len(whole) {
			t.Errorf("%d of %d bytes of %q: %d, %v", n, len(whole), whole, size, err)
		}
	}
}

// bad are headers that the specification wants refused.
var bad = []struct {
	name, bytes string
	problem     Problem
}{
	{"HTTP", "GET / HTTP/1.1\r\n", ProblemMissing},
	{"TLS", "\x16\x03\x01\x02\x00\x01", ProblemMissing},
	{"an empty line and HTTP", "\r\nGET / HTTP/1.1\r\n", ProblemMissing},
	{"lower case", "proxy TCP4 1.1.1.1 2.2.2.2 1 2\r\n", ProblemMissing},
	{"a space in front", " PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n", ProblemMissing},
	{"a tab behind PROXY", "PROXY\tTCP4 1.1.1.1 2.2.2.2 1 2\r\n", ProblemMissing},
	{"the signature but its last byte", "\r\n\r\n\x00\r\nQUIT\r\x21\x11\x00\x0c" + block4, ProblemMissing},

	{"2.1 two spaces", "PROXY  TCP4 1.1.1.1 2.2.2.2 1 2\r\n", ProblemLine},
	{"2.1 two spaces later", "PROXY TCP4 1.1.1.1  2.2.2.2 1 2\r\n", ProblemLine},
	{"2.1 a space at the end", "PROXY TCP4 1.1.1.1 2.2.2.2 1 2 \r\n", ProblemLine},
	{"2.1 a tab", "PROXY TCP4 1.1.1.1\t2.2.2.2 1 2\r\n", ProblemLine},
	{"2.1 protocol in lower case", "PROXY tcp4 1.1.1.1 2.2.2.2 1 2\r\n", ProblemLine},
	{"2.1 another protocol", "PROXY UDP4 1.1.1.1 2.2.2.2 1 2\r\n", ProblemLine},
	{"2.1 UNKNOWN with a letter more", "PROXY UNKNOWNS 1.1.1.1 2.2.2.2 1 2\r\n", ProblemLine},
	{"2.1 only the protocol", "PROXY TCP4\r\n", ProblemLine},
	{"2.1 nothing", "PROXY \r\n", ProblemLine},
	{"2.1 no destination", "PROXY TCP4 1.1.1.1 1 2\r\n", ProblemLine},
	{"2.1 no ports", "PROXY TCP4 1.1.1.1 2.2.2.2\r\n", ProblemLine},
	{"2.1 one port", "PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n", ProblemLine},
	{"2.1 three ports", "PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n", ProblemLine},
	{"2.1 lone LF", "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n", ProblemLine},
	{"2.1 LF in UNKNOWN", "PROXY UNKNOWN abc\ndef\r\n", ProblemLine},
	{"2.1 CR in the line", "PROXY TCP4 1.1.1.1 2.2.2.2 1\r2\r\n", ProblemLine},
	{"2.1 CR twice", "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\r\n", ProblemLine},
	{"2.1 NUL", "PROXY TCP4 1.1.1.1\x00 2.2.2.2 1 2\r\n", ProblemLine},
	{"2.1 three numbers", "PROXY TCP4 1.1.1 2.2.2.2 1 2\r\n", ProblemLine},
	{"2.1 five numbers", "PROXY TCP4 1.1.1.1.1 2.2.2.2 1 2\r\n", ProblemLine},
	{"2.1 256", "PROXY TCP4 1.1.1.256 2.2.2.2 1 2\r\n", ProblemLine},
	{"2.1 leading zero", "PROXY TCP4 1.1.1.01 2.2.2.2 1 2\r\n", ProblemLine},
	{"2.1 hexadecimal number", "PROXY TCP4 1.1.1.0x1 2.2.2.2 1 2\r\n", ProblemLine},
	{"2.1 one number for all", "PROXY TCP4 16843009 2.2.2.2 1 2\r\n", ProblemLine},
	{"2.1 a name", "PROXY TCP4 localhost 2.2.2.2 1 2\r\n", ProblemLine},
	{"2.1 IPv6 as TCP4", "PROXY TCP4 ::1 ::1 1 2\r\n", ProblemLine},
	{"2.1 IPv4 as TCP6", "PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n", ProblemLine},
	{"2.1 one of each", "PROXY TCP6 ::1 2.2.2.2 1 2\r\n", ProblemLine},
	{"2.1 double colon twice", "PROXY TCP6 1::2::3 ::1 1 2\r\n", ProblemLine},
	{"2.1 seven groups", "PROXY TCP6 1:2:3:4:5:6:7 ::1 1 2\r\n", ProblemLine},
	{"2.1 nine groups", "PROXY TCP6 1:2:3:4:5:6:7:8:9 ::1 1 2\r\n", ProblemLine},
	{"2.1 five digits", "PROXY TCP6 12345::1 ::1 1 2\r\n", ProblemLine},
	{"2.1 brackets", "PROXY TCP6 [::1] [::1] 1 2\r\n", ProblemLine},
	{"2.1 zone", "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n", ProblemLine},
	{"2.1 port 65536", "PROXY TCP4 1.1.1.1 2.2.2.2 65536 2\r\n", ProblemLine},
	{"2.1 port with zero in front", "PROXY TCP4 1.1.1.1 2.2.2.2 080 2\r\n", ProblemLine},
	{"2.1 port with sign", "PROXY TCP4 1.1.1.1 2.2.2.2 +80 2\r\n", ProblemLine},
	{"2.1 negative port", "PROXY TCP4 1.1.1.1 2.2.2.2 -1 2\r\n", ProblemLine},
	{"2.1 port in letters", "PROXY TCP4 1.1.1.1 2.2.2.2 http 2\r\n", ProblemLine},
	{"2.1 no CRLF in 107 bytes", "PROXY UNKNOWN " + strings.Repeat("f", MaxLine-15) + "\r\n", ProblemLongLine},
	{"2.1 no end at all", "PROXY TCP4 " + strings.Repeat("1", 200), ProblemLongLine},

	{"2.2 version 1 in the binary form", frame(0x11, 0x11, block4), ProblemVersion},
	{"2.2 version 3", frame(0x31, 0x11, block4), ProblemVersion},
	{"2.2 command 2", frame(0x22, 0x11, block4), ProblemVersion},
	{"2.2 command 15", frame(0x2f, 0x11, block4), ProblemVersion},
	{"2.2 family 4", frame(0x21, 0x41, block4), ProblemFamily},
	{"2.2 transport 3", frame(0x21, 0x13, block4), ProblemFamily},
	{"2.2 IPv4 without addresses", frame(0x21, 0x11, ""), ProblemLength},
	{"2.2 IPv4 one byte short", frame(0x21, 0x11, block4[:11]), ProblemLength},
	{"2.2 IPv6 with IPv4 addresses", frame(0x21, 0x21, block4), ProblemLength},
	{"2.2 IPv6 one byte short", frame(0x21, 0x21, block6[:35]), ProblemLength},
	{"2.2 unix one byte short", frame(0x21, 0x31, strings.Repeat("/", 215)), ProblemLength},
	{"2.2 one byte behind the addresses", frame(0x21, 0x11, block4+"\x04"), ProblemTLV},
	{"2.2 half a TLV head", frame(0x21, 0x11, block4+"\x04\x00"), ProblemTLV},
	{"2.2 TLV beyond the end", frame(0x21, 0x11, block4+"\x04\x00\x01"), ProblemTLV},
	{"2.2 TLV of 65535", frame(0x21, 0x11, block4+"\x04\xff\xffabc"), ProblemTLV},
	{"2.2 second TLV beyond the end", frame(0x21, 0x11, block4+tlv(4, "ab")+"\x05\x00\x09x"), ProblemTLV},
	{"2.2 TLV in UDP", frame(0x21, 0x12, block4+"\x04\x00\x01"), ProblemTLV},
	{"2.2.3 checksum of 3 bytes", frame(0x21, 0x11, block4+tlv(3, "abc")), ProblemTLV},
	{"2.2.3 checksum of 5 bytes", frame(0x21, 0x11, block4+tlv(3, "abcde")), ProblemTLV},
	{"2.2.3 wrong checksum", checksummed(block4, "", 1), ProblemChecksum},
	{"2.2.3 checksum of zero", frame(0x21, 0x11, block4+tlv(3, "\x00\x00\x00\x00")), ProblemChecksum},
	{"2.2.3 checksum twice", checksummed(block4, tlv(3, "\x00\x00\x00\x00"), 0), ProblemTLV},
	{"2.2.6 TLS of 4 bytes", frame(0x21, 0x11, block4+tlv(0x20, "\x01\x00\x00\x00")), ProblemTLV},
	{"2.2.6 inner TLV beyond the end", frame(0x21, 0x11, block4+tlv(0x20, "\x01\x00\x00\x00\x00\x21\x00\x09T")), ProblemTLV},
	{"2.2 over the limit", frame(0x21, 0x11, block4+tlv(4, strings.Repeat("x", limit))), ProblemLarge},
	{"2.2 LOCAL over the limit", frame(0x20, 0x00, strings.Repeat("x", limit)), ProblemLarge},
}

func TestBad(t *testing.T) {
	for _, row := range bad {
		_, _, err := Parse([]byte(row.bytes), limit)
		var problem *Error
		if !errors.As(err, &problem) || problem.Problem != row.problem {
			t.Errorf("%s: %v, want %s", row.name, err, row.problem)
		}
		// In pieces of one byte the answer is the same, and no later than with the last byte.
		for n := range len(row.bytes) + 1 {
			if _, _, piece := Parse([]byte(row.bytes[:n]), limit); piece == nil {
				t.Errorf("%s: accepted after %d bytes", row.name, n)
			} else if errors.Is(piece, ErrIncomplete) && n == len(row.bytes) {
				t.Errorf("%s: never refused", row.name)
			}
		}
	}
}

// TestTheLimitIsJudgedEarly: nobody has to receive what is announced to refuse it.
func TestTheLimitIsJudgedEarly(t *testing.T) {
	announced := frame(0x21, 0x11, strings.Repeat("x", 5000))[:prefaceSize]
	_, _, err := Parse([]byte(announced), limit)
	if problem := (*Error)(nil); !errors.As(err, &problem) || problem.Problem != ProblemLarge {
		t.Errorf("%v", err)
	}
	if _, size, err := Parse([]byte(announced), 1<<16); !errors.Is(err, ErrIncomplete) || size != prefaceSize+5000 {
		t.Errorf("%d, %v", size, err)
	}
}

func TestProblemsHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for p := ProblemMissing; p <= ProblemLarge; p++ {
		if name := p.String(); name == "unknown" || seen[name] {
			t.Errorf("%d is called %q", p, name)
		} else {
			seen[name] = true
		}
	}
	if Problem(0).String() != "unknown" || (ProblemLarge+1).String() != "unknown" {
		t.Error("what is no problem has a name")
	}
}

// FuzzParse: a header that is taken is taken whatever follows it, its beginnings are incomplete and ask for no byte too
// many, and its addresses are those of one family.
func FuzzParse(f *testing.F) {
	for _, row := range good {
		f.Add([]byte(row.bytes))
	}
	for _, row := range bad {
		f.Add([]byte(row.bytes))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		h, size, err := Parse(raw, limit)
		var problem *Error
		switch {
		case errors.Is(err, ErrIncomplete):
			if size <= len(raw) || size > limit {
				t.Fatalf("incomplete with %d of %d bytes", len(raw), size)
			}
			return
		case errors.As(err, &problem):
			if problem.Problem.String() == "unknown" {
				t.Fatal(err)
			}
			return
		case err != nil:
			t.Fatal(err)
		}
		if size > len(raw) || h.Source.IsValid() != h.Destination.IsValid() || h.Local && h.Source.IsValid() {
			t.Fatalf("%+v, %d", h, size)
		}
		if h.Source.Addr().Is4In6() || h.Source.Addr().Zone() != "" {
			t.Fatalf("%v", h.Source)
		}
		checkPrefixes(t, raw[:size])
		if again, n, err := Parse(append(raw[:size:size], "\r\nx"...), limit); again != h || n != size || err != nil {
			t.Fatalf("with more behind it: %+v, %d, %v", again, n, err)
		}
	})
}
