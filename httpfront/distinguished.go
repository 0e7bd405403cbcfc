package httpfront

import (
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// nameTypes are the short names of attributes: those of RFC 4514 section 3, and what OpenSSL adds to them.
var nameTypes = map[string]string{
	"2.5.4.3": "CN", "2.5.4.4": "SN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST",
	"2.5.4.9": "street", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.12": "title", "2.5.4.17": "postalCode", "2.5.4.41": "name",
	"2.5.4.42": "GN", "2.5.4.43": "initials", "2.5.4.46": "dnQualifier", "2.5.4.65": "pseudonym",
	"2.5.4.97": "organizationIdentifier", "0.9.2342.19200300.100.1.1": "UID", "0.9.2342.19200300.100.1.25": "DC",
	"1.2.840.113549.1.9.1": "emailAddress",
}

const commonNameType = "2.5.4.3"

// errName is a distinguished name that is not one.
var errName = errors.New("malformed distinguished name")

// attribute is one part of a distinguished name.
type attribute struct {
	Type  asn1.ObjectIdentifier
	Value asn1.RawValue
}

// text gives a value that is a string of any of ASN.1's kinds.
func (a attribute) text() (string, bool) {
	var value any
	if _, err := asn1.Unmarshal(a.Value.FullBytes, &value); err != nil {
		return "", false
	}
	text, ok := value.(string)
	return text, ok
}

// attributesSET are the attributes of one level; encoding/asn1 wants the end of the name.
type attributesSET []attribute

// parseName reads a distinguished name in the order of the certificate, which crypto/x509 forgets.
func parseName(der []byte) ([]attributesSET, error) {
	var name []attributesSET
	rest, err := asn1.Unmarshal(der, &name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errName, err)
	}
	if len(rest) > 0 {
		return nil, errName
	}
	return name, nil
}

// formatName writes a name by RFC 4514, last part first, as nginx ($ssl_client_s_dn), Apache and `openssl -nameopt
// RFC2253,-esc_msb` do. Whoever signs the certificate decides what is in it: control characters come as \XX, so that none
// reaches a log or a header.
func formatName(name []attributesSET) string {
	var b strings.Builder
	for i := len(name) - 1; i >= 0; i-- {
		if i < len(name)-1 {
			b.WriteByte(',')
		}
		for j := len(name[i]) - 1; j >= 0; j-- { // OpenSSL turns these around, too
			if j < len(name[i])-1 {
				b.WriteByte('+')
			}
			writeAttribute(&b, name[i][j])
		}
	}
	return b.String()
}

func writeAttribute(b *strings.Builder, a attribute) {
	id := a.Type.String()
	text, ok := a.text()
	if short, known := nameTypes[id]; known && ok {
		b.WriteString(short + "=" + escapeName(text))
		return
	}
	b.WriteString(id + "=#" + strings.ToUpper(hex.EncodeToString(a.Value.FullBytes)))
}

// escapeName escapes a value by RFC 4514 section 2.4, and control characters and what is not UTF-8.
func escapeName(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case isUnprintable(r, size):
			for _, c := range []byte(text[i : i+size]) {
				fmt.Fprintf(&b, `\%02X`, c)
			}
		case strings.ContainsRune(`,+"\<>;`, r), r == '#' && i == 0, r == ' ' && (i == 0 || i == len(text)-1):
			b.WriteString(`\` + string(r))
		default:
			b.WriteString(text[i : i+size])
		}
		i += size
	}
	return b.String()
}

// isUnprintable tells whether a rune that has so many bytes is a control character, or no UTF-8.
func isUnprintable(r rune, size int) bool {
	return r == utf8.RuneError && size == 1 || unicode.IsControl(r)
}

// commonName gives the first CN, unless it has control characters or is no UTF-8: applications take it for a user's name.
func commonName(name []attributesSET) (string, bool) {
	for _, level := range name {
		for _, a := range level {
			if a.Type.String() != commonNameType {
				continue
			}
			text, ok := a.text()
			if !ok || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
				return "", false
			}
			return text, true
		}
	}
	return "", false
}
