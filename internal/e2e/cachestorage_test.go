package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// soonPython waits until a piece of Python answers so: what another machine did arrives a moment later.
func soonPython(t testing.TB, s *testkit.Server, source, want string) {
	t.Helper()
	testkit.Eventually(t, 2*time.Second, func() error {
		if got, _ := python(t, s, source); got != want {
			return fmt.Errorf("%s\n%s, want %s", source, got, want)
		}
		return nil
	})
}

// TestCacheOfTwoOnOneRedis: what one penknife's application keeps and purges, the other one's sees.
func TestCacheOfTwoOnOneRedis(t *testing.T) {
	redis := testkit.StartRedis(t)
	options := testkit.Options{Processes: 2, Config: fmt.Sprintf("cache: {redis: '%s/1', redis_prefix: shop}\n", redis.URL())}
	a, b := serve(t, "evaluator:application", options), serve(t, "evaluator:application", options)
	expectPython(t, a, outcome("cache.set_many({'k': b'one', 'l': b'two'}, tags=['red'])"), "None")
	expectPython(t, b, outcome("cache.get_many(['k', 'l'])"), "{'k': b'one', 'l': b'two'}")
	expectPython(t, a, outcome("cache.set('k', b'new')"), "None")
	soonPython(t, b, outcome("cache.get('k')"), "b'new'")
	expectPython(t, b, outcome("cache.purge_tags('red')"), "1")
	soonPython(t, a, outcome("cache.get_many(['k', 'l'])"), "{'k': b'new'}")
	expectPython(t, a, outcome("cache.incr('n', initial=1)"), "1")
	expectPython(t, b, outcome("cache.incr('n')"), "2")
	expectPython(t, b, outcome("cache.add('n', b'')"), "False")
	expectPython(t, a, outcome("cache.clear()"), "None")
	soonPython(t, b, outcome("cache.get('n')"), "None")
	if keys := redis.CLI(t, "-n", "1", "keys", "*"); keys != "shop-aside:run" {
		t.Errorf("left in redis: %s", keys)
	}
}

// TestResponsesOfTwoOnOneRedis: an answer that one penknife stored is the other one's too, over every way in, and what one
// purges is gone for both, by URL, tag and prefix.
func TestResponsesOfTwoOnOneRedis(t *testing.T) {
	redis := testkit.StartRedis(t)
	options := testkit.Options{Processes: 2, Config: fmt.Sprintf("cache: {enabled: true, redis: '%s'}\n", redis.URL())}
	a, b := serve(t, "cacheable:application", options), serve(t, "cacheable:application", options)
	get := func(c testkit.Client, path string) string {
		t.Helper()
		answer := c.Do(t, testkit.Call{Target: path, Headers: []string{"Host: example.com"}})
		if answer.Status != 200 {
			t.Fatalf("%s: %d", path, answer.Status)
		}
		return string(answer.Body)
	}
	paths := []string{"/a/1", "/a/2", "/b"}
	fill := func() (bodies []string) {
		t.Helper()
		for _, path := range paths {
			body := get(testkit.HTTPClient(a.HTTP), path)
			for _, c := range append(a.Fronts(), b.Fronts()...) {
				if got := get(c, path); got != body {
					t.Errorf("%s has %q, the first one %q", c.Name, got, body)
				}
			}
			bodies = append(bodies, body)
		}
		return bodies
	}
	purge := func(arguments ...string) {
		t.Helper()
		code, output := testkit.Run(t, 30*time.Second, append([]string{"cache", "purge", "--uwsgi", "unix:" + b.Uwsgi}, arguments...)...)
		if code != 0 {
			t.Fatalf("purge %v: %d\n%s", arguments, code, output)
		}
	}
	for _, test := range []struct {
		arguments []string
		gone      []bool
	}{
		{[]string{"--url", "http://example.com/a/1"}, []bool{true, false, false}},
		{[]string{"--prefix", "http://example.com/a/"}, []bool{true, true, false}},
		{[]string{"--tag", "page-b"}, []bool{false, false, true}},
		{[]string{"--all"}, []bool{true, true, true}},
	} {
		before := fill()
		purge(test.arguments...)
		for i, path := range paths {
			testkit.Eventually(t, 2*time.Second, func() error {
				if now := get(testkit.HTTPClient(a.HTTP), path); (now != before[i]) != test.gone[i] {
					return fmt.Errorf("after purge %v, %s is %q; it was %q", test.arguments, path, now, before[i])
				}
				return nil
			})
		}
	}
	stats := func(want string) {
		t.Helper()
		testkit.Eventually(t, 5*time.Second, func() error {
			code, output := testkit.Run(t, 30*time.Second, "cache", "stats", "--uwsgi", "unix:"+b.Uwsgi)
			if code != 0 || !strings.Contains(output, "redis "+redis.URL()+" is "+want+" since") {
				return fmt.Errorf("cache stats: %d\n%s", code, output)
			}
			return nil
		})
	}
	stats("up")
	redis.Kill(t)
	stats("away")
	for _, c := range append(a.Fronts(), b.Fronts()...) {
		for _, path := range append(paths, "/none", "/new") {
			if body := get(c, path); !strings.HasPrefix(body, path+" ") {
				t.Errorf("%s without redis: %s gives %q", c.Name, path, body)
			}
		}
		c.Do(t, testkit.Call{Method: "POST", Target: "/a/1", Headers: []string{"Host: example.com"}}) // removes what is stored
	}
	for _, s := range []*testkit.Server{a, b} {
		if strings.Contains(s.Output(), "be removed") || strings.Count(s.Output(), "redis is away") != 1 {
			t.Error("the log has more than one line about redis")
		}
	}
}

// TestRedisGoesAndComes kills Redis and starts it again while clients ask: no request fails and none takes long.
func TestRedisGoesAndComes(t *testing.T) {
	redis := testkit.StartRedis(t)
	admin := testkit.FreeAddress(t)
	s := serve(t, "evaluator:application", testkit.Options{
		Processes: 2, Threads: 2, Leaves: channels(4), Config: fmt.Sprintf("cache: {redis: '%s'}\nadmin: {listen: '%s'}\n", redis.URL(), admin),
	})
	metric := func(want string) {
		t.Helper()
		testkit.Eventually(t, 10*time.Second, func() error {
			if body := string(testkit.HTTPClient(admin).Get(t, "/metrics").Body); !strings.Contains(body, "\n"+want+"\n") {
				return fmt.Errorf("no %s in /metrics", want)
			}
			return nil
		})
	}
	metric("penknife_cache_redis_up 1")
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for g := range 3 {
		clients.Go(func() {
			source := fmt.Sprintf("from penknife import cache\ncache.set('k%d', b'x')\ncache.get('k%d')\nanswer = 1\n", g, (g+1)%3)
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				begin := time.Now()
				answer, err := testkit.HTTPClient(s.HTTP).Try(testkit.Call{Method: "POST", Target: "/", Body: []byte(source)})
				if err != nil || answer.Status != 200 || time.Since(begin) > 3*time.Second {
					t.Errorf("request %d: %v, %d, %v\n%s", n, err, answer.Status, time.Since(begin), answer.Body)
					return
				}
			}
		})
	}
	for range 2 {
		redis.Kill(t)
		metric("penknife_cache_redis_up 0")
		redis.Start(t)
		metric("penknife_cache_redis_up 1")
	}
	close(stop)
	clients.Wait()
	if lines := strings.Count(s.Output(), "redis is away"); lines < 2 || lines > 6 {
		t.Errorf("%d lines about two absences", lines)
	}
}

// TestCacheSnapshot: a stop leaves a file, and the next start takes it.
func TestCacheSnapshot(t *testing.T) {
	path := filepath.Join(testkit.Dir(t), "cache.snapshot")
	options := testkit.Options{Config: "cache: {snapshot: '" + path + "'}\n"}
	first := serve(t, "evaluator:application", options)
	expectPython(t, first, outcome("cache.set('k', b'kept', tags='red', expire=3600)"), "None")
	if code := first.Terminate(t, testkit.Grace); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info, err)
	}
	second := serve(t, "evaluator:application", options)
	expectPython(t, second, outcome("cache.get('k')"), "b'kept'")
	expectPython(t, second, outcome("cache.purge_tags('red')"), "1")
	if _, err := os.Stat(path); err == nil {
		t.Error("the snapshot could be used twice")
	}
}

// TestUpgradeKeepsTheCache: the successor has what its predecessor had.
func TestUpgradeKeepsTheCache(t *testing.T) {
	options := testkit.Options{Successors: true, Binary: filepath.Join(testkit.Dir(t), "penknife")}
	install(t, testkit.Binary(t), options.Binary)
	v := &versioned{Server: serve(t, "evaluator:application", options)}
	t.Cleanup(func() { stopSuccessor(t, v) })
	expectPython(t, v.Server, outcome("cache.set_many({str(i): bytes(i) for i in range(2000)}, tags='red')"), "None")
	for range 2 {
		pid := v.status(t).PID
		v.upgrade(t)
		if now := v.status(t).PID; now == pid {
			t.Fatal("the same process")
		}
		expectPython(t, v.Server, outcome("sum(map(len, cache.get_many(str(i) for i in range(2000)).values()))"), "1999000")
	}
	expectPython(t, v.Server, outcome("cache.purge_tags('red')"), "2000")
}
