package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// An item as bytes, in Redis and in snapshots. lua/common.lua reads the same.
//
//	0  "PK", 1 (the version of this format), 0
//	4  when it was stored, 12 when it expires (0: never): nanoseconds since 1970
//	20 where the value begins: 4 bytes
//	24 how many tags: 2 bytes, then for each its length (2 bytes), its text and its version (8 bytes)
//
// Numbers are big endian.
const (
	envelopeMagic = "PK\x01\x00"
	fixedSize     = 26 // everything before the tags
	versionSize   = 8
)

var errEnvelope = errors.New("not an item of this version of penknife")

// appendStart encodes what is before the place of the value.
func appendStart(dst []byte, item *Item) []byte {
	dst = append(dst, envelopeMagic...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(nanos(item.Stored)))
	return binary.BigEndian.AppendUint64(dst, uint64(nanos(item.Expires)))
}

// appendEnvelope encodes an item whose tags have no versions.
func appendEnvelope(dst []byte, item *Item) []byte {
	offset := fixedSize
	for _, tag := range item.Tags {
		offset += 2 + len(tag) + versionSize
	}
	dst = appendStart(dst, item)
	dst = binary.BigEndian.AppendUint32(dst, uint32(offset))
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(item.Tags)))
	for _, tag := range item.Tags {
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(tag)))
		dst = append(dst, tag...)
		dst = append(dst, make([]byte, versionSize)...)
	}
	return append(dst, item.Value...)
}

// parseEnvelope decodes an item. Its value is a part of data. versions has one text for each tag.
func parseEnvelope(data []byte) (item Item, versions []string, err error) {
	if len(data) < fixedSize || string(data[:4]) != envelopeMagic {
		return item, nil, errEnvelope
	}
	stored, expires := int64(binary.BigEndian.Uint64(data[4:])), int64(binary.BigEndian.Uint64(data[12:]))
	offset, count := int(binary.BigEndian.Uint32(data[20:])), int(binary.BigEndian.Uint16(data[24:]))
	if offset < fixedSize || offset > len(data) || count > MaxTags || stored < 0 || expires < 0 {
		return item, nil, fmt.Errorf("%w: its head is damaged", errEnvelope)
	}
	rest := data[fixedSize:offset]
	for range count {
		if len(rest) < 2 {
			return Item{}, nil, fmt.Errorf("%w: its tags are damaged", errEnvelope)
		}
		size := int(binary.BigEndian.Uint16(rest))
		if size > MaxTag || len(rest) < 2+size+versionSize {
			return Item{}, nil, fmt.Errorf("%w: its tags are damaged", errEnvelope)
		}
		item.Tags = append(item.Tags, string(rest[2:2+size]))
		versions = append(versions, string(rest[2+size:2+size+versionSize]))
		rest = rest[2+size+versionSize:]
	}
	if len(rest) > 0 {
		return Item{}, nil, fmt.Errorf("%w: its tags are damaged", errEnvelope)
	}
	item.Value, item.Stored, item.Expires = data[offset:len(data):len(data)], moment(stored), moment(expires)
	return item, versions, nil
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return max(t.UnixNano(), 1)
}

func moment(nanos int64) time.Time {
	if nanos == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanos)
}
