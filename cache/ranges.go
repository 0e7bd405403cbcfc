package cache

import (
	"bytes"
	"math"
	"strconv"
)

// span is a part of a body: length bytes from start.
type span struct{ start, length int64 }

// rangeVerdict is what becomes of a Range field.
type rangeVerdict uint8

const (
	rangeIgnored rangeVerdict = iota + 1 // answer 200
	rangePartial                         // answer 206
	rangeRefused                         // answer 416
)

// parseRange reads a Range field (RFC 9110 section 14.1.2). Several ranges, other units and what cannot be read are
// ignored, which section 14.2 permits: the client gets everything.
func parseRange(field []byte, size int64) (span, rangeVerdict) {
	const unit = "bytes="
	if len(field) < len(unit) || !equalFold(field[:len(unit)], unit) || bytes.IndexByte(field, ',') >= 0 {
		return span{}, rangeIgnored
	}
	before, after, dash := bytes.Cut(bytes.TrimSpace(field[len(unit):]), []byte{'-'})
	first, ok1 := parsePosition(before)
	last, ok2 := parsePosition(after)
	switch {
	case !dash || !ok1 || !ok2 || first < 0 && last < 0 || first >= 0 && last >= 0 && first > last:
		return span{}, rangeIgnored
	case first < 0 && last == 0, first >= size:
		return span{}, rangeRefused
	case first < 0:
		length := min(last, size)
		if length == 0 {
			return span{}, rangeRefused
		}
		return span{size - length, length}, rangePartial
	case last < 0 || last >= size:
		last = size - 1
	}
	return span{first, last - first + 1}, rangePartial
}

// parsePosition reads a number, -1 for nothing.
func parsePosition(text []byte) (int64, bool) {
	if len(text) == 0 {
		return -1, true
	}
	var n int64
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		if n = n*10 + int64(c-'0'); n > math.MaxInt64/16 {
			n = math.MaxInt64 / 16
		}
	}
	return n, true
}

func appendContentRange(dst []byte, s span, size int64) []byte {
	dst = append(dst, "Content-Range: bytes "...)
	dst = append(strconv.AppendInt(dst, s.start, 10), '-')
	dst = append(strconv.AppendInt(dst, s.start+s.length-1, 10), '/')
	return append(strconv.AppendInt(dst, size, 10), '\r', '\n')
}
