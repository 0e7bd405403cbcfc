package store

import (
	"bytes"
	"encoding/binary"
	"hash/crc64"
	"testing"
	"time"
)

// FuzzSnapshot reads hostile snapshots: no panic, nothing of what is damaged is taken, and what is taken can be written and
// read again.
func FuzzSnapshot(f *testing.F) {
	s := newStore(f, 1<<20, nil)
	mustSet(f, s, "key", "value", "tag", "other")
	mustSet(f, s, "number", "12")
	f.Add(snapshotOf(f, s))
	f.Add([]byte(snapshotMagic + "\x03app\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		fresh := newStore(t, 1<<20, nil)
		data = sealed(fresh, data)
		n, err := fresh.ReadFrom(bytes.NewReader(data))
		items := fresh.Stats().Items
		if err != nil {
			if items != 0 {
				t.Fatalf("took %d items of a snapshot that it refused: %v", items, err)
			}
			return
		}
		if n > int64(len(data)) {
			t.Fatalf("%d bytes of %d", n, len(data))
		}
		again := newStore(t, 1<<20, nil)
		if _, err := again.ReadFrom(bytes.NewReader(snapshotOf(t, fresh))); err != nil || again.Stats().Items != items {
			t.Fatalf("%d items became %d: %v", items, again.Stats().Items, err)
		}
	})
}

// sealed gives records that came from anywhere a right end and checksum, which a fuzzer would never find. What is not made of
// whole records stays as it is.
func sealed(s *Store, data []byte) []byte {
	const head = snapshotMagic + "\x03app"
	if len(data) < len(head) || string(data[:len(head)]) != head {
		return data
	}
	in := &summed{hash: newSum(), r: bytes.NewReader(data[len(head):])}
	for count := uint64(0); ; count++ {
		whole := len(head) + int(in.n)
		if _, end, err := s.readRecord(in); end || err != nil && whole == len(data) {
			out := binary.BigEndian.AppendUint32(bytes.Clone(data[:whole]), snapshotEnd)
			out = binary.BigEndian.AppendUint64(out, count)
			return binary.BigEndian.AppendUint64(out, crc64.Checksum(out, crc64.MakeTable(crc64.ECMA)))
		} else if err != nil {
			return data
		}
	}
}

// FuzzEnvelope decodes what may come from Redis: no panic, nothing beyond the bounds, and what it takes is encoded the same.
func FuzzEnvelope(f *testing.F) {
	f.Add(appendEnvelope(nil, &Item{Value: []byte("value"), Tags: []string{"a", ""}, Stored: time.Unix(1, 2), Expires: time.Unix(3, 4)}))
	f.Add(appendEnvelope(nil, &Item{}))
	f.Fuzz(func(t *testing.T, data []byte) {
		item, versions, err := parseEnvelope(data)
		if err != nil {
			if item.Value != nil || item.Tags != nil || versions != nil {
				t.Fatal("gave something with an error")
			}
			return
		}
		if len(item.Tags) != len(versions) || len(item.Tags) > MaxTags || len(item.Value) > len(data) {
			t.Fatalf("%+v", item)
		}
		again, _, err := parseEnvelope(appendEnvelope(nil, &item))
		if err != nil || !bytes.Equal(again.Value, item.Value) || !again.Stored.Equal(item.Stored) ||
			!again.Expires.Equal(item.Expires) || len(again.Tags) != len(item.Tags) {
			t.Fatalf("%+v became %+v: %v", item, again, err)
		}
		for i, tag := range item.Tags {
			if again.Tags[i] != tag {
				t.Fatal(tag)
			}
		}
	})
}
