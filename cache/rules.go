package cache

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"penknife/configs"
)

// rule is what holds for the paths below a prefix, with what it inherits from the section.
type rule struct {
	index  int    // of the configuration's rules, from 1; 0 is what holds where no rule does
	prefix string // without a slash at its end
	stores bool

	ttl       time.Duration
	statusTTL map[int]time.Duration
	swr, sie  time.Duration
	maxObject int64

	bypassCookies, bypassQuery []pattern
	bypassHeaders              []string // names of variables
	keyCookies                 []string
	keyHeaders                 []string // names of variables
	keepQuery, dropQuery       []pattern

	withCookies, stripSetCookie bool
}

// ruleSet is all rules, the longest prefix first, and what holds elsewhere.
type ruleSet struct {
	list []*rule
	rest *rule
}

func newRuleSet(cfg configs.Cache) ruleSet {
	set := ruleSet{rest: newRule(cfg, configs.DefaultCacheRule(), 0)}
	for i, r := range cfg.Rules {
		set.list = append(set.list, newRule(cfg, r, i+1))
	}
	slices.SortStableFunc(set.list, func(a, b *rule) int { return len(b.prefix) - len(a.prefix) })
	return set
}

func newRule(cfg configs.Cache, c configs.CacheRule, index int) *rule {
	r := &rule{
		index: index, prefix: strings.TrimRight(c.Path, "/"), stores: c.Store,
		ttl: c.TTL, swr: c.StaleWhileRevalidate, sie: c.StaleIfError, maxObject: int64(c.MaxObject),
		bypassCookies: newPatterns(c.BypassCookies), bypassQuery: newPatterns(c.BypassQuery),
		bypassHeaders: variables(c.BypassHeaders), keyCookies: c.KeyCookies, keyHeaders: variables(c.KeyHeaders),
		keepQuery: newPatterns(c.KeyQuery), dropQuery: newPatterns(slices.Concat(cfg.IgnoreQuery, c.IgnoreQuery)),
		withCookies: c.WithCookies, stripSetCookie: c.StripSetCookie,
	}
	if r.ttl == 0 {
		r.ttl = cfg.DefaultTTL
	}
	if r.swr == 0 {
		r.swr = cfg.StaleWhileRevalidate
	}
	if r.sie == 0 {
		r.sie = cfg.StaleIfError
	}
	if r.maxObject == 0 {
		r.maxObject = int64(cfg.MaxObject)
	}
	for status, text := range c.StatusTTL {
		code, _ := strconv.Atoi(status) // configs has checked both
		if ttl, err := configs.ParseDuration(text); err == nil {
			if r.statusTTL == nil {
				r.statusTTL = map[int]time.Duration{}
			}
			r.statusTTL[code] = ttl
		}
	}
	return r
}

// variables gives the names that header fields have in a var block.
func variables(fields []string) []string {
	names := make([]string, len(fields))
	for i, field := range fields {
		names[i] = variableOf([]byte(field))
	}
	return names
}

// variableOf gives the name that a header field has in a var block.
func variableOf(field []byte) string {
	name := make([]byte, 0, len(field)+5)
	name = append(name, "HTTP_"...)
	for _, c := range field {
		switch {
		case c == '-':
			c = '_'
		case 'a' <= c && c <= 'z':
			c -= 0x20
		}
		name = append(name, c)
	}
	switch string(name) {
	case "HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH":
		return string(name[5:])
	}
	return string(name)
}

// of finds the rule for a path.
func (s *ruleSet) of(path []byte) *rule {
	for _, r := range s.list {
		n := len(r.prefix)
		if len(path) >= n && string(path[:n]) == r.prefix && (len(path) == n || path[n] == '/') {
			return r
		}
	}
	return s.rest
}

// bypasses says that a request goes past the cache.
func (r *rule) bypasses(a *asked, vars, query []byte) bool {
	if !r.stores {
		return true
	}
	for i := range r.bypassCookies {
		if a.hasCookie(r.bypassCookies[i]) {
			return true
		}
	}
	for _, name := range r.bypassHeaders {
		if fieldOf(vars, name) != nil {
			return true
		}
	}
	return r.bypassesQuery(query)
}

// implicitTTL is how long an answer is fresh of which the application says nothing; 0 is not at all.
func (r *rule) implicitTTL(status int) time.Duration {
	if ttl, there := r.statusTTL[status]; there {
		return ttl
	}
	switch status {
	case 200, 301, 308:
		return r.ttl
	}
	return 0
}
