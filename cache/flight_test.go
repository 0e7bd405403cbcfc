package cache

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"penknife/cache/store"
	"penknife/gateway"
	"penknife/internal/testkit"
)

// later makes a request of a front end that does not wait, and gives where the answer comes.
func (b *bench) later(t testing.TB, line string, lines ...string) <-chan got {
	t.Helper()
	answers := make(chan got, 1)
	r := b.request(line, lines...)
	r.Later = func(resp *gateway.Response, err error) {
		if err != nil {
			answers <- got{cut: err}
			return
		}
		answers <- take(r, resp)
	}
	later := r.Later
	resp, err := b.Serve(r)
	if err != gateway.ErrPending { //nolint:errorlint // never wrapped
		later(resp, err)
	}
	return answers
}

// start makes requests of both kinds, n in all.
func (b *bench) start(t testing.TB, n int, line string, lines ...string) []<-chan got {
	list := make([]<-chan got, n)
	for i := range list {
		if i%2 == 1 {
			list[i] = b.later(t, line, lines...)
			continue
		}
		answers := make(chan got, 1)
		list[i] = answers
		r := b.request(line, lines...)
		go func() { // ends with the answer, which the test takes
			resp, err := b.Serve(r)
			if err != nil {
				answers <- got{cut: err}
				return
			}
			answers <- take(r, resp)
		}()
	}
	return list
}

func (b *bench) awaitWaiting(t testing.TB, n int) {
	t.Helper()
	testkit.Eventually(t, 10*time.Second, func() error {
		if got := b.Waiting(); got != n {
			return fmt.Errorf("%d requests wait, want %d", got, n)
		}
		return nil
	})
}

func TestStampede_OneCall(t *testing.T) {
	gate := make(chan struct{})
	b := newBench(t, defaults(), func(int, map[string]string) reply { return reply{fields: fresh + "; Vary: X", body: "x", gate: gate} })
	list := b.start(t, 1000, "GET /")
	b.awaitWaiting(t, 999)
	close(gate)
	for _, answers := range list {
		if g := <-answers; g.body != "x" || g.cut != nil {
			t.Fatalf("%+v", g)
		}
	}
	if b.app.count() != 1 || b.tally.of(Collapsed) != 999 {
		t.Errorf("%d calls, %v", b.app.count(), b.tally.outcomes)
	}
}

// Answers that cannot be stored are made for each, at once and not one after the other; the next ones do not wait.
func TestStampede_Uncacheable(t *testing.T) {
	first, others := make(chan struct{}), make(chan struct{})
	b := newBench(t, defaults(), func(call int, _ map[string]string) reply {
		if call == 1 {
			return reply{body: "x", gate: first}
		}
		return reply{body: "x", gate: others}
	})
	list := b.start(t, 1, "GET /")
	testkit.Eventually(t, 10*time.Second, func() error { return b.called(1) })
	for range 20 {
		answers := make(chan got, 1)
		list = append(list, answers)
		r := b.request("GET /")
		go func() { // ends with the answer, which the test takes
			resp, err := b.Serve(r)
			if err != nil {
				answers <- got{cut: err}
				return
			}
			answers <- take(r, resp)
		}()
	}
	b.awaitWaiting(t, 20)
	close(first)
	testkit.Eventually(t, 10*time.Second, func() error { return b.called(21) })
	close(others)
	for _, answers := range list {
		<-answers
	}
	b.expect(t, b.do(t, "GET /"), "fwd=uri-miss; detail=no_freshness", 22)
	if b.tally.of(Passed) == 0 {
		t.Errorf("%v", b.tally.outcomes)
	}
	b.clock.advance(defaults().UncacheableFor)
	b.do(t, "GET /")
	if b.tally.of(Miss) != 2 {
		t.Errorf("remembered for longer than it should: %v", b.tally.outcomes)
	}
}

func (b *bench) called(n int) error {
	if got := b.app.count(); got != n {
		return fmt.Errorf("%d calls, want %d", got, n)
	}
	return nil
}

// Variants are told apart after a common wait.
func TestStampede_Variants(t *testing.T) {
	gate := make(chan struct{})
	b := newBench(t, defaults(), func(_ int, vars map[string]string) reply {
		return reply{fields: fresh + "; Vary: X", body: vars["HTTP_X"], gate: gate}
	})
	one := b.start(t, 10, "GET /", "X: 1")
	testkit.Eventually(t, 10*time.Second, func() error { return b.called(1) })
	two := b.start(t, 10, "GET /", "X: 2")
	b.awaitWaiting(t, 19)
	close(gate)
	for i := range one {
		if a, b := <-one[i], <-two[i]; a.body != "1" || b.body != "2" {
			t.Errorf("%q, %q", a.body, b.body)
		}
	}
	if b.app.count() != 2 {
		t.Errorf("%d calls", b.app.count())
	}
}

// When the one that asks fails, the next one tries; nobody waits for what has failed.
func TestStampede_LeaderFails(t *testing.T) {
	for _, failure := range []reply{
		{err: gateway.Errorf(gateway.KindWorkerDied, "died")}, {status: 500, body: "no"},
		{fields: fresh, parts: []string{"half"}, length: 10}, {fields: fresh, parts: []string{"half"}, cut: true},
	} {
		gate := make(chan struct{})
		b := newBench(t, defaults(), func(call int, _ map[string]string) reply {
			if call == 1 {
				failure.gate = gate
				return failure
			}
			return reply{fields: fresh, body: "x"}
		})
		list := b.start(t, 20, "GET /")
		b.awaitWaiting(t, 19)
		close(gate)
		good := 0
		for _, answers := range list {
			if g := <-answers; g.body == "x" && g.cut == nil {
				good++
			}
		}
		if good != 19 || b.app.count() != 2 {
			t.Errorf("%+v: %d good answers, %d calls", failure, good, b.app.count())
		}
	}
}

// A request does not wait for longer than cache.wait.
func TestStampede_Patience(t *testing.T) {
	cfg := defaults()
	cfg.Wait = time.Millisecond
	gate := make(chan struct{})
	b := newBench(t, cfg, func(call int, _ map[string]string) reply {
		if call == 1 {
			return reply{fields: fresh, body: "slow", gate: gate}
		}
		return reply{fields: fresh, body: "own"}
	})
	leader := b.start(t, 1, "GET /")
	testkit.Eventually(t, 10*time.Second, func() error { return b.called(1) })
	for _, answers := range b.start(t, 4, "GET /") {
		if g := <-answers; g.body != "own" {
			t.Errorf("%+v", g)
		}
	}
	close(gate)
	if g := <-leader[0]; g.body != "slow" {
		t.Errorf("%+v", g)
	}
}

// RFC 5861 section 3: one fetch in the background, while everybody gets the stale answer at once.
func TestRFC5861_3_StaleWhileRevalidate(t *testing.T) {
	gate := make(chan struct{})
	b := newBench(t, defaults(), func(call int, vars map[string]string) reply {
		if call == 1 {
			return reply{fields: "Cache-Control: max-age=60, stale-while-revalidate=30; ETag: \"a\"", body: "old"}
		}
		if vars["HTTP_IF_NONE_MATCH"] != `"a"` || vars["HTTP_RANGE"] != "" || vars["REQUEST_METHOD"] != "GET" {
			return reply{err: fmt.Errorf("asked with %v", vars)}
		}
		return reply{fields: fresh, body: "new", gate: gate}
	})
	b.do(t, "GET /")
	b.clock.advance(80 * time.Second)
	for _, line := range []string{"HEAD /", "GET /", "GET /"} {
		if g := b.do(t, line); g.field("Cache-Status") != "penknife; hit; ttl=-20; detail=stale" || g.field("Age") != "80" {
			t.Errorf("%+v", g)
		}
	}
	close(gate)
	testkit.Eventually(t, 10*time.Second, func() error {
		if g := b.do(t, "GET /"); g.body != "new" {
			return fmt.Errorf("%+v", g)
		}
		return nil
	})
	if b.app.count() != 2 {
		t.Errorf("%d calls", b.app.count())
	}
}

// Shutdown waits for what runs in the background, and gives up with its context.
func TestShutdown_Waits(t *testing.T) {
	gate := make(chan struct{})
	b := newBench(t, defaults(), func(call int, _ map[string]string) reply {
		if call == 1 {
			return reply{fields: "Cache-Control: max-age=60, stale-while-revalidate=30", body: "old"}
		}
		return reply{fields: fresh, body: "new", gate: gate}
	})
	b.do(t, "GET /")
	b.clock.advance(80 * time.Second)
	b.do(t, "GET /")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Shutdown(ended); err == nil {
		t.Error("it did not wait")
	}
	close(gate)
	if err := b.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	b.clock.advance(70 * time.Second)
	b.do(t, "GET /")
}

func TestRefresh_Bounded(t *testing.T) {
	cfg := defaults()
	cfg.Revalidations = 2
	gate := make(chan struct{})
	b := newBench(t, cfg, func(call int, _ map[string]string) reply {
		if call > 10 {
			return reply{fields: fresh, body: "new", gate: gate}
		}
		return reply{fields: "Cache-Control: max-age=60, stale-while-revalidate=30", body: "old"}
	})
	for round := range 2 {
		for i := range 10 {
			b.do(t, "GET /"+number(i))
		}
		b.clock.advance(time.Duration(1-round) * 80 * time.Second)
	}
	testkit.Eventually(t, 10*time.Second, func() error { return b.called(12) })
	close(gate)
}

// What is purged while the application makes an answer is not stored by that answer.
func TestPurge_WhileTheApplicationAnswers(t *testing.T) {
	for name, purge := range map[string]func(*bench) error{
		"url":    func(b *bench) error { _, err := b.PurgeURL("http://example.com/"); return err },
		"prefix": func(b *bench) error { _, err := b.PurgePrefix("http://example.com/"); return err },
		"tag":    func(b *bench) error { _, err := b.PurgeTag("t"); return err },
		"all":    func(b *bench) error { _, err := b.PurgeAll(); return err },
		"post":   func(b *bench) error { <-b.later(t, "POST /"); return nil },
	} {
		gate := make(chan struct{})
		b := newBench(t, defaults(), func(call int, vars map[string]string) reply {
			if call == 1 {
				return reply{fields: fresh + "; Cache-Tag: t", body: "old", gate: gate}
			}
			return reply{fields: fresh, body: "new"}
		})
		list := b.start(t, 1, "GET /")
		testkit.Eventually(t, 10*time.Second, func() error { return b.called(1) })
		if err := purge(b); err != nil {
			t.Fatal(err)
		}
		close(gate)
		<-list[0]
		if g := b.do(t, "GET /"); g.body != "new" {
			t.Errorf("%s: the old answer was stored: %+v", name, g)
		}
	}
}

func TestStream_StoredWhenComplete(t *testing.T) {
	parts := []string{strings.Repeat("a", 20000), "b", strings.Repeat("c", 50000)}
	whole := strings.Join(parts, "")
	for name, given := range map[string]reply{
		"length unknown": {fields: fresh, parts: parts},
		"length known":   {fields: fresh, parts: parts, length: int64(len(whole))},
	} {
		b := newBench(t, defaults(), func(int, map[string]string) reply { return given })
		if g := b.do(t, "GET /"); g.body != whole || g.cut != nil {
			t.Fatalf("%s: %d bytes, %v", name, len(g.body), g.cut)
		}
		b.expect(t, b.do(t, "GET /"), "hit; ttl=60", 1)
		if g := b.do(t, "GET /"); g.body != whole {
			t.Errorf("%s: stored %d bytes", name, len(g.body))
		}
	}
}

func TestStream_CutIsNotStored(t *testing.T) {
	for name, given := range map[string]reply{
		"cut":       {fields: fresh, parts: []string{"half"}, cut: true},
		"too short": {fields: fresh, parts: []string{"half"}, length: 8},
		"too long":  {fields: fresh, parts: []string{"half"}, length: 2},
	} {
		b := newBench(t, defaults(), func(call int, _ map[string]string) reply { return given })
		g := b.do(t, "GET /")
		if g.cut == nil {
			t.Errorf("%s: the client does not learn it: %+v", name, g)
		}
		b.do(t, "GET /")
		if b.app.count() != 2 || b.Stats().Items != 0 {
			t.Errorf("%s: stored", name)
		}
	}
}

// What is too long passes through whole, is not stored, and its URL is not waited for.
func TestStream_TooLong(t *testing.T) {
	cfg := defaults()
	cfg.MaxObject = 30000
	parts := []string{strings.Repeat("a", 20000), strings.Repeat("b", 20000), strings.Repeat("c", 20000)}
	b := newBench(t, cfg, func(int, map[string]string) reply { return reply{fields: fresh, parts: parts} })
	for range 2 {
		if g := b.do(t, "GET /"); g.body != strings.Join(parts, "") || g.cut != nil {
			t.Fatalf("%d bytes, %v", len(g.body), g.cut)
		}
	}
	if b.app.count() != 2 || b.Stats().Items != 0 || b.tally.of(Passed) != 1 {
		t.Errorf("%d calls, %d entries, %v", b.app.count(), b.Stats().Items, b.tally.outcomes)
	}
}

// A client that leaves does not keep the rest from being stored for others.
func TestStream_ClientLeaves(t *testing.T) {
	b := newBench(t, defaults(), nil)
	b.app.answer = func(int, map[string]string) reply { return reply{fields: fresh, parts: []string{"a", "b"}} }
	r := b.request("GET /")
	resp, err := b.Serve(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.CloseWithError(gateway.Errorf(gateway.KindClientGone, "gone"))
	testkit.Eventually(t, 10*time.Second, func() error {
		if b.Stats().Items != 1 {
			return fmt.Errorf("%d entries", b.Stats().Items)
		}
		return nil
	})
	if g := b.do(t, "GET /"); g.body != "ab" || b.app.count() != 1 {
		t.Errorf("%+v", g)
	}
}

// A panic of the application's side leaves nobody waiting.
func TestPanic_NobodyWaits(t *testing.T) {
	b := newBench(t, defaults(), func(call int, _ map[string]string) reply {
		if call == 1 {
			panic("a fault")
		}
		return reply{fields: fresh, body: "x"}
	})
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_, _ = b.Serve(b.request("GET /"))
	}()
	b.expect(t, b.do(t, "GET /"), "fwd=uri-miss; stored", 2)
}

func TestConcurrentUse(t *testing.T) {
	b := newBench(t, defaults(), func(_ int, vars map[string]string) reply {
		return reply{fields: "Cache-Control: max-age=1, stale-while-revalidate=1; Vary: X", body: vars["PATH_INFO"] + vars["HTTP_X"]}
	})
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 300 {
				path, x := "/"+number((i+worker)%5), number(i%3)
				resp, err := b.Serve(b.request("GET "+path, "X: "+x))
				if err != nil {
					t.Error(err)
					return
				}
				if body := string(resp.Whole); body != path+x {
					t.Errorf("%q for %s %s", body, path, x)
				}
				resp.Body.CloseWithError(nil)
				if i%50 == 0 {
					b.clock.advance(700 * time.Millisecond)
					_, _ = b.PurgeURL("http://example.com" + path)
				}
			}
		})
	}
	all.Wait()
}

// slowLook is a store in which something happens between a look that finds nothing and what follows from it.
type slowLook struct {
	Storage
	once   sync.Once
	before func()
}

func (s *slowLook) GetBytes(key []byte) (*store.Item, bool) {
	item, ok := s.Storage.GetBytes(key)
	s.once.Do(s.before)
	return item, ok
}

// A request that has looked before the answer was stored, and comes to wait after everybody has gone, asks nobody.
func TestStampede_TooLateToWait(t *testing.T) {
	b := newBench(t, defaults(), always(fresh, "x"))
	look := &slowLook{Storage: b.deps.Store}
	look.before = func() {
		b.deps.Store = look.Storage
		b.do(t, "GET /")
		b.deps.Store = look
	}
	b.deps.Store = look
	b.expect(t, b.do(t, "GET /"), "hit; ttl=60", 1)
}
