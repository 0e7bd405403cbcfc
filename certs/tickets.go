package certs

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"
)

// How long a key makes tickets, and how long it takes them: those of crypto/tls. A ticket is good for a week (RFC 8446
// section 4.6.1).
const (
	ticketTurn = 24 * time.Hour
	ticketLife = 7 * 24 * time.Hour
)

// keySize is what crypto/tls wants.
const keySize = 32

// Tickets are the keys by which clients resume TLS sessions. All listeners share them, reloads do not touch them, and a
// successor gets them (Export, Import). They are never on disk.
type Tickets struct {
	mu     sync.Mutex
	keys   []ticketKey // latest first
	number uint64
}

// ticketKey is as a successor learns it.
type ticketKey struct {
	Key  [keySize]byte
	Made time.Time
}

// NewTickets makes the first key.
func NewTickets(now time.Time) *Tickets {
	t := &Tickets{}
	t.turn(now)
	return t
}

// Keys gives the keys, first that for new tickets, and a number that changes with them. It makes a new key when the latest
// is a day old.
func (t *Tickets) Keys(now time.Time) (keys [][keySize]byte, number uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.keys {
		if t.keys[i].Made.After(now) { // by a predecessor, before the clock was set back
			t.keys[i].Made = now
		}
	}
	if now.Sub(t.keys[0].Made) >= ticketTurn {
		t.turn(now)
	}
	for _, key := range t.keys {
		keys = append(keys, key.Key)
	}
	return keys, t.number
}

// turn makes a key and forgets those that are too old.
func (t *Tickets) turn(now time.Time) {
	key := ticketKey{Made: now}
	_, _ = rand.Read(key.Key[:]) // it never fails
	t.keys = slices.DeleteFunc(t.keys, func(k ticketKey) bool { return now.Sub(k.Made) >= ticketLife })
	t.keys = slices.Insert(t.keys, 0, key)
	t.number++
}

// Export gives the keys for a successor. It is a secret.
func (t *Tickets) Export() (json.RawMessage, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return json.Marshal(t.keys)
}

// Import takes the keys of a predecessor, if it is before the first Keys.
func (t *Tickets) Import(exported []byte, now time.Time) error {
	var keys []ticketKey
	if err := json.Unmarshal(exported, &keys); err != nil {
		return fmt.Errorf("ticket keys of the predecessor: %w", err)
	}
	keys = slices.DeleteFunc(keys, func(k ticketKey) bool { return now.Sub(k.Made) >= ticketLife || k.Made.After(now) })
	if len(keys) == 0 {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.keys = keys
	t.number++
	return nil
}
