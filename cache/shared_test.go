package cache

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"penknife/cache/store"
	"penknife/internal/testkit"
)

// newSharedBench is newBench with a Redis.
func newSharedBench(t testing.TB, redis *testkit.Redis, answer func(call int, vars map[string]string) reply) *bench {
	t.Helper()
	remote, err := store.NewRemote(store.RemoteOptions{
		URL: redis.URL(), Timeout: 5 * time.Second, Prefix: "pk", Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, defaults(), answer)
	kept, err := store.New(store.Options{
		Namespace: "http", Limit: 16 << 20, LimitName: "cache.size", View: View, Now: b.clock.now, Remote: remote, Purged: b.Purged,
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	b.deps.Store, b.deps.Blocks = kept, true
	remote.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := remote.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	return b
}

// What is purged on one machine while the application of another one makes an answer is not stored by that answer.
func TestPurge_WhileTheApplicationOfAnotherAnswers(t *testing.T) {
	redis := testkit.StartRedis(t)
	for name, purge := range map[string]func(*bench) error{
		"url":    func(b *bench) error { _, err := b.PurgeURL("http://example.com/url"); return err },
		"prefix": func(b *bench) error { _, err := b.PurgePrefix("http://example.com/pre"); return err },
		"tag":    func(b *bench) error { _, err := b.PurgeTag("t"); return err },
		"all":    func(b *bench) error { _, err := b.PurgeAll(); return err },
		"post":   func(b *bench) error { <-b.later(t, "POST /post"); return nil },
	} {
		gate := make(chan struct{})
		a := newSharedBench(t, redis, always("", ""))
		b := newSharedBench(t, redis, func(call int, _ map[string]string) reply {
			if call == 1 {
				return reply{fields: fresh + "; Cache-Tag: t", body: "old", gate: gate}
			}
			return reply{fields: fresh, body: "new"}
		})
		list := b.start(t, 1, "GET /"+name)
		testkit.Eventually(t, 10*time.Second, func() error { return b.called(1) })
		if err := purge(a); err != nil {
			t.Fatal(err)
		}
		close(gate)
		<-list[0]
		if g := b.do(t, "GET /"+name); g.body != "new" {
			t.Errorf("%s: the old answer was stored: %+v", name, g)
		}
		b.expect(t, b.do(t, "GET /"+name), "hit; ttl=60", 2)
	}
}
