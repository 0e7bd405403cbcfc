package store

import (
	"math"
	"strconv"
	"time"
)

// Add is Set for a key that has nothing. It tells whether it stored.
func (s *Store) Add(key string, item *Item) (added bool, err error) {
	e, err := s.newEntry(key, *item)
	if err != nil {
		return false, err
	}
	if s.remote != nil {
		if added, away := s.addShared(e); !away {
			return added, nil
		}
	}
	s.changeHeld(key, func(old *entry) *entry {
		if added = old == nil; added {
			return e
		}
		return old
	})
	return added, nil
}

// Incr adds to the decimal number under a key, of 64 bits with a sign, and gives the sum. Expiry and tags stay. It gives
// ErrMissing, ErrNotNumber or ErrOverflow, and the key is as it was.
func (s *Store) Incr(key string, delta int64) (sum int64, err error) {
	if s.remote != nil {
		if sum, away, err := s.incrShared(key, delta); !away {
			return sum, err
		}
	}
	s.changeHeld(key, func(old *entry) *entry {
		var fresh *entry
		if fresh, sum, err = s.sum(old, delta); err != nil {
			return old
		}
		return fresh
	})
	return sum, err
}

func (s *Store) sum(old *entry, delta int64) (*entry, int64, error) {
	if old == nil {
		return nil, 0, ErrMissing
	}
	number, err := parseNumber(old.item.Value)
	if err != nil {
		return nil, 0, err
	}
	if delta > 0 && number > math.MaxInt64-delta || delta < 0 && number < math.MinInt64-delta {
		return nil, 0, ErrOverflow
	}
	item := old.item
	item.View = nil
	item.Value = strconv.AppendInt(nil, number+delta, 10)
	fresh, err := s.newEntry(old.key, item)
	return fresh, number + delta, err
}

// parseNumber reads a number as Redis does: no sign but minus, no leading zero, no space.
func parseNumber(text []byte) (int64, error) {
	number, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || strconv.FormatInt(number, 10) != string(text) {
		return 0, ErrNotNumber
	}
	return number, nil
}

// Touch gives a key another time of expiry (zero: never; a past one removes it) and tells whether the key is there. ErrAway is
// the only error, and only for a removal.
func (s *Store) Touch(key string, expires time.Time) (there bool, err error) {
	if (&Item{Expires: expires}).expired(s.options.Now()) {
		return s.Delete(key)
	}
	if s.remote != nil {
		if there, away := s.touchShared(key, expires); !away {
			return there, nil
		}
	}
	s.changeHeld(key, func(old *entry) *entry {
		if old == nil {
			return nil
		}
		there = true
		fresh := &entry{key: old.key, item: old.item, cost: old.cost, epoch: old.epoch}
		fresh.item.Expires = expires
		return fresh
	})
	return there, nil
}

// changeHeld is local.change that takes what must not be given out for nothing.
func (s *Store) changeHeld(key string, decide func(old *entry) *entry) {
	s.local.change(key, func(old *entry) *entry { return decide(s.held(old, old != nil)) })
}
