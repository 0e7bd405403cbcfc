package cache

import (
	"hash/maphash"
	"sync/atomic"
	"time"
)

// passingSlots is how many keys can be remembered at once; a new one takes the place of another.
const passingSlots = 1 << 13

// passing remembers for a while which keys have answers that cannot be cached, so that requests for them do not wait for
// each other. A slot is a part of the key's hash and the second since born in which it is forgotten. Two keys with the same hash
// are taken for each other, about once in 2^45 pairs: their requests do not wait, and nothing else happens.
type passing struct {
	seed  maphash.Seed
	born  time.Time
	slots [passingSlots]atomic.Uint64
}

func newPassing(now time.Time) *passing {
	return &passing{seed: maphash.MakeSeed(), born: now.Add(-time.Hour)} // so that 0 is long ago
}

func (p *passing) second(at time.Time) uint32 { return uint32(at.Sub(p.born) / time.Second) }

// place gives the slot for a key and the class of its requests, and what it has in the upper half.
func (p *passing) place(key []byte, class uint8) (*atomic.Uint64, uint64) {
	hash := maphash.Bytes(p.seed, key) + uint64(class)*0x9e3779b97f4a7c15
	return &p.slots[hash%passingSlots], hash &^ (1<<32 - 1)
}

func (p *passing) has(key []byte, class uint8, now time.Time) bool {
	slot, mark := p.place(key, class)
	value := slot.Load()
	return value&^(1<<32-1) == mark && uint32(value) > p.second(now)
}

func (p *passing) add(key []byte, class uint8, until time.Time) {
	slot, mark := p.place(key, class)
	slot.Store(mark | uint64(p.second(until)))
}

func (p *passing) remove(key []byte, class uint8) {
	slot, mark := p.place(key, class)
	if value := slot.Load(); value&^(1<<32-1) == mark {
		slot.CompareAndSwap(value, 0)
	}
}

// class separates requests whose answers are judged differently: with a cookie, with a user, with both.
func (a *asked) class() (class uint8) {
	if a.cookie != nil {
		class = 1
	}
	if a.hasUser {
		class |= 2
	}
	return class
}
