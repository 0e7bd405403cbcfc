package requestids

import (
	"bytes"
	"crypto/rand"
	"encoding/base32"
	"strconv"
	"strings"
)

// MaxLength is the longest identifier that is taken from a peer, in bytes.
const MaxLength = 128

// Variable is in what the application finds the identifier. It does not begin with HTTP_, since PEP 3333 keeps those for
// what the client's header has. encodedVariable is it with its length in front, as var blocks have it.
const (
	Variable        = "REQUEST_ID"
	encodedVariable = "\x0a\x00" + Variable
)

// Source makes identifiers. A nil *Source makes none, and its methods do nothing.
type Source struct {
	header         string // "X-Request-ID"
	headerVariable string // "HTTP_X_REQUEST_ID"
	prefix         string
	field          string // "X-Request-ID: ", or empty when answers do not name the request
}

// New makes a Source for requests that carry their identifier in a header. With respond, answers carry it too. An empty
// header gives nil: requests have no identifier.
func New(header string, respond bool) *Source {
	if header == "" {
		return nil
	}
	var random [8]byte
	_, _ = rand.Read(random[:]) // it never fails
	s := &Source{
		header: header, headerVariable: "HTTP_" + strings.ToUpper(strings.ReplaceAll(header, "-", "_")),
		prefix: strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(random[:])) + "-",
	}
	if respond {
		s.field = header + ": "
	}
	return s
}

// Valid tells whether an identifier of a peer can be taken: up to MaxLength letters, digits and -_.~+/=:@.
func Valid(id []byte) bool {
	if len(id) == 0 || len(id) > MaxLength {
		return false
	}
	for _, c := range id {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("-_.~+/=:@", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// Append appends the identifier of the request with that number.
func (s *Source) Append(dst []byte, number uint64) []byte {
	if s == nil {
		return dst
	}
	return strconv.AppendUint(append(dst, s.prefix...), number, 10)
}

// AppendVar appends the variable that tells the application an identifier, as var blocks have it, and gives where in
// the result the value begins. id must be Valid; an empty one is made from number.
func (s *Source) AppendVar(dst, id []byte, number uint64) (block []byte, value int) {
	dst = append(append(dst, encodedVariable...), 0, 0)
	value = len(dst)
	if len(id) > 0 {
		dst = append(dst, id...)
	} else {
		dst = s.Append(dst, number)
	}
	size := len(dst) - value
	dst[value-2], dst[value-1] = byte(size), byte(size>>8)
	return dst, value
}

// IsHeader tells whether a header field's name is that of the identifier.
func (s *Source) IsHeader(name []byte) bool {
	return s != nil && len(name) == len(s.header) && strings.EqualFold(string(name), s.header)
}

// IsHeaderVariable tells whether a variable's name is that of the header.
func (s *Source) IsHeaderVariable(name []byte) bool {
	return s != nil && string(name) == s.headerVariable
}

// AppendField appends the header line of the answer to a request, if answers have one and fields, the lines that the
// application gave, has none.
func (s *Source) AppendField(dst, fields, id []byte) []byte {
	if s == nil || s.field == "" || len(id) == 0 {
		return dst
	}
	for line := range bytes.Lines(fields) {
		if name, _, _ := bytes.Cut(line, []byte{':'}); s.IsHeader(name) {
			return dst
		}
	}
	return append(append(append(dst, s.field...), id...), '\r', '\n')
}
