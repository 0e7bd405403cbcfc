package httpfront

import (
	"bytes"
	"math"
)

// Bounds of chunked framing (docs/limits.md). They have no key: nothing that is useful comes near them.
const (
	maxChunkLine = 1024 // size and extensions of one chunk
	maxTrailer   = 8192 // the whole trailer section
	// maxExtensions is for all chunks of a body together, beyond as many bytes as it has content.
	maxExtensions = 16 << 10
)

// nextChunk reads up to the content of the next chunk (RFC 9112 section 7.1). At the last chunk it reads the trailer
// section, drops it, and sets done.
func (b *body) nextChunk() error {
	if b.began {
		end, err := b.line(0, refuseChunk)
		if err != nil {
			return err
		}
		if len(end) != 0 {
			return b.refuse(refuseChunk)
		}
	}
	b.began = true
	line, err := b.line(maxChunkLine, refuseLongChunkLine)
	if err != nil {
		return err
	}
	size, ok := parseChunkLine(line)
	if !ok {
		return b.refuse(refuseChunk)
	}
	// An extension costs work and brings nothing: a sender that uses more of them than content means harm.
	if b.extensions += int64(len(line) - digits(line)); b.extensions > b.received+maxExtensions {
		return b.refuse(refuseChunkExtensions)
	}
	if limit := int64(b.c.srv.limits.Body); limit > 0 && size > limit-b.received {
		return b.refuse(refuseLargeBody)
	}
	b.left = size
	if size > 0 {
		return nil
	}
	return b.skipTrailer()
}

// digits is how many bytes of a chunk line are its size.
func digits(line []byte) int {
	for i, char := range line {
		if hexDigit(char) < 0 {
			return i
		}
	}
	return len(line)
}

func (b *body) skipTrailer() error {
	for left := maxTrailer; ; {
		line, err := b.line(left, refuseLongTrailer)
		if err != nil {
			return err
		}
		if len(line) == 0 {
			b.done = true
			return nil
		}
		if !isTrailer(line) {
			return b.refuse(refuseTrailer)
		}
		left -= len(line)
	}
}

// line gives the next line of framing without its CRLF; it is valid until the next read. One of more than limit bytes is
// refused as long says.
func (b *body) line(limit int, long *refusal) ([]byte, error) {
	for {
		pending := b.c.pending()
		if i := bytes.IndexByte(pending, '\n'); i >= 0 {
			if i == 0 || pending[i-1] != '\r' {
				return nil, b.refuse(refuseChunk)
			}
			if i-1 > limit {
				return nil, b.refuse(long)
			}
			b.c.taken += i + 1
			return pending[:i-1], nil
		}
		if len(pending) > limit+1 {
			return nil, b.refuse(long)
		}
		if n, err := b.c.fill(b.deadline()); n == 0 {
			return nil, b.failed(err)
		}
	}
}

// parseChunkLine reads chunk-size [ chunk-ext ] (RFC 9112 section 7.1.1). Extensions are checked and ignored.
func parseChunkLine(line []byte) (size int64, ok bool) {
	i := 0
	for ; i < len(line); i++ {
		digit := hexDigit(line[i])
		if digit < 0 {
			break
		}
		if size > math.MaxInt64>>4 {
			return 0, false
		}
		size = size<<4 | int64(digit)
	}
	return size, i > 0 && isChunkExtension(line[i:])
}

// isChunkExtension checks *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ).
func isChunkExtension(b []byte) bool {
	for len(b) > 0 {
		b = trimLeft(b)
		if len(b) == 0 || b[0] != ';' {
			return false
		}
		b = trimLeft(b[1:])
		n := tokenLength(b)
		if n == 0 {
			return false
		}
		rest := trimLeft(b[n:])
		if len(rest) == 0 || rest[0] != '=' {
			b = b[n:]
			continue
		}
		rest = trimLeft(rest[1:])
		if n = valueLength(rest); n == 0 {
			return false
		}
		b = rest[n:]
	}
	return true
}

func trimLeft(b []byte) []byte { return bytes.TrimLeft(b, " \t") }

func tokenLength(b []byte) int {
	n := 0
	for n < len(b) && nameChars[b[n]] != notToken {
		n++
	}
	return n
}

// valueLength is the length of the token or quoted-string at the start of b, 0 if there is none.
func valueLength(b []byte) int {
	if len(b) == 0 || b[0] != '"' {
		return tokenLength(b)
	}
	for i := 1; i < len(b); i++ {
		switch {
		case b[i] == '"':
			return i + 1
		case b[i] == '\\':
			if i++; i == len(b) || !isFieldValueSlow(b[i:i+1]) {
				return 0
			}
		case !isFieldValueSlow(b[i : i+1]):
			return 0
		}
	}
	return 0
}

// isTrailer checks a trailer field like a header field, and that it does not pretend to frame or route the message
// (RFC 9110 section 6.5.1).
func isTrailer(line []byte) bool {
	name, value, found := bytes.Cut(line, []byte{':'})
	if !found || !isToken(name) || !isFieldValue(value) {
		return false
	}
	for _, forbidden := range []string{"content-length", "transfer-encoding", "host", "trailer", "te"} {
		if equalFold(name, forbidden) {
			return false
		}
	}
	return true
}
