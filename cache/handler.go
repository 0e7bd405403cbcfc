package cache

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"penknife/cache/store"
	"penknife/configs"
	"penknife/gateway"
)

// Storage is where answers are kept: a store.Store whose Options.View is View.
type Storage interface {
	GetBytes(key []byte) (*store.Item, bool)
	Local(key []byte) (*store.Item, bool)
	Set(key string, item *store.Item) error
	Delete(key string) (bool, error)
	PurgePrefix(prefix string) (int, error)
	PurgeTag(tag string) (int, error)
	Clear() error
	Announce(what string)
	Settle() bool
	Top(n int) []store.Hot
	Stats() store.Stats
}

// Counter is told what happens. Its methods must not block.
type Counter interface {
	// Answered counts a request: what became of it is an Outcome; rule is the rule's place in cache.rules, from 1, or 0.
	// Age is that of an answer from the cache.
	Answered(outcome, rule int, age time.Duration)
	// Kept counts an answer of the application that could have been stored: reason is a Reason, 0 for one that was, of
	// so many bytes.
	Kept(reason int, bytes int64)
	// Invalidated counts entries that were removed because of an unsafe request, or purged.
	Invalidated(n int)
}

// Deps is what the handler gets from the composition root.
type Deps struct {
	Next    gateway.Handler // answers what the cache does not
	Store   Storage
	Blocks  bool             // the store may do I/O, and so does nothing for a caller that must not wait
	Counter Counter          // nil: nobody counts
	Now     func() time.Time // nil: time.Now
	Log     *slog.Logger     // nil: nobody reads
}

// Handler answers from the cache what it can and passes on the rest. Serve and the purging methods may be called from any
// goroutine; Shutdown once, when no request comes any more.
type Handler struct {
	deps     Deps
	settings atomic.Pointer[settings]

	flights   *flights
	passing   *passing
	purged    *purged
	visits    sync.Pool     // of *visit
	refreshes chan struct{} // of capacity cache.revalidations
	running   sync.WaitGroup
	closing   atomic.Bool

	hits, misses atomic.Uint64
}

var _ gateway.Handler = (*Handler)(nil)

// Purged takes note of a purge on another machine; it is store.Options.Purged. It does not block.
func (h *Handler) Purged(url string) {
	if url == "" {
		h.purged.markAll()
		return
	}
	h.purged.mark(url)
}

// View decodes what the handler stores; it is store.Options.View.
func View(value []byte) (any, error) { return decode(value) }

// New makes a Handler. It starts nothing.
func New(cfg configs.Cache, deps Deps) *Handler {
	if deps.Now == nil {
		deps.Now = time.Now
	}
	if deps.Counter == nil {
		deps.Counter = noCounter{}
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	h := &Handler{
		deps: deps, flights: newFlights(), passing: newPassing(deps.Now()), purged: newPurged(),
		refreshes: make(chan struct{}, max(cfg.Revalidations, 1)),
	}
	h.visits.New = func() any { return &visit{h: h} }
	h.Configure(cfg)
	return h
}

// Serve answers from the cache, or passes the request on. It blocks for the application, or for another request that
// fetches the same, unless Request.Later permits to answer later.
func (h *Handler) Serve(r *gateway.Request) (*gateway.Response, error) {
	switch string(r.Method) {
	case "GET", "HEAD":
		return h.visit(r).serve()
	case "OPTIONS", "TRACE", "PROPFIND", "REPORT", "SEARCH":
		return h.through(r, false)
	}
	return h.through(r, true)
}

// answered counts a request, as a hit or a miss if it is one of these. The store's own counts do not serve for that:
// one request looks into it up to four times.
func (h *Handler) answered(o Outcome, rule *rule, age time.Duration) {
	switch o {
	case Hit, HitStale, HitOnError, Collapsed:
		h.hits.Add(1)
	case Revalidated, Miss, Passed:
		h.misses.Add(1)
	}
	h.deps.Counter.Answered(int(o), rule.index, age)
}

// Shutdown waits until what is fetched in the background is over, or ctx ends. It is called when no request comes any
// more.
func (h *Handler) Shutdown(ctx context.Context) error {
	h.closing.Store(true)
	ended := make(chan struct{})
	// Ended by the end of the fetches: the application's answers, or its own end.
	go func() {
		h.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type noCounter struct{}

func (noCounter) Answered(int, int, time.Duration) {}
func (noCounter) Kept(int, int64)                  {}
func (noCounter) Invalidated(int)                  {}
