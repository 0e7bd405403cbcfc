package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/rueidis"
)

// What the watcher and purges do in Redis with many keys at a time, in steps that hold nobody up.

const (
	scanStep  = 1000 // keys that one SCAN looks at
	purgeStep = 500  // members of a tag that one script looks at
)

// globSpecial are the characters that SCAN MATCH takes for more than themselves.
var globEscape = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`)

// scanAway removes every key that begins like that. Keys that come while it runs may stay.
func (r *Remote) scanAway(ctx context.Context, prefix string) (removed int, err error) {
	cursor := uint64(0)
	for {
		var step rueidis.ScanEntry
		command := r.client.B().Scan().Cursor(cursor).Match(globEscape.Replace(prefix) + "*").Count(scanStep).Build()
		err := r.ask(ctx, connectTimeout, func(ctx context.Context) error {
			var err error
			step, err = r.client.Do(ctx, command).AsScanEntry()
			return err
		})
		if err != nil {
			return removed, err
		}
		n, err := r.unlink(ctx, step.Elements)
		removed += n
		if err != nil || step.Cursor == 0 {
			return removed, err
		}
		cursor = step.Cursor
	}
}

func (r *Remote) unlink(ctx context.Context, keys []string) (removed int, err error) {
	if len(keys) == 0 {
		return 0, nil
	}
	command := r.client.B().Unlink().Key(keys...).Build()
	err = r.ask(ctx, connectTimeout, func(ctx context.Context) error {
		n, err := r.client.Do(ctx, command).AsInt64()
		removed = int(n)
		return err
	})
	return removed, err
}

// removeAll empties a namespace and tells how many items there were.
func (r *Remote) removeAll(ctx context.Context, namespace string) (items int, err error) {
	n := r.names(namespace)
	if items, err = r.scanAway(ctx, n.items); err != nil {
		return items, err
	}
	for _, prefix := range []string{n.versions, n.members} {
		if _, err := r.scanAway(ctx, prefix); err != nil {
			return items, err
		}
	}
	return items, nil
}

// removeTag makes the items of a tag dead with its first step, and removes them with all of its steps.
func (r *Remote) removeTag(ctx context.Context, namespace, tag string) (removed int, err error) {
	n := r.names(namespace)
	limit := 0 // of steps: members that come meanwhile must not keep it going
	for step := 0; step <= limit; step++ {
		var counts []int64
		err := r.ask(ctx, connectTimeout, func(ctx context.Context) error {
			var err error
			counts, err = r.scripts.purgeTag.Exec(ctx, r.client, []string{n.versions + tag, n.members + tag},
				[]string{n.items, tag, itoa(purgeStep)}).AsIntSlice()
			return err
		})
		if err != nil {
			return removed, err
		}
		if len(counts) != 2 {
			return removed, errAnswer
		}
		removed += int(counts[0])
		if step == 0 {
			limit = int(counts[1])/purgeStep + 1
		}
		if counts[1] == 0 {
			break
		}
	}
	return removed, nil
}

// pay makes up for what a namespace is owed.
func (r *Remote) pay(ctx context.Context, namespace string, d *debts) error {
	n := r.names(namespace)
	if err := r.announce(ctx, n.purges); err != nil {
		return err
	}
	if d.all {
		_, err := r.removeAll(ctx, namespace)
		return err
	}
	for tag := range d.texts[oweTag] {
		if _, err := r.removeTag(ctx, namespace, tag); err != nil {
			return err
		}
	}
	for prefix := range d.texts[owePrefix] {
		if _, err := r.scanAway(ctx, n.items+prefix); err != nil {
			return err
		}
	}
	var keys []string
	for key := range d.texts[oweKey] {
		if keys = append(keys, n.items+key); len(keys) == scanStep {
			if _, err := r.unlink(ctx, keys); err != nil {
				return err
			}
			keys = keys[:0]
		}
	}
	_, err := r.unlink(ctx, keys)
	return err
}

// runID names the run of the Redis process. Empty: this Redis does not tell.
func (r *Remote) runID(ctx context.Context) (string, error) {
	info, err := r.text(ctx, r.client.B().Info().Section("server").Build())
	var refusal *rueidis.RedisError
	if errors.As(err, &refusal) && codeOf(refusal) == "NOPERM" {
		return "", nil
	}
	for line := range strings.Lines(info) {
		if id, ok := strings.CutPrefix(strings.TrimSpace(line), "run_id:"); ok {
			return id, nil
		}
	}
	return "", err
}

// codeOf gives the first word of an error of Redis, which is its kind.
func codeOf(err *rueidis.RedisError) string {
	code, _, _ := strings.Cut(err.Error(), " ")
	return code
}

// withRemedy adds what to do about a refusal of Redis whose own text does not say it.
func withRemedy(reason error) error {
	var refusal *rueidis.RedisError
	if !errors.As(reason, &refusal) {
		return reason
	}
	switch codeOf(refusal) {
	case "OOM":
		return fmt.Errorf("%w (it is full: set its maxmemory-policy to allkeys-lru)", reason)
	case "NOAUTH", "WRONGPASS":
		return fmt.Errorf("%w (cache.redis or $PENKNIFE_CACHE_REDIS needs its password: redis://:PASSWORD@HOST:PORT/DB)", reason)
	}
	return reason
}
