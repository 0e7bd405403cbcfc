package store

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// TestOnlyTheWatcherConnects has an operation find no connection: it must not wait for one.
func TestOnlyTheWatcherConnects(t *testing.T) {
	redis := testkit.StartRedis(t)
	r, err := NewRemote(RemoteOptions{URL: redis.URL(), Timeout: time.Second, Prefix: "pk", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer r.client.Close()
	if err := r.client.Do(t.Context(), r.client.B().Ping().Build()).Error(); !errors.Is(err, errNoDial) {
		t.Fatal(err)
	}
}

func TestRedisKilledUnderLoad(t *testing.T) {
	redis, a, b := twoNodes(t)
	mustSet(t, a, "purged-by-a", "old", "tag")
	mustSet(t, a, "kept", "v")
	b.awaitCopy(t, "purged-by-a")
	b.awaitCopy(t, "kept")
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
		away, up, got := n.log.Count("redis is away"), n.log.Count("redis is in use"), n.remote.Stats()
		if away != int(got.Trips) || up != away+1 || away > 3 {
			t.Errorf("%d lines of going and %d of coming for %d absences", away, up, got.Trips)
		}
		if got.Trips == 0 || got.Failures == 0 || got.Owed != 0 {
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
		b.awaitCopy(t, key)
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
	b.awaitCopy(t, "left")
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
	if wrong.log.Count("WRONGPASS") != 1 || wrong.log.Count("PENKNIFE_CACHE_REDIS") != 1 || wrong.log.Count("mistaken") != 0 || strings.Contains(got.Address, "mistaken") {
		t.Errorf("log: %s", wrong.log.String())
	}
}

// TestBlackHole has a Redis that accepts and never answers: at the start, and in the middle.
func TestBlackHole(t *testing.T) {
	t.Parallel()
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

// TestSilentToQuestions is TestBlackHole with nothing but questions.
func TestSilentToQuestions(t *testing.T) {
	t.Parallel()
	redis := testkit.StartRedis(t)
	wall := startWall(t, redis.Address)
	n := newNode(t, "redis://"+wall.address, nil)
	n.awaitState(t, Up)
	wall.freeze()
	begin := time.Now()
	for i := range 50 {
		n.Get(fmt.Sprint("none", i))
	}
	if took := time.Since(begin); took > (maxStrikes+1)*n.remote.options.Timeout {
		t.Errorf("50 questions took %v", took)
	}
	n.awaitState(t, Away)
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
	if n.log.Count("OOM") == 0 || n.log.Count("allkeys-lru") != n.log.Count("OOM") {
		t.Error("the log does not say why, and what to do")
	}
}

// TestComesBackUnderConstantChanges: changes that never pause, each of which has to be made up for, do not keep Redis out of use.
func TestComesBackUnderConstantChanges(t *testing.T) {
	redis := testkit.StartRedis(t)
	n := newNode(t, redis.URL(), nil)
	n.awaitState(t, Up)
	redis.Kill(t)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() { // ended by stop
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if err := n.Set(fmt.Sprintf("load-%d-%d", g, i%10), &Item{Value: []byte("x")}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	n.awaitState(t, Away)
	redis.Start(t)
	n.awaitState(t, Up)
	close(stop)
	wg.Wait()
	if got := n.remote.Stats(); got.Owed != 0 && got.State == Up {
		t.Errorf("%+v", got)
	}
}
