package mirror

// The layout of the memory; python/accel/peek.h has the same numbers, and a test compares them. Words are 8 bytes,
// little-endian.
//
//	header page | index | ring
const (
	magic   = 0x31524f5252494d50 // "PMIRROR1"
	version = 1

	headerSize  = 4096
	offMagic    = 0
	offVersion  = 8
	offIndex    = 16 // words of the index, a power of two
	offRing     = 24 // bytes of the ring, a power of two
	offEpoch    = 64 // changes when all copies are void
	bucketWords = 8  // of the index, that one key may use

	// A record begins at a multiple of 8 in the ring and does not go over its end.
	recHash    = 0  // u64 of the key
	recEpoch   = 8  // u64 when it was written
	recUntil   = 16 // i64 nanoseconds of CLOCK_MONOTONIC
	recLengths = 24 // u32 key, u32 value
	recData    = 32 // key, then value, each filled up to a multiple of 8

	// A word of the index is the upper 16 bits of the hash, and the position of the record in units of 8 bytes over all
	// rounds of the ring; 0 is none.
	positionBits = 48
)

// hashOf is FNV-1a of 64 bits (RFC 9923), as peek.c has it.
func hashOf(key string) uint64 {
	hash := uint64(14695981039346656037)
	for i := range len(key) {
		hash = (hash ^ uint64(key[i])) * 1099511628211
	}
	return hash
}
