package store

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"time"

	"github.com/redis/rueidis"
)

// What a Store does when there is a Redis behind it. A method that gives away=true did nothing in Redis, and what it
// would have done is owed.

var errAnswer = errors.New("redis gave an answer that makes no sense")

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// call runs one operation that a caller waits for.
func (s *Store) call(operation func(context.Context) error) error {
	return s.remote.ask(context.Background(), s.remote.options.Timeout, operation)
}

// change runs an operation that changes a key. If it fails, nobody knows whether the change was made: the key is owed.
func (s *Store) change(key string, operation func(context.Context) error) (away bool) {
	r := s.remote
	if r.oweIfAway(s.options.Namespace, oweKey, key) {
		return true
	}
	if err := s.call(operation); err != nil {
		r.failures.Add(1)
		r.owe(s.options.Namespace, oweKey, key, err)
		return true
	}
	return false
}

// ttl gives milliseconds for Redis: 0 is none, and what expires is at least 1.
func (s *Store) ttl(expires time.Time) int64 {
	if expires.IsZero() {
		return 0
	}
	return max(expires.Sub(s.options.Now()).Milliseconds(), 1)
}

func (s *Store) setShared(e *entry) {
	if e.item.expired(s.options.Now()) {
		_, _ = s.deleteShared(e.key)
		return
	}
	t := s.take(e.key)
	away := s.change(e.key, func(ctx context.Context) error {
		if len(e.item.Tags) > 0 {
			_, err := s.put(e, false).Exec(ctx)
			return err
		}
		return s.remote.client.Do(ctx, s.plainSet(e)).Error()
	})
	if away {
		s.keepAway(e)
		return
	}
	s.keepWritten(t, e)
}

// keepAway stores what could not be shared.
func (s *Store) keepAway(e *entry) {
	e.epoch = s.remote.epoch.Load()
	s.stripe(e.key).Add(1)
	s.local.put(e)
}

// plainSet stores what has no tags.
func (s *Store) plainSet(e *entry) rueidis.Completed {
	set := s.remote.client.B().Set().Key(s.names.items + e.key).Value(rueidis.BinaryString(appendEnvelope(nil, &e.item)))
	if ttl := s.ttl(e.item.Expires); ttl > 0 {
		return set.PxMilliseconds(ttl).Build()
	}
	return set.Build()
}

// putCall is a run of put.lua.
type putCall struct {
	store *Store
	args  []string
}

func (s *Store) put(e *entry, onlyNew bool) putCall {
	version := make([]byte, versionSize)
	_, _ = rand.Read(version) // never fails
	nx := ""
	if onlyNew {
		nx = "nx"
	}
	args := []string{
		s.names.versions, s.names.members, s.names.items, e.key, itoa(s.ttl(e.item.Expires)), nx, string(version),
		string(appendStart(nil, &e.item)), rueidis.BinaryString(e.item.Value),
	}
	return putCall{store: s, args: append(args, e.item.Tags...)}
}

// Exec tells whether it stored.
func (p putCall) Exec(ctx context.Context) (stored bool, err error) {
	r := p.store.remote
	n, err := r.scripts.put.Exec(ctx, r.client, []string{p.store.names.items + p.args[3]}, p.args).AsInt64()
	return n == 1, err
}

func (s *Store) addShared(e *entry) (added, away bool) {
	t := s.take(e.key)
	away = s.change(e.key, func(ctx context.Context) (err error) {
		added, err = s.put(e, true).Exec(ctx)
		return err
	})
	switch {
	case away:
	case added:
		s.keepWritten(t, e)
	default:
		s.forget(e.key)
	}
	return added, away
}

func (s *Store) incrShared(key string, delta int64) (sum int64, away bool, err error) {
	away = s.change(key, func(ctx context.Context) error {
		answer, e := s.remote.scripts.incr.Exec(ctx, s.remote.client, []string{s.names.items + key},
			[]string{s.names.versions, itoa(delta), s.remote.aside("scratch")}).ToArray()
		if e != nil {
			return e
		}
		sum, err, e = readSum(answer)
		return e
	})
	if !away {
		s.forget(key)
	}
	return sum, away, err
}

// readSum reads the answer of incr.lua: the sum, or what is wrong with the key, or what is wrong with the answer.
func readSum(answer []rueidis.RedisMessage) (sum int64, result, broken error) {
	if len(answer) == 0 {
		return 0, nil, errAnswer
	}
	kind, err := answer[0].AsInt64()
	switch {
	case err != nil:
		return 0, nil, err
	case kind == 0:
		return 0, ErrMissing, nil
	case kind == 1:
		return 0, ErrNotNumber, nil
	case kind == 2:
		return 0, ErrOverflow, nil
	case len(answer) < 2:
		return 0, nil, errAnswer
	}
	text, err := answer[1].ToString()
	if err != nil {
		return 0, nil, err
	}
	sum, err = strconv.ParseInt(text, 10, 64)
	return sum, nil, err
}

func (s *Store) touchShared(key string, expires time.Time) (there, away bool) {
	start := appendStart(nil, &Item{Expires: expires})
	away = s.change(key, func(ctx context.Context) error {
		n, err := s.remote.scripts.touch.Exec(ctx, s.remote.client, []string{s.names.items + key},
			[]string{s.names.versions, s.names.members, string(start[12:20]), itoa(s.ttl(expires))}).AsInt64()
		there = n == 1
		return err
	})
	if !away {
		s.forget(key)
	}
	return there, away
}

func (s *Store) deleteShared(key string) (was, away bool) {
	away = s.change(key, func(ctx context.Context) error {
		n, err := s.remote.scripts.remove.Exec(ctx, s.remote.client, []string{s.names.items + key},
			[]string{s.names.versions}).AsInt64()
		was = n == 1
		return err
	})
	local := s.forget(key)
	if away {
		was = local
	}
	return was, away
}

// purgeTimeout bounds a purge of many keys; each of its steps has connectTimeout.
const purgeTimeout = 30 * time.Second

// purgeShared runs a purge in Redis; forget is the same in memory, before, so that nothing old is given out here, and
// after, for what was read meanwhile.
func (s *Store) purgeShared(debt debtKind, text string, purge func(context.Context) (int, error), forget func() int) (int, error) {
	n := forget()
	r := s.remote
	if r.oweIfAway(s.options.Namespace, debt, text) {
		return n, ErrAway
	}
	ctx, cancel := context.WithTimeout(context.Background(), purgeTimeout)
	defer cancel()
	removed, err := purge(ctx)
	if err != nil {
		r.failures.Add(1)
		r.owe(s.options.Namespace, debt, text, err)
		return n + forget(), ErrAway
	}
	forget()
	return removed, nil
}

// forgetPrefix removes what begins like that from memory, and sees to it that nothing that is being read now stays.
func (s *Store) forgetPrefix(prefix string) int {
	for i := range s.guard.keys {
		s.guard.keys[i].Add(1)
	}
	return s.local.removePrefix(prefix)
}
