package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc64"
	"io"
	"slices"
)

// A snapshot of one store as bytes:
//
//	"penknife cache 1\n", the length of the namespace (1 byte) and its text
//	for each item, the most useful first: length of the key, length of the envelope (4 bytes each), key, envelope
//	the end: 4 bytes of ones, the number of items (8 bytes), CRC-64 (ECMA) of everything before (8 bytes)
//
// Numbers are big endian. Whoever reads it takes nothing before the checksum was right.
const (
	snapshotMagic = "penknife cache 1\n"
	snapshotEnd   = 1<<32 - 1
)

// Errors of snapshots.
var (
	ErrSnapshot = errors.New("not an undamaged snapshot of this cache")
	// ErrShared says that a store with Redis has no snapshots: what it held may have been purged since.
	ErrShared = errors.New("what is shared by redis is not in snapshots")
)

// WriteTo writes a snapshot of what the store has, without what has expired, and gives the number of bytes. Items that
// come meanwhile are left out. It gives ErrShared or what the writer gave.
func (s *Store) WriteTo(w io.Writer) (int64, error) {
	if s.remote != nil {
		return 0, ErrShared
	}
	out := &summed{hash: newSum(), w: w}
	head := append([]byte(snapshotMagic), byte(len(s.options.Namespace)))
	if err := out.write(append(head, s.options.Namespace...)); err != nil {
		return out.n, err
	}
	now, count := s.options.Now(), uint64(0)
	var buffer []byte
	for _, e := range s.local.hottest() {
		if e.item.expired(now) || e.dead.Load() {
			continue
		}
		buffer = binary.BigEndian.AppendUint32(buffer[:0], uint32(len(e.key)))
		buffer = append(buffer, 0, 0, 0, 0)
		buffer = append(buffer, e.key...)
		start := len(buffer)
		buffer = appendEnvelope(buffer, &e.item)
		binary.BigEndian.PutUint32(buffer[4:], uint32(len(buffer)-start))
		if err := out.write(buffer); err != nil {
			return out.n, err
		}
		count++
	}
	end := binary.BigEndian.AppendUint32(nil, snapshotEnd)
	if err := out.write(binary.BigEndian.AppendUint64(end, count)); err != nil {
		return out.n, err
	}
	return out.n, out.write(binary.BigEndian.AppendUint64(nil, out.hash.Sum64()))
}

// ReadFrom adds what a snapshot has and the store has not, as far as the limit goes, and gives the number of bytes. It reads no further than its
// end. It adds nothing if it gives an error: one that is ErrSnapshot or ErrShared, or what the reader gave.
func (s *Store) ReadFrom(r io.Reader) (int64, error) {
	entries, n, err := s.readSnapshot(r)
	if err != nil {
		return n, err
	}
	s.addAll(entries)
	return n, nil
}

// addAll puts the most useful ones last, so that they are the newest. What is under a key already stays: it is later.
func (s *Store) addAll(entries []*entry) {
	for _, e := range slices.Backward(entries) {
		s.local.change(e.key, func(old *entry) *entry {
			if old != nil {
				return old
			}
			return e
		})
	}
}

// readSnapshot gives the entries of a snapshot in its order, as many as have room.
func (s *Store) readSnapshot(r io.Reader) (entries []*entry, n int64, err error) {
	if s.remote != nil {
		return nil, 0, ErrShared
	}
	in := &summed{hash: newSum(), r: r}
	defer func() { n = in.n }()
	head, err := in.read(len(snapshotMagic) + 1 + len(s.options.Namespace))
	if err != nil {
		return nil, 0, err
	}
	if string(head) != snapshotMagic+string(rune(len(s.options.Namespace)))+s.options.Namespace {
		return nil, 0, fmt.Errorf("%w: another version or another namespace", ErrSnapshot)
	}
	room, count := s.local.limit, uint64(0)
	for {
		e, end, err := s.readRecord(in)
		if err != nil {
			return nil, 0, err
		}
		if end {
			break
		}
		count++
		if e != nil && e.cost <= room {
			room -= e.cost
			entries = append(entries, e)
		}
	}
	return entries, 0, in.checkEnd(count)
}

// readRecord reads one item. It gives nil for what this store does not take: what has expired or is over a limit.
func (s *Store) readRecord(in *summed) (e *entry, end bool, err error) {
	length, err := in.read(4)
	if err != nil {
		return nil, false, err
	}
	keySize := binary.BigEndian.Uint32(length)
	if keySize == snapshotEnd {
		return nil, true, nil
	}
	if length, err = in.read(4); err != nil {
		return nil, false, err
	}
	size := binary.BigEndian.Uint32(length)
	if keySize > MaxKey || size > 2*maxItem {
		return nil, false, fmt.Errorf("%w: an impossible length", ErrSnapshot)
	}
	key, err := in.read(int(keySize))
	if err != nil {
		return nil, false, err
	}
	if int64(size) > s.options.MaxItem+MaxTags*(MaxTag+2+versionSize) {
		return nil, false, in.skip(int64(size))
	}
	data, err := in.read(int(size))
	if err != nil {
		return nil, false, err
	}
	item, _, err := parseEnvelope(data)
	if err != nil {
		return nil, false, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	if item.expired(s.options.Now()) {
		return nil, false, nil
	}
	// What the store refuses, such as a value that View does not know any more, is left out.
	e, _ = s.newEntry(string(key), item)
	return e, false, nil
}

// hottest gives the entries in the order in which they are worth keeping.
func (l *local) hottest() []*entry {
	var entries []*entry
	for e := range l.cache.Hottest() {
		entries = append(entries, e.Value)
	}
	return entries
}

func newSum() hash.Hash64 { return crc64.New(crc64.MakeTable(crc64.ECMA)) }

// summed is a reader or writer that keeps the checksum and the number of bytes.
type summed struct {
	hash hash.Hash64
	n    int64
	r    io.Reader
	w    io.Writer
}

func (s *summed) write(data []byte) error {
	_, _ = s.hash.Write(data) // never fails
	n, err := s.w.Write(data)
	s.n += int64(n)
	if err != nil {
		return fmt.Errorf("snapshot of the cache: %w", err)
	}
	return nil
}

// read gives size bytes. It takes memory as they come, not as they were announced.
func (s *summed) read(size int) ([]byte, error) {
	const trusted = 64 << 10
	if size <= trusted {
		data := make([]byte, size)
		n, err := io.ReadFull(s.r, data)
		return data, s.took(data[:n], err)
	}
	var data bytes.Buffer
	_, err := io.CopyN(&data, s.r, int64(size))
	return data.Bytes(), s.took(data.Bytes(), err)
}

// took counts what was read, and translates its end.
func (s *summed) took(data []byte, err error) error {
	_, _ = s.hash.Write(data)
	s.n += int64(len(data))
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it is cut off", ErrSnapshot)
	}
	if err != nil {
		return fmt.Errorf("snapshot of the cache: %w", err)
	}
	return nil
}

func (s *summed) skip(size int64) error {
	n, err := io.CopyN(s.hash, s.r, size)
	s.n += n
	return s.took(nil, err)
}

// checkEnd reads the number of items and the checksum.
func (s *summed) checkEnd(count uint64) error {
	data, err := s.read(8)
	if err != nil {
		return err
	}
	want := s.hash.Sum64()
	sum, err := s.read(8)
	if err != nil {
		return err
	}
	if binary.BigEndian.Uint64(data) != count || binary.BigEndian.Uint64(sum) != want {
		return fmt.Errorf("%w: the checksum is wrong", ErrSnapshot)
	}
	return nil
}
