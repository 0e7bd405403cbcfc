package store

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"

	"penknife/internal/testkit"
)

// benchKeys are more than fit into one line of a cache.
const benchKeys = 10_000

func benchStore(b *testing.B) (*Store, [][]byte) {
	b.Helper()
	s := newStore(b, 256<<20, nil)
	keys := make([][]byte, benchKeys)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "GET https://example.org/some/path/%d", i)
		mustSet(b, s, string(keys[i]), string(make([]byte, 1024)))
	}
	return s, keys
}

func BenchmarkGet(b *testing.B) {
	s, keys := benchStore(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, ok := s.GetBytes(keys[i%benchKeys]); !ok {
			b.Fatal("missing")
		}
	}
}

func BenchmarkGetParallel(b *testing.B) {
	s, keys := benchStore(b)
	b.ReportAllocs()
	var start atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		for i := int(start.Add(7919)); pb.Next(); i++ {
			s.GetBytes(keys[i%benchKeys])
		}
	})
}

// BenchmarkSetFull sets new keys in a store that is full, so that each one evicts another.
func BenchmarkSetFull(b *testing.B) {
	s := newStore(b, 8<<20, nil)
	value := make([]byte, 1024)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := s.Set("key-"+strconv.Itoa(i), &Item{Value: value}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSetSame(b *testing.B) {
	s := newStore(b, 8<<20, nil)
	value := make([]byte, 1024)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Set("key", &Item{Value: value, Tags: []string{"a", "b"}}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPurgePrefix(b *testing.B) {
	s, _ := benchStore(b)
	for b.Loop() {
		if n, _ := s.PurgePrefix("GET https://example.org/other/"); n != 0 {
			b.Fatal(n)
		}
	}
}

func BenchmarkRedisGet(b *testing.B) {
	n := newNode(b, testkit.StartRedis(b).URL(), nil)
	mustSet(b, n, "k", string(make([]byte, 1024)))
	b.ReportAllocs()
	for b.Loop() {
		n.local.remove("k")
		if _, ok := n.Get("k"); !ok {
			b.Fatal("missing")
		}
	}
}

func BenchmarkRedisSet(b *testing.B) {
	n := newNode(b, testkit.StartRedis(b).URL(), nil)
	item := &Item{Value: make([]byte, 1024)}
	b.ReportAllocs()
	for b.Loop() {
		if err := n.Set("k", item); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRedisNear(b *testing.B) {
	n := newNode(b, testkit.StartRedis(b).URL(), nil)
	mustSet(b, n, "k", string(make([]byte, 1024)))
	n.awaitCopy(b, "k")
	key := []byte("k")
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := n.GetBytes(key); !ok {
			b.Fatal("missing")
		}
	}
}
