package cache

import (
	"sync/atomic"
	"testing"
	"time"

	"penknife/cache/store"
	"penknife/gateway"
)

// remote is a store whose I/O happens when the gate is open.
type remote struct {
	Storage
	gate atomic.Pointer[chan struct{}]
}

func (r *remote) close() (open func()) {
	gate := make(chan struct{})
	r.gate.Store(&gate)
	return func() { close(gate) }
}

func (r *remote) GetBytes(key []byte) (*store.Item, bool) {
	<-*r.gate.Load()
	return r.Storage.GetBytes(key)
}

func (r *remote) Set(key string, item *store.Item) error {
	<-*r.gate.Load()
	return r.Storage.Set(key, item)
}

func (r *remote) Delete(key string) (bool, error) {
	<-*r.gate.Load()
	return r.Storage.Delete(key)
}

// A front end that must not wait never does: not for a miss, not for a stale answer, not for what an unsafe request removes.
func TestBlockingStore_NeverHoldsTheFrontEnd(t *testing.T) {
	b := newBench(t, defaults(), always("Cache-Control: max-age=60, stale-while-revalidate=60", "x"))
	far := &remote{Storage: b.deps.Store}
	b.deps.Store, b.deps.Blocks = far, true
	ask := func(line string) got {
		t.Helper()
		r := b.request(line)
		answers := make(chan got, 1)
		r.Later = func(resp *gateway.Response, err error) {
			if err != nil {
				t.Error(err)
			}
			answers <- take(r, resp)
		}
		open := far.close()
		returned := make(chan struct{})
		go func() { // ends when Serve returns, which it must while there is no I/O
			defer close(returned)
			if resp, err := b.Serve(r); err == nil {
				answers <- take(r, resp)
			}
		}()
		select {
		case <-returned:
		case <-time.After(10 * time.Second):
			t.Errorf("%s waits for the store", line)
		}
		open()
		return <-answers
	}
	b.expect(t, ask("GET /"), "fwd=uri-miss; stored", 1)
	b.expect(t, ask("GET /"), "hit; ttl=60", 1)
	b.clock.advance(70 * time.Second)
	if g := ask("GET /"); g.body != "x" || g.field("Age") != "70" {
		t.Errorf("%+v", g)
	}
	ask("POST /")
}
