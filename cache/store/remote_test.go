package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// atOnce bounds how long a change made elsewhere may stay unseen on a busy machine. It usually takes less than a millisecond.
const atOnce = 2 * time.Second

// logBuffer collects log lines.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(line)
}

func (b *logBuffer) count(text string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Count(b.text.String(), text)
}

// node is what one penknife has.
type node struct {
	*Store
	remote *Remote
	log    *logBuffer
}

func newNode(t testing.TB, url string, change func(*Options)) *node {
	t.Helper()
	n := &node{log: &logBuffer{}}
	log := slog.New(slog.NewTextHandler(n.log, nil))
	var err error
	n.remote, err = NewRemote(RemoteOptions{URL: url, Timeout: 500 * time.Millisecond, Prefix: "pk", Log: log})
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
	if _, ok := b.Local([]byte("k")); !ok {
		t.Error("the second question is not answered from memory")
	}
	if got := b.Stats(); got.Fetched != 1 || got.Hits != 2 {
		t.Errorf("%+v", got)
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
	if got := a.Stats(); got.Items != 0 || got.Tags != 0 || got.Bytes != 0 {
		t.Errorf("left: %+v", got)
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

func TestManyInRedis(t *testing.T) {
	_, a, b := twoNodes(t)
	var pairs []Pair
	var keys []string
	for i := range 50 {
		item := &Item{Value: []byte(fmt.Sprint(i))}
		if i%5 == 0 {
			item.Tags = []string{"t", fmt.Sprint("t", i)}
		}
		pairs, keys = append(pairs, Pair{fmt.Sprint("k", i), item}), append(keys, fmt.Sprint("k", i))
	}
	if refused, err := a.SetMany(pairs); len(refused) > 0 || err != nil {
		t.Fatal(refused, err)
	}
	for i, item := range b.GetMany(append(keys, "none")) {
		if (item == nil) != (i == 50) || item != nil && string(item.Value) != fmt.Sprint(i) {
			t.Fatalf("%d: %v", i, item)
		}
	}
	if n, err := a.PurgeTag("t"); n != 10 || err != nil {
		t.Fatal(n, err)
	}
	for i, item := range a.GetMany(keys) {
		if (item == nil) != (i%5 == 0) {
			t.Fatalf("%d: %v", i, item)
		}
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
	for i := range 120 {
		writer := []*node{a, b}[i%2]
		mustSet(t, writer, "k", fmt.Sprint(i))
		if i%6 == 0 {
			a.soon(t, "k", fmt.Sprint(i))
			b.soon(t, "k", fmt.Sprint(i))
		}
	}
	close(stop)
	wg.Wait()
	a.soon(t, "k", "119")
	b.soon(t, "k", "119")
}

func TestRedisKilledUnderLoad(t *testing.T) {
	redis, a, b := twoNodes(t)
	mustSet(t, a, "purged-by-a", "old", "tag")
	mustSet(t, a, "kept", "v")
	expect(t, b.Store, "purged-by-a", "old")
	expect(t, b.Store, "kept", "v")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var mu sync.Mutex
	worst := time.Duration(0)
	for g := range 4 {
		n := []*node{a, b}[g%2]
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				key := fmt.Sprintf("load-%d-%d", g, i%50)
				begin := time.Now()
				if err := n.Set(key, &Item{Value: []byte("x")}); err != nil {
					t.Error(err)
				}
				middle := time.Now()
				n.Get(fmt.Sprintf("load-%d-%d", (g+1)%4, i%50))
				mu.Lock()
				worst = max(worst, middle.Sub(begin), time.Since(middle))
				mu.Unlock()
			}
		})
	}
	redis.Kill(t)
	a.awaitState(t, Away)
	b.awaitState(t, Away)
	expect(t, b.Store, "kept", "v") // from memory
	if _, err := a.PurgeTag("tag"); !errors.Is(err, ErrAway) {
		t.Errorf("a purge without redis says %v", err)
	}
	expect(t, a.Store, "purged-by-a", "")
	redis.Start(t)
	a.awaitState(t, Up)
	b.awaitState(t, Up)
	close(stop)
	wg.Wait()
	expect(t, b.Store, "purged-by-a", "")
	t.Logf("the longest operation took %v", worst)
	if bound := a.remote.options.Timeout + time.Second/2; worst > bound {
		t.Errorf("an operation took %v, more than %v", worst, bound)
	}
	for _, n := range []*node{a, b} {
		if away, up := n.log.count("redis is away"), n.log.count("redis is in use"); away != 1 || up != 2 {
			t.Errorf("%d lines of going and %d of coming", away, up)
		}
		if got := n.remote.Stats(); got.Trips != 1 || got.Failures == 0 || got.Owed != 0 {
			t.Errorf("%+v", got)
		}
	}
}

// TestPurgedMeanwhileStaysAway cuts one penknife off while the other purges, and once Redis itself comes back with old data.
func TestPurgedMeanwhileStaysAway(t *testing.T) {
	redis := testkit.StartRedis(t)
	a := newNode(t, redis.URL(), nil)
	wall := startWall(t, redis.Address)
	b := newNode(t, "redis://"+wall.address, nil)
	b.awaitState(t, Up)
	for _, key := range []string{"deleted", "tagged", "/p/1", "overwritten", "left"} {
		mustSet(t, a, key, "old", "tag-"+key)
		expect(t, b.Store, key, "old")
	}
	wall.close()
	b.awaitState(t, Away)
	expect(t, b.Store, "deleted", "old") // what it has is given out meanwhile
	mustSet(t, b, "own", "of b")
	expect(t, b.Store, "own", "of b")
	// b's changes have to reach Redis later, a's have to reach b.
	if _, err := b.PurgeTag("tag-tagged"); !errors.Is(err, ErrAway) {
		t.Fatal(err)
	}
	if _, err := b.PurgePrefix("/p/"); !errors.Is(err, ErrAway) {
		t.Fatal(err)
	}
	if _, err := a.Delete("deleted"); err != nil {
		t.Fatal(err)
	}
	mustSet(t, a, "overwritten", "new")
	wall.open(t)
	b.awaitState(t, Up)
	for key, want := range map[string]string{"deleted": "", "tagged": "", "/p/1": "", "overwritten": "new", "left": "old", "own": ""} {
		expect(t, b.Store, key, want)
		a.soon(t, key, want)
	}
	// A second absence must not give out again what the first one made doubtful.
	wall.close()
	b.awaitState(t, Away)
	expect(t, b.Store, "deleted", "")
	expect(t, b.Store, "own", "")
	expect(t, b.Store, "left", "old")
}

func TestRestartWithOldData(t *testing.T) {
	redis := testkit.StartRedis(t)
	a := newNode(t, redis.URL(), nil)
	mustSet(t, a, "purged", "old")
	mustSet(t, a, "tagged", "old", "tag")
	redis.CLI(t, "save") // the dump has both
	if _, err := a.Delete("purged"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.PurgeTag("tag"); err != nil {
		t.Fatal(err)
	}
	redis.CLI(t, "set", "foreign", "stays")
	redis.Kill(t)
	a.awaitState(t, Away)
	redis.Start(t)
	a.awaitState(t, Up)
	expect(t, a.Store, "purged", "")
	expect(t, a.Store, "tagged", "")
	if got := redis.CLI(t, "keys", "pk*"); got != "pk-aside:run" {
		t.Errorf("left in redis: %s", got)
	}
}

func TestFlushElsewhere(t *testing.T) {
	redis, a, b := twoNodes(t)
	mustSet(t, a, "k", "v")
	expect(t, b.Store, "k", "v")
	redis.CLI(t, "flushall")
	b.soon(t, "k", "")
	a.soon(t, "k", "")
	a.awaitState(t, Up)
}

func TestPassword(t *testing.T) {
	redis := testkit.StartRedis(t, "--requirepass", "secret")
	right := newNode(t, "redis://:secret@"+redis.Address+"/3", nil)
	right.awaitState(t, Up)
	mustSet(t, right, "k", "v")
	if got := redis.CLI(t, "-a", "secret", "-n", "3", "exists", "pk:app:i:k"); got != "1" {
		t.Errorf("not in database 3: %s", got)
	}
	wrong := newNode(t, "redis://:mistaken@"+redis.Address, nil)
	mustSet(t, wrong, "k", "local")
	expect(t, wrong.Store, "k", "local")
	got := wrong.remote.Stats()
	if got.State != Away || !strings.Contains(got.Reason, "WRONGPASS") {
		t.Errorf("%+v", got)
	}
	if wrong.log.count("WRONGPASS") != 1 || wrong.log.count("mistaken") != 0 || strings.Contains(got.Address, "mistaken") {
		t.Errorf("log: %s", wrong.log.text.String())
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

// TestBlackHole has a Redis that accepts and never answers: at the start, and in the middle.
func TestBlackHole(t *testing.T) {
	redis := testkit.StartRedis(t)
	wall := startWall(t, redis.Address)
	n := newNode(t, "redis://"+wall.address, nil)
	n.awaitState(t, Up)
	mustSet(t, n, "k", "v")
	wall.freeze()
	var worst time.Duration
	for i := range 20 {
		begin := time.Now()
		n.Get(fmt.Sprint("none", i))
		mustSet(t, n, fmt.Sprint("set", i), "v")
		worst = max(worst, time.Since(begin))
	}
	if worst > 3*n.remote.options.Timeout {
		t.Errorf("a question and a change took %v", worst)
	}
	n.awaitState(t, Away)
	expect(t, n.Store, "k", "v")
	expect(t, n.Store, "set7", "v")
	begin := time.Now()
	fresh := newNode(t, "redis://"+wall.address, nil)
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("the start took %v", took)
	}
	mustSet(t, fresh, "k", "v")
	expect(t, fresh.Store, "k", "v")
}

// TestFull has a Redis that refuses to store: it counts as away, and says why.
func TestFull(t *testing.T) {
	redis := testkit.StartRedis(t, "--maxmemory", "1500000", "--maxmemory-policy", "noeviction")
	n := newNode(t, redis.URL(), nil)
	value := strings.Repeat("x", 100_000)
	testkit.Eventually(t, 10*time.Second, func() error {
		mustSet(t, n, fmt.Sprint("k", time.Now().UnixNano()), value)
		if n.remote.Stats().Trips == 0 {
			return errors.New("it never fills")
		}
		return nil
	})
	mustSet(t, n, "after", "v")
	expect(t, n.Store, "after", "v")
	if n.log.count("OOM") == 0 {
		t.Error("the log does not say why")
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

// wall is a TCP proxy that can be closed (connections are cut and refused) and frozen (nothing passes any more).
type wall struct {
	address, target string

	mu     sync.Mutex
	listen net.Listener
	conns  []net.Conn
	frozen bool
	pumps  sync.WaitGroup
}

func startWall(t testing.TB, target string) *wall {
	t.Helper()
	w := &wall{address: testkit.FreeAddress(t), target: target}
	w.open(t)
	t.Cleanup(func() {
		w.close()
		w.pumps.Wait()
	})
	return w
}

func (w *wall) open(t testing.TB) {
	t.Helper()
	listener, err := net.Listen("tcp", w.address)
	if err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	w.listen = listener
	w.mu.Unlock()
	w.pumps.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			w.join(conn)
		}
	})
}

func (w *wall) join(conn net.Conn) {
	other, err := net.Dial("tcp", w.target)
	if err != nil {
		_ = conn.Close()
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns = append(w.conns, conn, other)
	w.pumps.Go(func() { w.pump(conn, other) })
	w.pumps.Go(func() { w.pump(other, conn) })
}

func (w *wall) pump(from, to net.Conn) {
	defer func() { _, _ = from.Close(), to.Close() }()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		w.mu.Lock()
		frozen := w.frozen
		w.mu.Unlock()
		if err != nil {
			return
		}
		if frozen {
			continue
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (w *wall) freeze() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.frozen = true
}

func (w *wall) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.listen.Close()
	for _, conn := range w.conns {
		_ = conn.Close()
	}
	w.conns = nil
}
