package store

import (
	"strconv"
	"sync"
	"testing"

	"penknife/internal/testkit"
)

// heard is what a node was told.
type heard struct {
	mu   sync.Mutex
	list map[string]bool
}

func (h *heard) add(what string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list[what] = true
}

func (h *heard) has(what string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.list[what]
}

func newListener(t testing.TB, redis *testkit.Redis) (*node, *heard) {
	t.Helper()
	h := &heard{list: map[string]bool{}}
	n := newNode(t, redis.URL(), func(o *Options) { o.Purged = h.add })
	n.awaitState(t, Up)
	return n, h
}

// What one announces, the other one has been told when it has settled; each time, not only soon.
func TestAnnounce_HeardBySettle(t *testing.T) {
	redis := testkit.StartRedis(t)
	a, ofA := newListener(t, redis)
	b, ofB := newListener(t, redis)
	for i := range 500 {
		what := "http://example.com/" + strconv.Itoa(i)
		a.Announce(what)
		if !b.Settle() || !ofB.has(what) {
			t.Fatalf("%s was not heard", what)
		}
		if ofA.has(what) {
			t.Fatalf("who announces hears itself")
		}
	}
	if keys := redis.CLI(t, "keys", "*"); keys != "pk-aside:run" {
		t.Errorf("left in redis: %s", keys)
	}
}

// What may have been missed counts as everything; what could not be announced is made up for.
func TestAnnounce_WhileRedisIsAway(t *testing.T) {
	redis := testkit.StartRedis(t)
	a, ofA := newListener(t, redis)
	b, ofB := newListener(t, redis)
	b.Settle()
	redis.Kill(t)
	a.awaitState(t, Away)
	b.awaitState(t, Away)
	for _, h := range []*heard{ofA, ofB} {
		h.mu.Lock()
		delete(h.list, "")
		h.mu.Unlock()
	}
	a.Announce("http://example.com/")
	if !a.Settle() {
		t.Error("nothing can be heard while Redis is away, and that is no failure")
	}
	if n := a.remote.Stats().Owed; n != 1 {
		t.Errorf("%d changes are owed", n)
	}
	redis.Start(t)
	a.awaitState(t, Up)
	b.awaitState(t, Up)
	if !ofA.has("") || !ofB.has("") {
		t.Error("what may have been missed counts as nothing")
	}
}
