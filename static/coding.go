package static

import (
	"bytes"
	"strings"
)

// coding is a content coding (RFC 9110 section 8.4.1) that a sibling of a file may have.
type coding uint8

// The codings, best first; plain is none.
const (
	codingBrotli coding = iota + 1
	codingZstd
	codingGzip
	codingPlain
)

var codingTable = [...]struct{ name, suffix string }{
	codingBrotli: {"br", ".br"}, codingZstd: {"zstd", ".zst"}, codingGzip: {"gzip", ".gz"}, codingPlain: {"identity", ""},
}

// String is the coding's registered name.
func (c coding) String() string {
	if c == 0 || int(c) >= len(codingTable) {
		return "unknown"
	}
	return codingTable[c].name
}

func (c coding) suffix() string { return codingTable[c].suffix }

// codingSet has a bit for each coding.
type codingSet uint8

func (s codingSet) has(c coding) bool { return s&(1<<c) != 0 }

// weights are the q-values of an Accept-Encoding in thousandths; -1 is not mentioned.
type weights [codingPlain + 1]int

// parseAccept reads an Accept-Encoding field (RFC 9110 section 12.5.3). A member that makes no sense is skipped.
func parseAccept(field []byte) weights {
	w := weights{-1, -1, -1, -1, -1}
	others := -1
	for len(field) > 0 {
		var member []byte
		member, field, _ = bytes.Cut(field, []byte{','})
		name, parameter, _ := bytes.Cut(member, []byte{';'})
		q := parseWeight(bytes.TrimSpace(parameter))
		switch name := string(bytes.TrimSpace(name)); {
		case q < 0:
		case name == "*":
			others = q
		default:
			w.set(name, q)
		}
	}
	for c := codingBrotli; c <= codingPlain; c++ {
		if w[c] < 0 {
			w[c] = others
		}
	}
	return w
}

func (w *weights) set(name string, q int) {
	if strings.EqualFold(name, "x-gzip") {
		name = "gzip"
	}
	for c := codingBrotli; c <= codingPlain; c++ {
		if strings.EqualFold(name, codingTable[c].name) {
			w[c] = q
		}
	}
}

// parseWeight reads "q=0.5" in thousandths; nothing is 1, anything else -1.
func parseWeight(text []byte) int {
	if len(text) == 0 {
		return 1000
	}
	if len(text) < 3 || len(text) > 7 || text[0]|0x20 != 'q' || text[1] != '=' || text[2] != '0' && text[2] != '1' {
		return -1
	}
	q, unit := int(text[2]-'0')*1000, 100
	for i, c := range text[3:] {
		if i == 0 && c == '.' {
			continue
		}
		if i == 0 || c < '0' || c > '9' {
			return -1
		}
		q, unit = q+int(c-'0')*unit, unit/10
	}
	if q > 1000 {
		return -1
	}
	return q
}

// choose gives the best of the codings that there are. What the client does not mention it does not get, but for plain,
// which it gets when nothing else fits, also against its word: better than no answer.
func (w *weights) choose(available codingSet) coding {
	best, most := codingPlain, max(w[codingPlain], 0)
	for c := codingGzip; c >= codingBrotli; c-- {
		if available.has(c) && w[c] > 0 && w[c] >= most {
			best, most = c, w[c]
		}
	}
	return best
}
