package appcalls

import (
	"encoding/binary"
	"time"
)

// cursor reads a payload from its start. After what cannot be read every further value is zero and ok is false.
// Integers are little-endian; a blob is a u32 and as many bytes. What it gives points into the payload.
type cursor struct {
	rest []byte
	bad  bool
}

func (c *cursor) take(n int) []byte {
	if c.bad || n < 0 || n > len(c.rest) {
		c.bad, c.rest = true, nil
		return nil
	}
	taken := c.rest[:n]
	c.rest = c.rest[n:]
	return taken
}

func (c *cursor) u8() uint8 {
	if b := c.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) u32() uint32 {
	if b := c.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (c *cursor) i64() int64 {
	if b := c.take(8); b != nil {
		return int64(binary.LittleEndian.Uint64(b))
	}
	return 0
}

func (c *cursor) blob() []byte { return c.take(int(c.u32())) }

// text is a blob as a string of its own.
func (c *cursor) text() string { return string(c.blob()) }

// count reads how many things of at least that size follow. A number that the rest cannot hold is nonsense: no memory
// is taken for it.
func (c *cursor) count(least int) int {
	n := int(c.u32())
	if n > len(c.rest)/least {
		c.bad = true
		return 0
	}
	return n
}

func (c *cursor) texts() []string {
	n := c.count(4)
	if n == 0 {
		return nil
	}
	list := make([]string, 0, n)
	for range n {
		list = append(list, c.text())
	}
	return list
}

// maxExpiry is the longest time that an entry can be given; what is longer is kept without an end.
const maxExpiry = 100 * 365 * 24 * time.Hour

// expiry reads milliseconds; 0 is none.
func (c *cursor) expiry() time.Duration {
	ms := c.i64()
	switch {
	case ms < 0:
		c.bad = true
		return 0
	case ms > maxExpiry.Milliseconds():
		return 0
	}
	return time.Duration(ms) * time.Millisecond
}

// end says that everything was read and nothing is left.
func (c *cursor) end() bool { return !c.bad && len(c.rest) == 0 }

func appendU8(to []byte, value bool) []byte {
	if value {
		return append(to, 1)
	}
	return append(to, 0)
}

func appendBlob(to, blob []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(to, uint32(len(blob))), blob...)
}

func appendI64(to []byte, n int64) []byte { return binary.LittleEndian.AppendUint64(to, uint64(n)) }
