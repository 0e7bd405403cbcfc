package static

import (
	"bytes"
	"math"
)

// maxRanges is how many ranges one answer may have; a request for more gets everything.
const maxRanges = 64

// span is a part of a file: length bytes from start.
type span struct{ start, length int64 }

// rangeVerdict is what becomes of a Range field.
type rangeVerdict uint8

const (
	rangeIgnored rangeVerdict = iota + 1 // answer 200
	rangePartial                         // answer 206
	rangeRefused                         // answer 416
)

// parseRanges reads a Range field (RFC 9110 section 14.1.2) for a content of that size, and decides as nginx does:
// other units, more ranges than there may be, and ranges that together are longer than the content are ignored;
// nonsense is refused like ranges beyond the end.
func parseRanges(field []byte, size int64) ([]span, rangeVerdict) {
	const unit = "bytes="
	if len(field) < len(unit) || !bytes.EqualFold(field[:len(unit)], []byte(unit)) {
		return nil, rangeIgnored
	}
	var spans []span
	var sum int64
	for count, rest := 0, field[len(unit):]; len(rest) > 0; {
		var text []byte
		text, rest, _ = bytes.Cut(rest, []byte{','})
		if text = bytes.Trim(text, " \t"); len(text) == 0 {
			continue
		}
		if count++; count > maxRanges {
			return nil, rangeIgnored
		}
		one, ok := parseSpan(text, size)
		if !ok {
			return nil, rangeRefused
		}
		if one.length > 0 {
			spans = append(spans, one)
			sum += one.length
		}
	}
	switch {
	case len(spans) == 0:
		return nil, rangeRefused
	case sum > size:
		return nil, rangeIgnored
	}
	return spans, rangePartial
}

// parseSpan reads "first-last", "first-" or "-length". Length 0 is a range that the content does not have; false is
// something else than a range.
func parseSpan(text []byte, size int64) (span, bool) {
	before, after, dash := bytes.Cut(text, []byte{'-'})
	first, hasFirst, ok1 := parsePosition(before)
	last, hasLast, ok2 := parsePosition(after)
	switch {
	case !dash || !ok1 || !ok2 || !hasFirst && !hasLast || hasFirst && hasLast && first > last:
		return span{}, false
	case !hasFirst:
		length := min(last, size)
		return span{size - length, length}, true
	case first >= size:
		return span{}, true
	case !hasLast || last >= size:
		last = size - 1
	}
	return span{first, last - first + 1}, true
}

// parsePosition reads a number, or nothing. What is too large for an int64 is as large as one can be.
func parsePosition(text []byte) (n int64, there, ok bool) {
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false, false
		}
		if n > (math.MaxInt64-9)/10 {
			n = math.MaxInt64
			continue
		}
		n = n*10 + int64(c-'0')
	}
	return n, len(text) > 0, true
}
