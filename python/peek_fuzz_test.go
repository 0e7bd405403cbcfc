package python_test

import (
	"bytes"
	"encoding/binary"
	"hash/fnv"
	"math"
	"testing"

	"golang.org/x/sys/unix"
)

// cells is the memory with copies of the cache, as python/accel/peek.h describes it.
type cells struct {
	words, ring uint64
	memory      []byte
}

const (
	peekHeader   = 4096
	peekRecord   = 32
	peekPosition = 48
)

// newCells makes memory in which each position is in the one bucket, under the key's hash.
func newCells(key, positions, ring []byte, epoch uint64) cells {
	c := cells{words: 8, ring: uint64(len(ring))}
	c.memory = make([]byte, peekHeader+64, peekHeader+64+len(ring))
	for i, position := range positions[:min(len(positions), 8)] {
		word := hashOf(key)>>peekPosition<<peekPosition | uint64(position)
		binary.LittleEndian.PutUint64(c.memory[peekHeader+8*i:], word)
	}
	c.memory = append(c.memory, ring...)
	c.header(0x31524f5252494d50, 1, c.words, c.ring)
	binary.LittleEndian.PutUint64(c.memory[64:], epoch)
	return c
}

func (c *cells) header(words ...uint64) {
	for i, word := range words {
		binary.LittleEndian.PutUint64(c.memory[8*i:], word)
	}
}

func (c *cells) at(offset uint64) uint64 { return binary.LittleEndian.Uint64(c.memory[offset:]) }

func hashOf(key []byte) uint64 {
	hash := fnv.New64a()
	_, _ = hash.Write(key)
	return hash.Sum64()
}

// fits says whether the memory is what its header says.
func (c *cells) fits() bool {
	power := func(n uint64) bool { return n != 0 && n&(n-1) == 0 && n <= 1<<40 }
	return power(c.words) && power(c.ring) && c.words >= 8 && peekHeader+8*c.words+c.ring == uint64(len(c.memory))
}

// find is what may be read under a key.
func (c *cells) find(key []byte, now int64) (value []byte, found bool) {
	hash := hashOf(key)
	first := peekHeader + hash%(c.words/8)*64
	for place := first; place < first+64; place += 8 {
		word := c.at(place)
		if word == 0 || word>>peekPosition != hash>>peekPosition {
			continue
		}
		offset := word * 8 & (c.ring - 1)
		record := c.memory[peekHeader+8*c.words+offset:]
		begin := peekRecord + (len(key)+7)/8*8
		if len(record) < begin || uint64(binary.LittleEndian.Uint32(record[24:])) != uint64(len(key)) {
			continue
		}
		size := uint64(binary.LittleEndian.Uint32(record[28:]))
		if size <= uint64(len(record)-begin) && bytes.Equal(record[peekRecord:peekRecord+len(key)], key) &&
			int64(binary.LittleEndian.Uint64(record[16:])) > now && binary.LittleEndian.Uint64(record[8:]) == c.at(64) {
			return record[begin : uint64(begin)+size], true
		}
	}
	return nil, false
}

func peekRing(key, value string, until int64, size uint32) []byte {
	record := make([]byte, peekRecord, 256)
	binary.LittleEndian.PutUint64(record[8:], 3)
	binary.LittleEndian.PutUint64(record[16:], uint64(until))
	binary.LittleEndian.PutUint32(record[24:], uint32(len(key)))
	binary.LittleEndian.PutUint32(record[28:], size)
	record = append(record, key...)
	record = append(record, make([]byte, (8-len(key)%8)%8)...)
	return append(record, value...)
}

// FuzzPeek: the C code that looks into the copies of the cache finds what is there by the description of that memory, or
// nothing, and reads nothing outside of it, whatever the records and the header say.
func FuzzPeek(f *testing.F) {
	for _, size := range []uint32{0, 5, 200, 208, 209, math.MaxUint32} {
		f.Add([]byte("key"), []byte{1, 0}, peekRing("key", "value", math.MaxInt64, size), uint8(3), uint64(8), uint64(256))
	}
	f.Add([]byte("key"), []byte{4, 0}, peekRing("key", "value", 1, 5), uint8(3), uint64(8), uint64(256))
	f.Add([]byte("other"), []byte{0, 31, 30, 29, 28, 27, 26, 255}, peekRing("key", "value", math.MaxInt64, 5), uint8(3), uint64(8), uint64(256))
	f.Add([]byte{}, []byte{28}, peekRing("", "", math.MaxInt64, 0), uint8(3), uint64(8), uint64(128))
	f.Add([]byte("key"), []byte{1}, peekRing("key", "value", math.MaxInt64, 5), uint8(4), uint64(16), uint64(1))
	f.Add([]byte("key"), []byte{1}, peekRing("key", "value", math.MaxInt64, 5), uint8(3), uint64(1<<60), uint64(256))
	d := newDriver(f)
	f.Fuzz(func(t *testing.T, key, positions, ring []byte, epoch uint8, words, size uint64) {
		if len(ring) > 1<<16 || len(key) > 1<<16 {
			return
		}
		real := 1 // of a size that the header may have
		for real < len(ring) {
			real *= 2
		}
		c := newCells(key, positions, append(ring[:len(ring):len(ring)], make([]byte, max(real, 8)-len(ring))...), uint64(epoch))
		d.comparePeek(t, c, key)
		c.words, c.ring = words, size
		c.header(0x31524f5252494d50, 1, words, size)
		d.comparePeek(t, c, key)
	})
}

func (d *driver) comparePeek(t *testing.T, c cells, key []byte) {
	t.Helper()
	answer := d.ask(t, 'P', 0, c.memory, key)
	if !c.fits() {
		if answer[0] != 0 {
			t.Fatalf("memory of %d words and %d bytes is taken: %q", c.words, c.ring, answer)
		}
		return
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		t.Fatal(err)
	}
	value, found := c.find(key, now.Nano())
	if found != (answer[0] == 2) || found && !bytes.Equal(answer[5:], value) || answer[0] == 0 {
		t.Fatalf("%q: %q, %v; got %q", key, value, found, answer)
	}
}
