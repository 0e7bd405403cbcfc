package store

import (
	"context"
	"errors"
)

// An item that was made from something old may be stored after that was purged: whoever makes one must know of purges that
// come meanwhile, on other machines too. A purge announces itself before it removes anything; who stores does it first, calls
// Settle, and then looks at what it was told. If the announcement came to Redis before the item, it has been told by then;
// if it came after, the purge finds the item.

// Announce tells Options.Purged of every other penknife with the same Redis and namespace; "" is everything. While Redis
// is away that is owed: when it is back, they are told "".
func (s *Store) Announce(what string) {
	r := s.remote
	if r == nil || r.oweIfAway(s.options.Namespace, owePurge, "") {
		return
	}
	if err := r.announce(context.Background(), s.names.purges+what); err != nil {
		r.failures.Add(1)
		r.owe(s.options.Namespace, owePurge, "", err)
	}
}

// announceFor is how long the key of an announcement stays at most, should its removal get lost; in milliseconds.
const announceFor = 10_000

// announce changes a key, which Redis tells the others, and leaves nothing there. Not in a script: of those it would tell us.
func (r *Remote) announce(ctx context.Context, key string) error {
	set := r.client.B().Set().Key(key).Value("").PxMilliseconds(announceFor).Build()
	del := r.client.B().Del().Key(key).Build()
	return r.ask(ctx, r.options.Timeout, func(ctx context.Context) error {
		var problems []error
		for _, answer := range r.client.DoMulti(ctx, set, del) {
			problems = append(problems, answer.Error())
		}
		return errors.Join(problems...)
	})
}

// Settle returns when Options.Purged has been told of everything that was announced before the call. It costs a question to
// Redis, because Redis tells of changes when it has answered what came together with them. False: nobody knows.
func (s *Store) Settle() bool {
	if !s.Asks() {
		return true
	}
	err := s.call(func(ctx context.Context) error {
		return s.remote.client.Do(ctx, s.remote.client.B().Ping().Build()).Error()
	})
	return !s.remote.failed(err)
}
