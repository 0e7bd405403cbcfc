package configs

import "time"

// Cache is the shared cache of responses in front of the application.
type Cache struct {
	Enabled   bool     `yaml:"enabled"`
	Size      ByteSize `yaml:"size"`
	MaxObject ByteSize `yaml:"max_object"`

	DefaultTTL           time.Duration `yaml:"default_ttl"`
	Heuristic            Percent       `yaml:"heuristic"`
	StaleWhileRevalidate time.Duration `yaml:"stale_while_revalidate"`
	StaleIfError         time.Duration `yaml:"stale_if_error"`
	KeepStale            time.Duration `yaml:"keep_stale"`

	Wait           time.Duration `yaml:"wait"`
	UncacheableFor time.Duration `yaml:"uncacheable_for"`
	Revalidations  int           `yaml:"revalidations"`

	RequestDirectives string   `yaml:"request_directives"` // obey or ignore
	Targets           []string `yaml:"targets"`
	Tags              string   `yaml:"tags"` // strip or keep
	IgnoreQuery       []string `yaml:"ignore_query"`

	Rules []CacheRule `yaml:"rules"`

	Redis        string        `yaml:"redis"` // for the application's cache too, as the rest is
	RedisTimeout time.Duration `yaml:"redis_timeout"`
	RedisPrefix  string        `yaml:"redis_prefix"`
	Snapshot     string        `yaml:"snapshot"`
}

// CacheRule is what an operator says about the paths below a prefix.
type CacheRule struct {
	Path  string `yaml:"path"`
	Store bool   `yaml:"store"` // false: nothing below Path is cached

	TTL                  time.Duration     `yaml:"ttl"`        // 0: Cache.DefaultTTL
	StatusTTL            map[string]string `yaml:"status_ttl"` // "404": "10s"
	StaleWhileRevalidate time.Duration     `yaml:"stale_while_revalidate"`
	StaleIfError         time.Duration     `yaml:"stale_if_error"`
	MaxObject            ByteSize          `yaml:"max_object"` // 0: Cache.MaxObject

	BypassCookies []string `yaml:"bypass_cookies"`
	BypassHeaders []string `yaml:"bypass_headers"`
	BypassQuery   []string `yaml:"bypass_query"`
	KeyCookies    []string `yaml:"key_cookies"`
	KeyHeaders    []string `yaml:"key_headers"`
	KeyQuery      []string `yaml:"key_query"`    // empty: all parameters
	IgnoreQuery   []string `yaml:"ignore_query"` // beside Cache.IgnoreQuery

	WithCookies    bool `yaml:"with_cookies"`
	StripSetCookie bool `yaml:"strip_set_cookie"`
}

// The words of cache.request_directives and cache.tags.
const (
	CacheObey   = "obey"
	CacheIgnore = "ignore"
	CacheStrip  = "strip"
	CacheKeep   = "keep"
)

// DefaultCacheRule gives an entry of cache.rules before anything was set.
func DefaultCacheRule() CacheRule { return CacheRule{Store: true} }

// defaultCache is the section before anything was set.
func defaultCache() Cache {
	return Cache{
		Size: 256 << 20, MaxObject: 1 << 20,
		KeepStale: time.Hour, Wait: 10 * time.Second, UncacheableFor: 10 * time.Second, Revalidations: 8,
		RequestDirectives: CacheObey, Tags: CacheStrip,
		RedisTimeout: DefaultRedisTimeout, RedisPrefix: "penknife",
	}
}

const patternsDoc = " A star at the end stands for any end."

// cacheDocs says what reflection cannot know about the keys of this file.
var cacheDocs = map[string]keyDoc{
	"cache.enabled": {doc: "Answer from a cache what the application permits to cache."},
	"cache.size": {flag: "cache", min: 1 << 20, max: 1 << 46, doc: "How much memory the cache may take, keys and header " +
		"fields included. `--cache` also sets `cache.enabled`."},
	"cache.max_object": {min: 1 << 10, max: 1 << 30, doc: "The longest body that is stored. A longer one passes through, and " +
		"its URL counts as not cacheable for `cache.uncacheable_for`."},
	"cache.default_ttl": {max: 366 * day, doc: "How long an answer with status 200, 301 or 308 is fresh if the application says " +
		"nothing about it (no Cache-Control, no Expires), for requests without Cookie and without Authorization. 0 is not at all."},
	"cache.heuristic": {max: 50, doc: "Without `default_ttl`: this part of the time since Last-Modified, up to a day, is " +
		"how long such an answer is fresh (RFC 9111 section 4.2.2). 0 is not at all."},
	"cache.stale_while_revalidate": {max: 366 * day, doc: "How long after its freshness an answer may still be sent while it is " +
		"fetched anew in the background, if the application does not say itself (RFC 5861)."},
	"cache.stale_if_error": {max: 366 * day, doc: "How long after its freshness an answer may be sent instead of an error 500, " +
		"502, 503 or 504, if the application does not say itself (RFC 5861)."},
	"cache.keep_stale": {max: 366 * day, doc: "How long after its freshness an answer is kept, so that the application may " +
		"confirm it with 304, and for clients that take it stale (max-stale)."},
	"cache.wait": {max: day, doc: "How long a request waits for another one that fetches the same from the application, at " +
		"most `workers.queue_timeout`. After that it asks the application itself."},
	"cache.uncacheable_for": {max: day, doc: "How long it is remembered that the answer for a URL cannot be cached, so that " +
		"requests for it do not wait for each other."},
	"cache.revalidations": {min: 1, max: 1024, doc: "How many answers are fetched anew in the background at the same time."},
	"cache.request_directives": {choices: []string{CacheObey, CacheIgnore}, doc: "Whether Cache-Control and Pragma of clients " +
		"count (RFC 9111 section 5.2.1). With `obey`, any client may have the application asked anew."},
	"cache.targets": {doc: "Fields that count before Cache-Control and Expires if the application sends them, such as " +
		"`[CDN-Cache-Control]`; the first one that is there (RFC 9213)."},
	"cache.tags": {choices: []string{CacheStrip, CacheKeep}, doc: "Whether Cache-Tag and Surrogate-Key are removed before the " +
		"client sees them, or kept for a cache in front of penknife."},
	"cache.ignore_query": {doc: "Query parameters that do not distinguish answers, such as `[utm_*, gclid]`. They are not in " +
		"the key of the cache; the application gets them as they came." + patternsDoc},
	"cache.rules": {doc: "What holds below a path, a list of mappings with the keys below. Of several the one with the " +
		"longest path counts, and no other."},
	"cache.rules.path":  {doc: "The prefix of the paths, such as `/api/`. It counts at a slash only. `/` is everything."},
	"cache.rules.store": {doc: "False: nothing below the path is cached."},
	"cache.rules.ttl":   {doc: "As `cache.default_ttl`, which counts if this is 0."},
	"cache.rules.status_ttl": {doc: "As `ttl` by status, such as `{404: 10s, 302: 1m}`; for answers of which the application " +
		"says nothing."},
	"cache.rules.stale_while_revalidate": {doc: "As `cache.stale_while_revalidate`, which counts if this is 0."},
	"cache.rules.stale_if_error":         {doc: "As `cache.stale_if_error`, which counts if this is 0."},
	"cache.rules.max_object":             {doc: "As `cache.max_object`, which counts if this is 0."},
	"cache.rules.bypass_cookies": {doc: "Names of cookies with which a request is neither answered from the cache nor its " +
		"answer stored." + patternsDoc},
	"cache.rules.bypass_headers": {doc: "Names of header fields with which a request goes past the cache."},
	"cache.rules.bypass_query":   {doc: "Names of query parameters with which a request goes past the cache." + patternsDoc},
	"cache.rules.key_cookies":    {doc: "Names of cookies whose values distinguish answers."},
	"cache.rules.key_headers":    {doc: "Names of header fields whose values distinguish answers, beside those of Vary."},
	"cache.rules.key_query": {doc: "The only query parameters that distinguish answers; `[]` is all of them. The application " +
		"gets all." + patternsDoc},
	"cache.rules.ignore_query": {doc: "As `cache.ignore_query`, beside it."},
	"cache.rules.with_cookies": {doc: "`ttl` and `status_ttl` count for requests with a Cookie too. Only for answers that are the same " +
		"for everybody: what the application makes for one user would be sent to all."},
	"cache.rules.strip_set_cookie": {doc: "Store answers with Set-Cookie, without that field. Only where the cookie means nothing: who " +
		"gets the answer from the cache gets no cookie, and what the application made for one visitor is sent to all. Without " +
		"it such an answer is never stored."},
}
