package mirror

import (
	"encoding/binary"
	"sync/atomic"
)

// at is where a position lies in the memory.
func (m *Mirror) at(position uint64) uint64 {
	return headerSize + uint64(len(m.index))*8 + position&uint64(m.size-1)
}

func (m *Mirror) word(offset uint64) uint64 { return binary.LittleEndian.Uint64(m.memory[offset:]) }

// lengths reads those of a record; a filler at the end of a round has a key of fillerLength.
func (m *Mirror) lengths(offset uint64) (key, value uint64) {
	both := m.word(offset + recLengths)
	return both & 0xffffffff, both >> 32
}

const fillerLength = 0xffffffff

// padded is the room for n bytes.
func padded(n int) uint64 { return uint64(n+7) &^ 7 }

func recordSize(key, value int) uint64 { return recData + padded(key) + padded(value) }

func wordOf(hash, position uint64) uint64 {
	return hash>>positionBits<<positionBits | position/8&(1<<positionBits-1)
}

// bucket is the words that a key may use.
func (m *Mirror) bucket(hash uint64) []uint64 {
	first := hash % uint64(len(m.index)/bucketWords) * bucketWords
	return m.index[first : first+bucketWords]
}

// remove takes the word of a key away.
func (m *Mirror) remove(hash uint64, key string) {
	bucket := m.bucket(hash)
	for i, word := range bucket {
		if word == 0 || word>>positionBits != hash>>positionBits {
			continue
		}
		offset := m.at(word & (1<<positionBits - 1) * 8)
		length, _ := m.lengths(offset)
		if length == uint64(len(key)) && string(m.memory[offset+recData:offset+recData+length]) == key {
			atomic.StoreUint64(&bucket[i], 0)
		}
	}
}

// write puts a record at the head of the ring and its word into the index.
func (m *Mirror) write(hash uint64, key string, value []byte, until int64) {
	size := recordSize(len(key), len(value))
	if size > maxRecord {
		return
	}
	if rest := uint64(m.size) - m.head&uint64(m.size-1); rest < size {
		m.reserve(rest)
		if rest >= recData {
			m.store(m.at(m.head)+recLengths, fillerLength)
		}
		m.head += rest
	}
	m.reserve(size)
	offset := m.at(m.head)
	m.store(offset+recHash, hash)
	m.store(offset+recEpoch, m.epoch)
	m.store(offset+recUntil, uint64(until))
	m.store(offset+recLengths, uint64(len(key))|uint64(len(value))<<32)
	fill(m, offset+recData, key)
	fill(m, offset+recData+padded(len(key)), value)
	m.publish(hash, wordOf(hash, m.head))
	m.head += size
}

// fill stores word by word: on processors that reorder plain writes, one of them could become visible before the index
// word of the record that was here was taken away.
func fill[T string | []byte](m *Mirror, offset uint64, data T) {
	for ; len(data) >= 8; data = data[8:] {
		word := uint64(data[0]) | uint64(data[1])<<8 | uint64(data[2])<<16 | uint64(data[3])<<24 |
			uint64(data[4])<<32 | uint64(data[5])<<40 | uint64(data[6])<<48 | uint64(data[7])<<56
		m.store(offset, word)
		offset += 8
	}
	if len(data) > 0 {
		var last [8]byte
		copy(last[:], data)
		m.store(offset, binary.LittleEndian.Uint64(last[:]))
	}
}

// publish puts a word into a free place of the bucket, or into that of the oldest record.
func (m *Mirror) publish(hash, word uint64) {
	const position = 1<<positionBits - 1
	bucket := m.bucket(hash)
	oldest := 0
	for i := range bucket {
		if bucket[i] == 0 {
			oldest = i
			break
		}
		if bucket[i]&position < bucket[oldest]&position {
			oldest = i
		}
	}
	atomic.StoreUint64(&bucket[oldest], word)
}

// reserve takes away the words of the records that the next n bytes will overwrite.
func (m *Mirror) reserve(n uint64) {
	for m.head+n-m.tail > uint64(m.size) {
		offset := m.at(m.tail)
		rest := uint64(m.size) - m.tail&uint64(m.size-1)
		if rest < recData {
			m.tail += rest
			continue
		}
		key, value := m.lengths(offset)
		if key == fillerLength {
			m.tail += rest
			continue
		}
		hash := m.word(offset + recHash)
		bucket, word := m.bucket(hash), wordOf(hash, m.tail)
		for i := range bucket {
			if bucket[i] == word {
				atomic.StoreUint64(&bucket[i], 0)
			}
		}
		m.tail += recordSize(int(key), int(value))
	}
}
