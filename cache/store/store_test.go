package store

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testClock is a clock that tests move.
type testClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *testClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newClock() *testClock { return &testClock{now: time.Unix(1_700_000_000, 0)} }

func newStore(t testing.TB, limit int64, change func(*Options)) *Store {
	t.Helper()
	o := Options{Namespace: "app", Limit: limit, LimitName: "cache.size", Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustSet(t testing.TB, s setter, key, value string, tags ...string) {
	t.Helper()
	if err := s.Set(key, &Item{Value: []byte(value), Tags: tags}); err != nil {
		t.Fatalf("set %s: %v", key, err)
	}
}

// expect compares what a key has; the empty text is nothing.
func expect(t testing.TB, s *Store, key, want string) {
	t.Helper()
	item, ok := s.Get(key)
	got := ""
	if ok {
		got = string(item.Value)
	}
	if got != want {
		t.Fatalf("%s is %q, want %q", key, got, want)
	}
}

func TestSetGetDelete(t *testing.T) {
	s := newStore(t, 1<<20, nil)
	expect(t, s, "a", "")
	mustSet(t, s, "a", "1")
	mustSet(t, s, "a", "2")
	expect(t, s, "a", "2")
	if item, ok := s.GetBytes([]byte("a")); !ok || string(item.Value) != "2" || item.Stored.IsZero() {
		t.Fatalf("by bytes: %v %v", item, ok)
	}
	if was, err := s.Delete("a"); !was || err != nil {
		t.Fatal(was, err)
	}
	if was, _ := s.Delete("a"); was {
		t.Fatal("deleted twice")
	}
	expect(t, s, "a", "")
	got := s.Stats()
	if got.Items != 0 || got.Bytes != 0 || got.Hits != 2 || got.Misses != 2 || got.Removed[Purged] != 1 || got.Removed[Replaced] != 1 {
		t.Fatalf("%+v", got)
	}
}

func TestExpiry(t *testing.T) {
	clock := newClock()
	s := newStore(t, 1<<20, func(o *Options) { o.Now = clock.Now })
	for _, key := range []string{"short", "touched"} {
		if err := s.Set(key, &Item{Value: []byte("x"), Expires: clock.Now().Add(time.Second)}); err != nil {
			t.Fatal(err)
		}
	}
	mustSet(t, s, "forever", "x")
	if err := s.Set("past", &Item{Value: []byte("x"), Expires: clock.Now().Add(-time.Second)}); err != nil {
		t.Fatal(err)
	}
	expect(t, s, "past", "")
	clock.advance(time.Second - 1)
	expect(t, s, "short", "x")
	if there, _ := s.Touch("touched", clock.Now().Add(time.Minute)); !there {
		t.Fatal("touch found nothing")
	}
	clock.advance(1)
	expect(t, s, "short", "")
	expect(t, s, "touched", "x")
	expect(t, s, "forever", "x")
	if there, _ := s.Touch("short", time.Time{}); there {
		t.Fatal("touch revived what had expired")
	}
	if added, _ := s.Add("short", &Item{Value: []byte("y")}); !added {
		t.Fatal("an expired key is in the way")
	}
	clock.advance(time.Hour)
	if got := s.Stats(); got.Items != 2 || got.Removed[EvictedTooOld] < 2 {
		t.Fatalf("%+v", got)
	}
}

func TestPurges(t *testing.T) {
	s := newStore(t, 1<<20, nil)
	mustSet(t, s, "/a/1", "x", "red", "blue")
	mustSet(t, s, "/a/2", "x", "red")
	mustSet(t, s, "/b/1", "x", "blue")
	mustSet(t, s, "/a/1", "y", "blue") // is not red any more
	if n, err := s.PurgeTag("red"); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	expect(t, s, "/a/1", "y")
	expect(t, s, "/a/2", "")
	if n, _ := s.PurgePrefix("/a/"); n != 1 {
		t.Fatal(n)
	}
	expect(t, s, "/b/1", "x")
	if err := s.Clear(); err != nil {
		t.Fatal(err)
	}
	if got := s.Stats(); got.Items != 0 || got.Bytes != 0 || got.Tags != 0 {
		t.Fatalf("left: %+v", got)
	}
}

func TestTooLarge(t *testing.T) {
	s := newStore(t, 1<<20, func(o *Options) { o.MaxItem, o.MaxItemName = 10_000, "cache.max_object" })
	for limit, item := range map[string]*Item{
		"cache.max_object":    {Value: make([]byte, 10_000)},
		"the number of tags":  {Tags: make([]string, MaxTags+1)},
		"the length of a tag": {Tags: []string{strings.Repeat("x", MaxTag+1)}},
	} {
		var large *TooLargeError
		if err := s.Set("k", item); !errors.Is(err, ErrTooLarge) || !errors.As(err, &large) || large.Limit != limit || large.Size <= large.Max {
			t.Errorf("%s: %v", limit, err)
		}
	}
	if err := s.Set(strings.Repeat("k", MaxKey+1), &Item{}); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
	if got := s.Stats(); got.Items != 0 || got.Refused != 4 {
		t.Fatalf("%+v", got)
	}
	plain := newStore(t, 1<<20, nil)
	if err := plain.Set("k", &Item{Value: make([]byte, 1<<20)}); err == nil || !strings.Contains(err.Error(), "cache.size") {
		t.Errorf("does not name the limit: %v", err)
	}
}

type sizedView int

func (v sizedView) Size() int { return int(v) }

func TestViewIsMadeOnceAndCounted(t *testing.T) {
	calls := 0
	s := newStore(t, 1<<20, func(o *Options) {
		o.View = func(value []byte) (any, error) {
			calls++
			if len(value) == 0 {
				return nil, errors.New("empty")
			}
			return sizedView(1000), nil
		}
	})
	mustSet(t, s, "k", "v")
	for range 3 {
		if item, ok := s.Get("k"); !ok || item.View != sizedView(1000) {
			t.Fatal(item, ok)
		}
	}
	if calls != 1 || s.Stats().Bytes < entryCost+1000 {
		t.Fatal(calls, s.Stats().Bytes)
	}
	if err := s.Set("k", &Item{}); err == nil {
		t.Fatal("stored what has no view")
	}
	expect(t, s, "k", "v")
}

func TestIncr(t *testing.T) {
	clock := newClock()
	s := newStore(t, 1<<20, func(o *Options) { o.Now = clock.Now })
	if _, err := s.Incr("n", 1); !errors.Is(err, ErrMissing) {
		t.Fatal(err)
	}
	if err := s.Set("n", &Item{Value: []byte("-1"), Tags: []string{"t"}, Expires: clock.Now().Add(time.Second)}); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Incr("n", 9223372036854775807); n != 9223372036854775806 || err != nil {
		t.Fatal(n, err)
	}
	for delta, want := range map[int64]error{2: ErrOverflow, 1: nil} {
		if _, err := s.Incr("n", delta); want != nil && !errors.Is(err, want) {
			t.Fatal(delta, err)
		}
	}
	mustSet(t, s, "low", "-9223372036854775808")
	if _, err := s.Incr("low", -1); !errors.Is(err, ErrOverflow) {
		t.Fatal(err)
	}
	for _, text := range []string{"", "x", "1.5", "+1", "01", " 1", "9223372036854775808", "-0"} {
		mustSet(t, s, "text", text)
		if _, err := s.Incr("text", 1); !errors.Is(err, ErrNotNumber) {
			t.Fatalf("%q: %v", text, err)
		}
	}
	if n, _ := s.PurgeTag("t"); n != 1 {
		t.Fatal("lost its tag")
	}
	clock.advance(time.Minute)
	expect(t, s, "n", "")
}

func TestAtomicAgainstEachOther(t *testing.T) {
	s := newStore(t, 1<<20, nil)
	mustSet(t, s, "n", "0")
	var wg sync.WaitGroup
	var mu sync.Mutex
	added := 0
	for i := range 8 {
		wg.Go(func() {
			for j := range 200 {
				if _, err := s.Incr("n", 1); err != nil {
					t.Error(err)
				}
				if ok, _ := s.Add(fmt.Sprint("once", j), &Item{Value: []byte(fmt.Sprint(i))}); ok {
					mu.Lock()
					added++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	expect(t, s, "n", "1600")
	if added != 200 {
		t.Fatalf("%d were added", added)
	}
}

func TestTop(t *testing.T) {
	s := newStore(t, 1<<20, nil)
	for i := range 20 {
		key := fmt.Sprintf("k%02d", i)
		mustSet(t, s, key, "v")
		for range i {
			s.Get(key)
		}
	}
	top := s.Top(3)
	if len(top) != 3 || top[0].Key != "k19" || top[0].Hits != 19 || top[2].Key != "k17" || top[0].Bytes < entryCost {
		t.Fatalf("%+v", top)
	}
}

func TestGetAllocatesNothing(t *testing.T) {
	s := newStore(t, 1<<20, nil)
	mustSet(t, s, "key", "value")
	key := []byte("key")
	for name, get := range map[string]func(){
		"Get": func() { s.Get("key") }, "GetBytes": func() { s.GetBytes(key) }, "Local": func() { s.Local(key) },
	} {
		if n := testing.AllocsPerRun(5000, get); n != 0 {
			t.Errorf("%s allocates %v", name, n)
		}
	}
}

// TestLimitHolds fills a store from several goroutines with items of many shapes and compares its books with the heap.
func TestLimitHolds(t *testing.T) {
	const limit = 8 << 20
	shapes := []struct {
		name  string
		size  int
		tags  int
		fixed bool // the same few tags for all
	}{
		{"tiny", 10, 0, false}, {"1KiB", 1024, 0, false}, {"odd", 4500, 0, false}, {"large", 100_000, 0, false},
		{"tagged", 100, 3, true}, {"tagged each", 100, 3, false},
	}
	for _, shape := range shapes {
		t.Run(shape.name, func(t *testing.T) {
			before := heap()
			s := newStore(t, limit, nil)
			var wg sync.WaitGroup
			for g := range 4 {
				wg.Go(func() { fill(t, s, g, shape.size, shape.tags, shape.fixed) })
			}
			wg.Wait()
			got, took := s.Stats(), int64(heap()-before)
			t.Logf("%d items: the store counts %d bytes, the heap %d (%.2f)", got.Items, got.Bytes, took, float64(took)/float64(got.Bytes))
			if got.Bytes > limit || got.Bytes < limit*8/10 || got.Removed[EvictedForRoom] == 0 {
				t.Errorf("not filled to the limit: %+v", got)
			}
			if took > limit || took < got.Bytes*6/10 {
				t.Errorf("the store counts %d bytes, the heap has %d", got.Bytes, took)
			}
			if min := got.Items * min(shape.tags, 1) * 3; shape.tags > 0 && !shape.fixed && got.Tags != min {
				t.Errorf("%d tags for %d items", got.Tags, got.Items)
			}
			runtime.KeepAlive(s)
		})
	}
}

func fill(t *testing.T, s *Store, g, size, tags int, fixed bool) {
	for i := range min(24<<20/(size+400), 30_000) / 2 {
		item := &Item{Value: make([]byte, size)}
		for n := range tags {
			tag := fmt.Sprintf("tag-%d", n)
			if !fixed {
				tag = fmt.Sprintf("tag-%d-%d-%d", n, g, i)
			}
			item.Tags = append(item.Tags, tag)
		}
		if err := s.Set(fmt.Sprintf("GET https://example.org/some/path/%d/%d", g, i), item); err != nil {
			t.Error(err)
			return
		}
		if over := s.local.bytes.Load() - s.local.limit; over > int64(4*(size+1024)) {
			t.Errorf("%d bytes over the limit", over)
			return
		}
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

func TestValueDoesNotKeepItsBuffer(t *testing.T) {
	s := newStore(t, 1<<20, nil)
	buffer := bytes.Repeat([]byte("x"), 1<<16)
	if err := s.Set("k", &Item{Value: buffer[:10]}); err != nil {
		t.Fatal(err)
	}
	if item, _ := s.Get("k"); cap(item.Value) > 64 {
		t.Fatal(cap(item.Value))
	}
}

func TestRemovalNames(t *testing.T) {
	seen := map[string]bool{}
	for r := Purged; r <= EvictedTooOld; r++ {
		if seen[r.String()] || r.String() == "unknown" {
			t.Errorf("%d is %q", r, r)
		}
		seen[r.String()] = true
	}
	if Removal(0).String() != "unknown" || (EvictedTooOld+1).String() != "unknown" {
		t.Error("more than there are")
	}
}

func TestNewRefuses(t *testing.T) {
	for _, o := range []Options{{Namespace: "app", Limit: 1}, {Namespace: "", Limit: 1 << 20}, {Namespace: "a:b", Limit: 1 << 20}} {
		if _, err := New(o); err == nil {
			t.Errorf("made of %+v", o)
		}
	}
}

type setter interface {
	Set(key string, item *Item) error
}

// TestPurgedTagIsDeadAtOnce looks between the moment when the items of a tag are purged and the one when they are removed.
func TestPurgedTagIsDeadAtOnce(t *testing.T) {
	s := newStore(t, 1<<20, nil)
	mustSet(t, s, "k", "1", "tag")
	s.local.tags.kill("tag")
	expect(t, s, "k", "")
	if _, err := s.Incr("k", 1); !errors.Is(err, ErrMissing) {
		t.Error(err)
	}
	if top := s.Top(1); len(top) != 0 {
		t.Error(top)
	}
	mustSet(t, s, "fresh", "1", "tag")
	s.local.removeDead("tag")
	expect(t, s, "fresh", "1")
	if got := s.Stats(); got.Items != 1 {
		t.Errorf("%+v", got)
	}
}
