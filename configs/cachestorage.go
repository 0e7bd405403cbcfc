package configs

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// DefaultRedisTimeout is how long a request waits for Redis at most.
const DefaultRedisTimeout = 100 * time.Millisecond

// cacheStorageDocs says what reflection cannot know about the keys for where both caches keep what they have.
var cacheStorageDocs = map[string]keyDoc{
	"cache.redis": {doc: "The Redis (6 or later) that several penknifes share, for the response cache and for `penknife.cache`: " +
		"`redis://:PASSWORD@HOST:PORT/DB`, `rediss://` for TLS, or `unix:///PATH?db=DB`. Memory stays the first level. Empty: this penknife " +
		"only. See [cache.md](cache.md#storage)."},
	"cache.redis_timeout": {min: int64(time.Millisecond), max: int64(10 * time.Second), doc: "How long one operation waits for " +
		"Redis. After that it goes on with what is in memory, and Redis is left alone until it answers again."},
	"cache.redis_prefix": {doc: "How the names of all keys in Redis begin. Penknifes with the same one share what they have, so " +
		"each application needs its own."},
	"cache.snapshot": {doc: "A file that gets what both caches have when penknife stops, and that is read, and removed, when it " +
		"starts. Not with `cache.redis`. Empty: a new start begins empty."},
}

// redisQuery are the parameters that the URL of a Redis may have; the other ones of the client are ours to decide.
var redisQuery = map[string]bool{"db": true, "skip_verify": true}

func (c *checker) cacheRedis() {
	text := c.loaded.Config.Cache.Redis
	if text == "" {
		return
	}
	const path = "cache.redis"
	u, err := url.Parse(text)
	if err != nil { // its text would have the password
		c.complain(path, "is not a URL: write redis://:PASSWORD@HOST:PORT/DB, with %%-escapes in the password")
		return
	}
	database := strings.TrimPrefix(u.Path, "/")
	switch {
	case u.Scheme == "unix":
		database = ""
		if u.Host != "" || len(u.Path) < 2 {
			c.complain(path, "names no socket: write unix:///PATH")
		}
	case u.Scheme != "redis" && u.Scheme != "rediss":
		c.complain(path, "begins with %q: write redis://, rediss:// or unix://", u.Scheme)
	case u.Hostname() == "":
		c.complain(path, "names no host: write redis://HOST:PORT")
	}
	for name, values := range u.Query() {
		if !redisQuery[name] || len(values) != 1 {
			c.complain(path, "has the parameter %s: only db and skip_verify are permitted, once each", name)
		}
		if name == "db" {
			database = values[0]
		}
	}
	if n, err := strconv.Atoi(database); database != "" && (err != nil || n < 0) {
		c.complain(path, "%q is not the number of a database", database)
	}
}

var redisPrefix = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

func (c *checker) cachePrefix() {
	if text := c.loaded.Config.Cache.RedisPrefix; !redisPrefix.MatchString(text) {
		c.complain("cache.redis_prefix", "%q is not 1 to 64 letters, digits, dots, dashes and underscores", text)
	}
}

func (c *checker) cacheSnapshot() {
	name := c.loaded.Config.Cache.Snapshot
	if name == "" {
		return
	}
	const path = "cache.snapshot"
	if c.loaded.Config.Cache.Redis != "" {
		c.complain(path, "is not for what is in Redis, which stays there: remove one of cache.snapshot and cache.redis")
	}
	if info, err := os.Stat(filepath.Dir(name)); err != nil || !info.IsDir() {
		c.complain(path, "%s is not a directory", filepath.Dir(name))
	}
	if info, err := os.Lstat(name); err == nil && !info.Mode().IsRegular() {
		c.complain(path, "%s is not a regular file", name)
	}
}
