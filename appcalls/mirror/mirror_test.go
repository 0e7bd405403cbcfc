package mirror

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// peek reads as python/accel/peek.c does.
func (m *Mirror) peek(key string, now int64) ([]byte, bool) {
	load := func(offset uint64) uint64 { return atomic.LoadUint64((*uint64)(unsafe.Pointer(&m.memory[offset]))) }
	hash := hashOf(key)
	first := hash % uint64(len(m.index)/bucketWords) * bucketWords
	for i := first; i < first+bucketWords; i++ {
		word := atomic.LoadUint64(&m.index[i])
		if word == 0 || word>>positionBits != hash>>positionBits {
			continue
		}
		offset := m.at(word & (1<<positionBits - 1) * 8)
		room := uint64(len(m.memory)) - offset
		if room < recData+padded(len(key)) {
			continue
		}
		lengths := load(offset + recLengths)
		if lengths&0xffffffff != uint64(len(key)) || lengths>>32 > room-recData-padded(len(key)) || int64(load(offset+recUntil)) <= now {
			continue
		}
		epoch, data := load(offset+recEpoch), make([]byte, padded(len(key))+padded(int(lengths>>32)))
		for at := range len(data) / 8 {
			*(*uint64)(unsafe.Pointer(&data[at*8])) = load(offset + recData + uint64(at)*8)
		}
		if atomic.LoadUint64(&m.index[i]) == word && load(offEpoch) == epoch && string(data[:len(key)]) == key {
			return data[padded(len(key)):][:lengths>>32], true
		}
	}
	return nil, false
}

func open(t testing.TB) *Mirror {
	t.Helper()
	m := New(0)
	if _, _, err := m.Memory(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = unix.Munmap(m.memory), m.file.Close() })
	return m
}

func (m *Mirror) show(key string, value []byte) { m.Publish(m.Ticket(key), key, value, time.Hour) }

func expect(t *testing.T, m *Mirror, key string, want any) {
	t.Helper()
	got, there := m.peek(key, m.now())
	switch want := want.(type) {
	case nil:
		if there {
			t.Errorf("%q is %.20q", key, got)
		}
	case string:
		if !there || string(got) != want {
			t.Errorf("%q is %q, %v; want %q", key, got, there, want)
		}
	}
}

func TestPublishAndChange(t *testing.T) {
	m := open(t)
	expect(t, m, "a", nil)
	m.show("a", []byte("one"))
	m.show("b", []byte(""))
	m.show("", []byte("empty key"))
	expect(t, m, "a", "one")
	expect(t, m, "b", "")
	expect(t, m, "", "empty key")
	m.show("a", []byte("two, longer than eight bytes"))
	expect(t, m, "a", "two, longer than eight bytes")
	m.Begin("a")
	expect(t, m, "a", nil)
	m.show("a", []byte("stale"))
	expect(t, m, "a", nil)
	m.End("a")
	m.show("a", []byte("new"))
	expect(t, m, "a", "new")
	m.Drop("a")
	expect(t, m, "a", nil)
	expect(t, m, "b", "")
	m.BeginAll()
	m.show("b", []byte("stale"))
	m.EndAll()
	expect(t, m, "b", nil)
	m.show("b", []byte("x"))
	expect(t, m, "b", "x")
}

// TestATicketIsVoidAfterAChange: the value was read before it.
func TestATicketIsVoidAfterAChange(t *testing.T) {
	m := open(t)
	for name, change := range map[string]func(){
		"key": func() { m.Begin("a"); m.End("a") }, "all": m.DropAll, "gone": func() { m.Drop("a") },
	} {
		ticket := m.Ticket("a")
		change()
		m.Publish(ticket, "a", []byte("old"), time.Hour)
		expect(t, m, "a", nil)
		m.Begin("a")
		during := m.Ticket("a")
		m.End("a")
		m.Publish(during, "a", []byte("old"), time.Hour)
		if _, there := m.peek("a", m.now()); there {
			t.Errorf("%s: published with a ticket from before the end of a change", name)
		}
	}
}

func TestACopyCountsForASecondOrLess(t *testing.T) {
	m := open(t)
	m.now = func() int64 { return 1000 }
	m.show("long", []byte("x"))
	m.Publish(m.Ticket("short"), "short", []byte("x"), 10)
	m.Publish(m.Ticket("over"), "over", []byte("x"), 0)
	for _, test := range []struct {
		key   string
		now   int64
		there bool
	}{
		{"long", 1000 + int64(freshFor) - 1, true}, {"long", 1000 + int64(freshFor), false},
		{"short", 1009, true}, {"short", 1010, false}, {"over", 1000, false},
	} {
		if _, there := m.peek(test.key, test.now); there != test.there {
			t.Errorf("%s at %d: %v", test.key, test.now, there)
		}
	}
}

// TestManyRounds writes the ring over many times: what is found is right, and the latest is found.
func TestManyRounds(t *testing.T) {
	m := open(t)
	random := rand.New(rand.NewPCG(1, 2))
	latest, found := map[string][]byte{}, 0
	for i := range 60_000 {
		key := fmt.Sprint("key-", random.IntN(3000))
		switch {
		case i%17 == 0:
			m.Drop(key)
			delete(latest, key)
			expect(t, m, key, nil)
		default:
			value := bytes.Repeat([]byte{byte(i)}, random.IntN(1500))
			m.show(key, value)
			latest[key] = value
			expect(t, m, key, string(value))
		}
		other := fmt.Sprint("key-", random.IntN(3000))
		if got, there := m.peek(other, 0); there {
			found++
			if want, has := latest[other]; !has || !bytes.Equal(got, want) {
				t.Fatalf("round %d: %s is %d bytes of %.1q, want %d", i, other, len(got), got, len(want))
			}
		}
	}
	if found < 5000 || m.head < 20*uint64(m.size) {
		t.Errorf("%d found, %d rounds", found, m.head/uint64(m.size))
	}
	m.show("large", make([]byte, maxRecord))
	expect(t, m, "large", nil)
}

// TestReadersSeeWholeValues while one writer overwrites the ring as fast as it can.
func TestReadersSeeWholeValues(t *testing.T) {
	m := open(t)
	var over atomic.Bool
	var group sync.WaitGroup
	var found atomic.Int64
	for reader := range 2 {
		group.Go(func() {
			random := rand.New(rand.NewPCG(3, uint64(reader)))
			for !over.Load() {
				n := random.IntN(64)
				value, there := m.peek(fmt.Sprint(n), 0)
				if !there {
					continue
				}
				found.Add(1)
				if len(value) == 0 || bytes.Count(value, value[:1]) != len(value) || len(value)%64 != n {
					t.Errorf("%d: %d bytes of %.1q", n, len(value), value)
					return
				}
			}
		})
	}
	random := rand.New(rand.NewPCG(5, 6))
	for i := range 60_000 {
		n := random.IntN(64)
		m.show(fmt.Sprint(n), bytes.Repeat([]byte{byte(i)}, 64*(1+random.IntN(100))+n))
		if i%5 == 0 {
			m.Drop(fmt.Sprint(random.IntN(64)))
		}
	}
	over.Store(true)
	group.Wait()
	t.Logf("%d found", found.Load())
}

// TestNobodyElseCanWrite: not by the descriptor that workers get, nor by opening it anew.
func TestNobodyElseCanWrite(t *testing.T) {
	m := open(t)
	file, size, err := m.Memory()
	if err != nil {
		t.Fatal(err)
	}
	anew, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", file.Fd()), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = anew.Close() }()
	for _, f := range []*os.File{file, anew} {
		if _, err := unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err == nil {
			t.Error("it was mapped for writing")
		}
		if _, err := f.WriteAt([]byte("x"), 0); err == nil {
			t.Error("it was written")
		}
		if f.Truncate(0) == nil {
			t.Error("it was made smaller")
		}
		if _, err := unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED); err != nil {
			t.Errorf("it cannot be read: %v", err)
		}
	}
}

func TestNothingBeforeSomebodyReads(t *testing.T) {
	m := New(5 << 20)
	m.Begin("a")
	m.show("a", []byte("x"))
	m.End("a")
	m.DropAll()
	if m.memory != nil || m.size != 4<<20 {
		t.Errorf("memory of %d for nobody, ring of %d", len(m.memory), m.size)
	}
}

// TestLayout compares with python/accel/peek.h.
func TestLayout(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "python", "accel", "peek.h"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]uint64{
		"MAGIC": magic, "VERSION": version, "HEADER_SIZE": headerSize, "OFF_MAGIC": offMagic, "OFF_VERSION": offVersion,
		"OFF_INDEX": offIndex, "OFF_RING": offRing, "OFF_EPOCH": offEpoch, "BUCKET_WORDS": bucketWords,
		"REC_HASH": recHash, "REC_EPOCH": recEpoch, "REC_UNTIL": recUntil, "REC_LENGTHS": recLengths, "REC_DATA": recData,
		"POSITION_BITS": positionBits,
	}
	for _, line := range regexp.MustCompile(`(?m)^#define PK_M_(\w+) (\w+)`).FindAllStringSubmatch(string(text), -1) {
		got, err := strconv.ParseUint(strings.TrimSuffix(line[2], "ULL"), 0, 64)
		if number, known := want[line[1]]; err != nil || !known || number != got {
			t.Errorf("%s is %d here and %s there", line[1], number, line[2])
		}
		delete(want, line[1])
	}
	if len(want) > 0 {
		t.Errorf("peek.h lacks %v", want)
	}
}
