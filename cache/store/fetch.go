package store

import (
	"context"
	"errors"

	"github.com/redis/rueidis"
)

// candidate is an item as Redis has it, before its tags were looked at.
type candidate struct {
	entry    *entry
	versions []string // of its tags; none without an entry
	ticket   ticket
}

// fetch asks Redis for keys and stores what it gets in memory. What is not there, or cannot be had in time, is nil.
func (s *Store) fetch(keys []string) []*entry {
	entries := make([]*entry, len(keys))
	if !s.remote.up.Load() {
		return entries
	}
	candidates := make([]candidate, len(keys))
	commands := make(rueidis.Commands, len(keys))
	for i, key := range keys {
		candidates[i].ticket = s.take(key)
		commands[i] = s.remote.client.B().Get().Key(s.names.items + key).Build()
	}
	_ = s.call(func(ctx context.Context) error {
		for i, answer := range s.remote.client.DoMulti(ctx, commands...) {
			candidates[i].entry, candidates[i].versions = s.decode(keys[i], answer)
		}
		s.dropPurged(ctx, candidates)
		return nil
	})
	for i := range candidates {
		if c := &candidates[i]; c.entry != nil {
			s.keepRead(c.ticket, c.entry)
			entries[i] = c.entry
			s.fetched.Add(1)
		}
	}
	return entries
}

// decode reads an answer. nil: there is nothing that this store can use.
func (s *Store) decode(key string, answer rueidis.RedisResult) (*entry, []string) {
	data, err := answer.AsBytes()
	var refusal *rueidis.RedisError
	if errors.As(err, &refusal) && codeOf(refusal) == "WRONGTYPE" {
		s.foreign.Add(1)
		return nil, nil
	}
	if s.remote.failed(err) || err != nil {
		return nil, nil
	}
	item, versions, err := parseEnvelope(data)
	if err != nil {
		s.foreign.Add(1)
		return nil, nil
	}
	if item.expired(s.options.Now()) {
		return nil, nil
	}
	e, err := s.newEntry(key, item)
	if err != nil {
		if !errors.Is(err, ErrTooLarge) {
			s.foreign.Add(1)
		}
		return nil, nil
	}
	return e, versions
}

// dropPurged asks for the versions of all tags at once and drops the items whose tags were purged. Because it asks after it
// has the items, a purge that ended before the items were read is seen.
func (s *Store) dropPurged(ctx context.Context, candidates []candidate) {
	var names []string
	for i := range candidates {
		if e := candidates[i].entry; e != nil {
			for _, tag := range e.item.Tags {
				names = append(names, s.names.versions+tag)
			}
		}
	}
	if len(names) == 0 {
		return
	}
	answers, err := s.remote.client.Do(ctx, s.remote.client.B().Mget().Key(names...).Build()).ToArray()
	usable := !s.remote.failed(err) && len(answers) == len(names)
	at := 0
	for i := range candidates {
		for _, version := range candidates[i].versions {
			if !usable || !same(&answers[at], version) {
				candidates[i].entry = nil
			}
			at++
		}
	}
}

func same(answer *rueidis.RedisMessage, version string) bool {
	text, err := answer.ToString()
	return err == nil && text == version
}
