package server

import (
	"context"
	"io"
	"log/slog"
	"math"
	"os"

	"golang.org/x/sys/unix"

	"penknife/cache/store"
	"penknife/configs"
	"penknife/metrics"
)

// itemCache is what the caches have, in memory that only the two processes of an upgrade can reach.
const itemCache = "cache"

// storage is where both caches keep what they have: in memory, with a Redis behind it or a snapshot on disk.
type storage struct {
	log      *slog.Logger
	remote   *store.Remote // nil without Redis
	snapshot string        // empty: none
	stores   []*store.Store

	inherited *os.File // of the predecessor; nil: nothing
}

func newStorage(cfg configs.Cache, set *metrics.Set, log *slog.Logger) (*storage, error) {
	s := &storage{log: log, snapshot: cfg.Snapshot}
	if cfg.Redis == "" {
		return s, nil
	}
	var err error
	s.remote, err = store.NewRemote(store.RemoteOptions{
		URL: cfg.Redis, Timeout: cfg.RedisTimeout, Prefix: cfg.RedisPrefix, Log: log,
	})
	if err != nil {
		return nil, err
	}
	set.WatchRedis(func() metrics.Redis {
		now := s.remote.Stats()
		return metrics.Redis{
			Up: now.State == store.Up, Owed: now.Owed, Failures: now.Failures, Absences: now.Trips, Invalidations: now.Invalidations,
		}
	})
	return s, nil
}

// open makes a store. It is called before the stage starts.
func (s *storage) open(o store.Options) (*store.Store, error) {
	o.Remote, o.Log = s.remote, s.log
	made, err := store.New(o)
	if err == nil {
		s.stores = append(s.stores, made)
	}
	return made, err
}

// bytes is what the stores hold in memory.
func (s *storage) bytes() (sum int64) {
	for _, one := range s.stores {
		sum += one.Bytes()
	}
	return sum
}

// stage fills the stores before anybody asks, and keeps what they have when nobody does any more. hasLeft tells whether a
// successor has it.
func (s *storage) stage(hasLeft func() bool) stage {
	return stage{name: "storage", start: func(context.Context) error {
		if s.remote != nil {
			s.remote.Start()
		}
		if s.snapshot != "" && len(s.stores) > 0 {
			store.LoadFile(s.snapshot, s.log, s.stores...)
		}
		return nil
	}, stop: func(ctx context.Context) error {
		if s.remote != nil {
			return s.remote.Shutdown(ctx)
		}
		if s.snapshot == "" || len(s.stores) == 0 || hasLeft() {
			return nil
		}
		if ctx.Err() != nil {
			s.log.Warn("no snapshot of the cache: the stop had no time for it", "file", s.snapshot)
			return nil
		}
		return store.SaveFile(s.snapshot, s.stores...)
	}}
}

// memory makes what the content is handed down in; nil if a successor needs none.
func (s *storage) memory() (*os.File, error) {
	if s.remote != nil || len(s.stores) == 0 {
		return nil, nil
	}
	fd, err := unix.MemfdCreate("penknife-cache", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "penknife-cache"), nil
}

// handDown writes the content for a successor that is about to serve, into what memory gave. The successor does not get to
// know what changes after that.
func (s *storage) handDown(to *os.File) {
	if to == nil {
		return
	}
	if err := store.SaveTo(to, s.stores...); err != nil {
		s.log.Warn("the successor's cache starts empty", "reason", err)
		_ = to.Truncate(0)
	}
}

// inherit reads what the predecessor has written before it said that it is our turn.
func (s *storage) inherit() {
	if s.inherited == nil {
		return
	}
	defer func() { _ = s.inherited.Close() }()
	if s.remote != nil {
		return // this one shares, the predecessor did not
	}
	// Its position is that of the predecessor, at the end.
	items, err := store.LoadFrom(io.NewSectionReader(s.inherited, 0, math.MaxInt64), s.stores...)
	if err != nil {
		s.log.Warn("the cache starts empty: what the predecessor left is refused", "reason", err)
		return
	}
	s.log.Info("the cache has what the predecessor had", "items", items)
}
