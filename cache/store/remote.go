package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// RemoteOptions make a Remote.
type RemoteOptions struct {
	// URL is redis://, rediss:// (TLS) or unix://, with user, password and number of the database.
	URL string
	// Timeout bounds each operation that a caller waits for; purges of many keys take several.
	Timeout time.Duration
	Prefix  string // of all keys in Redis; penknifes with the same one share what they hold
	Log     *slog.Logger
}

// Remote is a Redis behind one or several stores. While it does not answer they work with what is in memory.
type Remote struct {
	options RemoteOptions
	address string // for people: without the password
	client  rueidis.Client
	scripts scripts
	stores  map[string]*Store // by namespace; set before Start

	// epoch is the present period; it changes whenever we may have missed that something was purged. An entry of a period
	// before floor is not given out.
	epoch, floor atomic.Uint64
	up           atomic.Bool // changed under mu

	mu      sync.Mutex // guards everything below; a leaf
	owed    map[string]*debts
	held    chan struct{} // nil unless changes wait for the end of an attempt, which closes it
	since   time.Time     // of the present state
	reason  error         // why it is away
	stopped bool

	failures, trips, invalidations atomic.Uint64
	strikes                        atomic.Int64 // failures in a row

	wake    chan struct{} // 1 place: it went away
	sweeps  sweeps
	cancel  context.CancelFunc // nil before Start
	workers sync.WaitGroup     // watcher and sweeper
}

// RemoteState is whether Redis is in use.
type RemoteState int

// The states.
const (
	Up   RemoteState = iota + 1
	Away             // memory only, until a probe succeeds
)

var remoteStates = [...]string{Up: "up", Away: "away"}

// String gives a word that is fit for a label.
func (s RemoteState) String() string {
	if s < Up || int(s) >= len(remoteStates) {
		return "unknown"
	}
	return remoteStates[s]
}

// RemoteStats is a Remote at one moment. The counters never go back.
type RemoteStats struct {
	State         RemoteState
	Since         time.Time // of State
	Address       string    // without the password
	Reason        string    // why it is away
	Owed          int       // changes that wait for its return
	Failures      uint64    // operations that failed or took too long
	Trips         uint64    // how often it went away
	Invalidations uint64    // keys that Redis told us to forget
}

var (
	errNotStarted = errors.New("not connected yet")
	errStopped    = errors.New("shut down")
	errLost       = errors.New("the connection was lost, or the database was flushed")
	errNoDial     = errors.New("only the watcher connects")
)

// NewRemote makes a Remote that is away. It does no I/O.
func NewRemote(o RemoteOptions) (*Remote, error) {
	r := &Remote{
		options: o, stores: map[string]*Store{}, owed: map[string]*debts{}, since: time.Now(), reason: errNotStarted,
		wake: make(chan struct{}, 1), sweeps: sweeps{wake: make(chan struct{}, 1)},
	}
	var err error
	if r.scripts, err = newScripts(); err != nil {
		return nil, fmt.Errorf("scripts for redis: %w", err)
	}
	r.epoch.Store(1)
	return r, r.newClient()
}

// Start connects and keeps watch until Shutdown. It waits for the first attempt, for a second at most, and an attempt that
// fails is logged and no error.
func (r *Remote) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	tried := make(chan struct{})
	// Both end when Shutdown cancels the context.
	r.workers.Go(func() { r.watch(ctx, tried) })
	r.workers.Go(func() { r.sweeps.run(ctx) })
	<-tried
}

// Shutdown ends the watch, closes the connection and waits for both. The stores go on in memory. Remote cannot be started
// again.
func (r *Remote) Shutdown(ctx context.Context) error {
	r.mu.Lock()
	r.stopped, r.reason = true, errStopped
	r.up.Store(false)
	r.mu.Unlock()
	if r.cancel != nil {
		r.cancel()
	}
	ended := make(chan struct{})
	// Ends with the two, which are cancelled, and with the client, which cuts its connection.
	go func() {
		defer close(ended)
		r.workers.Wait()
		r.client.Close()
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("watch of redis: %w", ctx.Err())
	}
}

// Stats looks at the state; it does no I/O.
func (r *Remote) Stats() RemoteStats {
	stats := RemoteStats{
		State: Away, Address: r.address, Failures: r.failures.Load(), Trips: r.trips.Load(),
		Invalidations: r.invalidations.Load(),
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	stats.Since = r.since
	if r.up.Load() {
		stats.State = Up
		return stats
	}
	if r.reason != nil {
		stats.Reason = r.reason.Error()
	}
	for _, d := range r.owed {
		stats.Owed += d.count
	}
	return stats
}

// names are the beginnings of the keys of a namespace in Redis. Changes of items and versions are told to everyone, those
// of the others are of no interest.
type names struct{ items, versions, members, purges string }

func (r *Remote) names(namespace string) names {
	shared := r.options.Prefix + ":" + namespace
	return names{items: shared + ":i:", versions: shared + ":t:", members: r.aside(namespace + ":m:"), purges: shared + ":p:"}
}

// aside names a key that is not watched.
func (r *Remote) aside(name string) string { return r.options.Prefix + "-aside:" + name }
