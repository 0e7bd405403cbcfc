package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// atOnce bounds how long a change made elsewhere may stay unseen on a busy machine. It usually takes less than a millisecond.
const atOnce = 2 * time.Second

// testTimeout is short enough for tests of silence, and long enough for a busy machine.
const testTimeout = 400 * time.Millisecond

// node is what one penknife has.
type node struct {
	*Store
	remote *Remote
	log    *testkit.Buffer
}

func newNode(t testing.TB, url string, change func(*Options)) *node {
	t.Helper()
	n := &node{log: &testkit.Buffer{}}
	log := slog.New(slog.NewTextHandler(n.log, nil))
	var err error
	n.remote, err = NewRemote(RemoteOptions{URL: url, Timeout: testTimeout, Prefix: "pk", Log: log})
	if err != nil {
		t.Fatal(err)
	}
	n.Store = newStore(t, 8<<20, func(o *Options) {
		o.Remote, o.Log = n.remote, log
		if change != nil {
			change(o)
		}
	})
	n.remote.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := n.remote.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	return n
}

func (n *node) awaitState(t testing.TB, want RemoteState) {
	t.Helper()
	testkit.Eventually(t, 10*time.Second, func() error {
		if got := n.remote.Stats(); got.State != want {
			return fmt.Errorf("redis is %v (%s), not %v", got.State, got.Reason, want)
		}
		return nil
	})
}

// soon waits until a key has a value here; the empty text is nothing.
func (n *node) soon(t testing.TB, key, want string) {
	t.Helper()
	testkit.Eventually(t, atOnce, func() error {
		item, _ := n.Get(key)
		got := ""
		if item != nil {
			got = string(item.Value)
		}
		if got != want {
			return fmt.Errorf("%s is %q, want %q", key, got, want)
		}
		return nil
	})
}

// awaitCopy waits until a key of Redis is in memory here, and stays: a version of a tag that was made just before may arrive
// later than the item, and removes it once more.
func (n *node) awaitCopy(t testing.TB, key string) {
	t.Helper()
	testkit.Eventually(t, atOnce, func() error {
		n.Get(key)
		if err := n.remote.client.Do(t.Context(), n.remote.client.B().Ping().Build()).Error(); err != nil {
			return err
		}
		if _, ok := n.Local([]byte(key)); !ok {
			return fmt.Errorf("%s is not in memory", key)
		}
		return nil
	})
}

// twoNodes gives two penknifes on one Redis.
func twoNodes(t testing.TB) (redis *testkit.Redis, a, b *node) {
	t.Helper()
	redis = testkit.StartRedis(t)
	a, b = newNode(t, redis.URL(), nil), newNode(t, redis.URL(), nil)
	a.awaitState(t, Up)
	b.awaitState(t, Up)
	return redis, a, b
}

func TestSharedByTwo(t *testing.T) {
	redis, a, b := twoNodes(t)
	expires := time.Now().Add(time.Hour)
	if err := a.Set("k", &Item{Value: []byte("v\x00\xff"), Tags: []string{"red", "blue"}, Expires: expires}); err != nil {
		t.Fatal(err)
	}
	item, ok := b.Get("k")
	if !ok || string(item.Value) != "v\x00\xff" || len(item.Tags) != 2 || !item.Expires.Equal(expires) || item.Stored.IsZero() {
		t.Fatalf("%+v %v", item, ok)
	}
	if ttl := redis.CLI(t, "ttl", "pk:app:i:k"); ttl < "3590" || ttl > "3600" {
		t.Errorf("its time to live in redis is %s", ttl)
	}
	b.awaitCopy(t, "k")
	before := b.Stats()
	expect(t, b.Store, "k", "v\x00\xff")
	if got := b.Stats(); got.Fetched != before.Fetched || got.Hits != before.Hits+1 {
		t.Errorf("the next question is not answered from memory: %+v", got)
	}
	mustSet(t, a, "k", "new")
	b.soon(t, "k", "new")
	expect(t, a.Store, "k", "new")
	if was, err := b.Delete("k"); !was || err != nil {
		t.Fatal(was, err)
	}
	a.soon(t, "k", "")
	if was, _ := b.Delete("k"); was {
		t.Error("deleted twice")
	}
}

func TestPurgeIsSeenAtOnce(t *testing.T) {
	_, a, b := twoNodes(t)
	fillBoth := func() {
		for i := range 1200 {
			mustSet(t, a, fmt.Sprintf("/shop[*]/%d", i), "x", "shop", fmt.Sprint("p", i))
		}
		mustSet(t, a, "/shop?/other", "x", "other")
		for i := range 1200 {
			expect(t, b.Store, fmt.Sprintf("/shop[*]/%d", i), "x")
		}
		expect(t, b.Store, "/shop?/other", "x")
	}
	worst := time.Duration(0)
	for name, purge := range map[string]func() (int, error){
		"tag": func() (int, error) { return a.PurgeTag("shop") }, "prefix": func() (int, error) { return a.PurgePrefix("/shop[*]/") },
	} {
		fillBoth()
		if n, err := purge(); n != 1200 || err != nil {
			t.Fatalf("%s: %d %v", name, n, err)
		}
		begin := time.Now()
		for i := range 1200 {
			b.soon(t, fmt.Sprintf("/shop[*]/%d", i), "")
			expect(t, a.Store, fmt.Sprintf("/shop[*]/%d", i), "")
		}
		worst = max(worst, time.Since(begin))
		expect(t, b.Store, "/shop?/other", "x")
	}
	t.Logf("all seen within %v", worst)
	if err := a.Clear(); err != nil {
		t.Fatal(err)
	}
	b.soon(t, "/shop?/other", "")
	for _, n := range []*node{a, b} {
		testkit.Eventually(t, atOnce, func() error { // the sweeper may be at it
			if got := n.Stats(); got.Items != 0 || got.Tags != 0 || got.Bytes != 0 {
				return fmt.Errorf("left: %+v", got)
			}
			return nil
		})
	}
}

// TestTagLost evicts the version of a tag, as a full Redis does: its items must be gone rather than not purged later.
func TestTagLost(t *testing.T) {
	redis, a, b := twoNodes(t)
	mustSet(t, a, "k", "v", "tag")
	expect(t, b.Store, "k", "v")
	redis.CLI(t, "del", "pk:app:t:tag")
	b.soon(t, "k", "")
	a.soon(t, "k", "")
	mustSet(t, a, "other", "v", "tag")
	b.soon(t, "other", "v")
	expect(t, b.Store, "k", "")
	if added, err := a.Add("k", &Item{Value: []byte("again")}); !added || err != nil {
		t.Fatal("what is dead is in the way of Add", err)
	}
}

func TestExpiryInRedis(t *testing.T) {
	t.Parallel()
	_, a, b := twoNodes(t)
	if err := a.Set("k", &Item{Value: []byte("v"), Tags: []string{"t"}, Expires: time.Now().Add(300 * time.Millisecond)}); err != nil {
		t.Fatal(err)
	}
	expect(t, b.Store, "k", "v")
	a.soon(t, "k", "")
	b.soon(t, "k", "")
	mustSet(t, a, "long", "v", "t")
	if there, _ := b.Touch("long", time.Now().Add(time.Hour)); !there {
		t.Fatal("touch found nothing")
	}
	item, ok := a.Get("long")
	if !ok || time.Until(item.Expires) < 59*time.Minute {
		testkit.Eventually(t, atOnce, func() error {
			if item, ok = a.Get("long"); !ok || time.Until(item.Expires) < 59*time.Minute {
				return fmt.Errorf("%+v", item)
			}
			return nil
		})
	}
	if there, _ := b.Touch("nothing", time.Time{}); there {
		t.Fatal("touched nothing")
	}
	if there, _ := a.Touch("long", time.Now().Add(-time.Second)); !there {
		t.Fatal("touch into the past found nothing")
	}
	b.soon(t, "long", "")
}

func TestAtomicOverMachines(t *testing.T) {
	_, a, b := twoNodes(t)
	if _, err := a.Incr("n", 1); !errors.Is(err, ErrMissing) {
		t.Fatal(err)
	}
	mustSet(t, a, "n", "9007199254740993", "tag") // 2^53+1: no float
	mustSet(t, a, "text", "01")
	if _, err := b.Incr("text", 1); !errors.Is(err, ErrNotNumber) {
		t.Fatal(err)
	}
	if _, err := b.Incr("n", 9223372036854775807); !errors.Is(err, ErrOverflow) {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	added := make([]int, 2)
	for i, n := range []*node{a, b} {
		wg.Go(func() {
			for j := range 200 {
				if _, err := n.Incr("n", 1); err != nil {
					t.Error(err)
				}
				if ok, err := n.Add(fmt.Sprint("once", j), &Item{Value: []byte("x")}); err != nil {
					t.Error(err)
				} else if ok {
					added[i]++
				}
			}
		})
	}
	wg.Wait()
	a.soon(t, "n", "9007199254741393")
	if added[0]+added[1] != 200 {
		t.Errorf("%v were added", added)
	}
	if n, err := a.PurgeTag("tag"); n != 1 || err != nil {
		t.Error("incr lost the tag", n, err)
	}
	if _, err := b.Incr("n", 1); !errors.Is(err, ErrMissing) {
		t.Error(err)
	}
}

// TestDifferentLimits has a penknife that takes small items only beside one that takes larger ones.
func TestDifferentLimits(t *testing.T) {
	redis := testkit.StartRedis(t)
	large := newNode(t, redis.URL(), nil)
	small := newNode(t, redis.URL(), func(o *Options) { o.MaxItem, o.MaxItemName = 4096, "cache.max_object" })
	if err := large.Set("k", &Item{Value: make([]byte, 100_000)}); err != nil {
		t.Fatal(err)
	}
	if _, ok := small.Get("k"); ok || small.Stats().Refused != 1 {
		t.Fatal("took what is over its limit")
	}
	if err := small.Set("k", &Item{Value: make([]byte, 100_000)}); !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "cache.max_object") {
		t.Fatal(err)
	}
	if _, ok := large.Get("k"); !ok {
		t.Fatal("a refused item removed the one that is there")
	}
}

// TestStaleCopyIsNotKept races reads of one penknife with writes of another: the last value must win everywhere.
func TestStaleCopyIsNotKept(t *testing.T) {
	_, a, b := twoNodes(t)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					b.Get("k")
				}
			}
		})
	}
	for i := range 60 {
		writer := []*node{a, b}[i%2]
		mustSet(t, writer, "k", fmt.Sprint(i))
		if i%6 == 0 {
			a.soon(t, "k", fmt.Sprint(i))
			b.soon(t, "k", fmt.Sprint(i))
		}
	}
	close(stop)
	wg.Wait()
	a.soon(t, "k", "59")
	b.soon(t, "k", "59")
}

// TestLastWriterWins has several goroutines of one penknife write a key at the same time: what stays in its memory must be
// what stays in Redis, which nobody tells it, since it was itself.
func TestLastWriterWins(t *testing.T) {
	_, a, b := twoNodes(t)
	for round := range 150 {
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				if err := a.Set("k", &Item{Value: []byte(fmt.Sprint(round, g))}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		b.local.remove("k")
		shared, ok := b.Get("k")
		if !ok {
			t.Fatal("redis has nothing")
		}
		expect(t, a.Store, "k", string(shared.Value))
	}
}

func TestUnixSocket(t *testing.T) {
	dir := testkit.Dir(t)
	testkit.StartRedis(t, "--unixsocket", dir+"/redis.sock")
	n := newNode(t, "unix://"+dir+"/redis.sock?db=2", nil)
	n.awaitState(t, Up)
	mustSet(t, n, "k", "v")
	expect(t, n.Store, "k", "v")
}

// TestNothingIsLeftInRedis looks for what tags leave behind: all of it must go with Clear, and expire without it.
func TestNothingIsLeftInRedis(t *testing.T) {
	redis, a, _ := twoNodes(t)
	mustSet(t, a, "forever", "v", "one", "two")
	if err := a.Set("hour", &Item{Value: []byte("v"), Tags: []string{"three"}, Expires: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	for key, atLeast := range map[string]int{
		"pk:app:t:one": 30 * 24 * 3600, "pk-aside:app:m:two": 30 * 24 * 3600, "pk:app:t:three": 7100, "pk-aside:app:m:three": 7100,
	} {
		if left, err := strconv.Atoi(redis.CLI(t, "ttl", key)); err != nil || left < atLeast || left > 3*atLeast {
			t.Errorf("%s expires in %d s, want some %d", key, left, 2*atLeast)
		}
	}
	if n, err := a.PurgePrefix(""); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	if left := redis.CLI(t, "keys", "*"); left != "pk-aside:run" {
		t.Errorf("left in redis: %s", left)
	}
}

// TestForeignValues puts things under our names that penknife did not write.
func TestForeignValues(t *testing.T) {
	redis := testkit.StartRedis(t)
	n := newNode(t, redis.URL(), nil)
	redis.CLI(t, "set", "pk:app:i:text", "hello")
	redis.CLI(t, "lpush", "pk:app:i:list", "hello")
	redis.CLI(t, "set", "pk:app:i:magic", "PK\x01")
	for _, key := range []string{"text", "list", "magic"} {
		if item, ok := n.Get(key); ok {
			t.Errorf("%s: %v", key, item)
		}
	}
	if _, err := n.Incr("text", 1); !errors.Is(err, ErrMissing) {
		t.Error(err)
	}
	if got := n.Stats(); got.Foreign != 3 || got.Remote.State != Up {
		t.Errorf("%+v", got)
	}
	if added, err := n.Add("text", &Item{Value: []byte("v")}); !added || err != nil {
		t.Error(added, err)
	}
	expect(t, n.Store, "text", "v")
}

// TestMembersAreBounded stores short-lived items under one tag: the list of the tag's members must not grow with them.
func TestMembersAreBounded(t *testing.T) {
	t.Parallel()
	redis := testkit.StartRedis(t)
	n := newNode(t, redis.URL(), nil)
	const items = 60
	for i := range items {
		mustSet(t, n, fmt.Sprint("k", i), "v", "tag")
		redis.CLI(t, "del", fmt.Sprint("pk:app:i:k", i))
	}
	if got, err := strconv.Atoi(redis.CLI(t, "scard", "pk-aside:app:m:tag")); err != nil || got > items/2 {
		t.Errorf("%d members of 1 item", got)
	}
}

func TestStateNames(t *testing.T) {
	if Up.String() != "up" || Away.String() != "away" || RemoteState(0).String() != "unknown" || RemoteState(3).String() != "unknown" {
		t.Error("names of states")
	}
}
