package configs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

func (c *checker) cachePath() {
	seen := map[string]int{}
	for i, r := range c.loaded.Config.Cache.Rules {
		path := fmt.Sprintf("cache.rules[%d].path", i)
		switch {
		case r.Path == "":
			c.complain(path, "is missing: a rule needs a prefix such as /api/")
			continue
		case r.Path[0] != '/' || strings.Contains(r.Path, "//") || slices.Contains(strings.Split(r.Path, "/"), ".."):
			c.complain(path, "%q is not a path: write it from the first slash, as in /api/", r.Path)
		case strings.ContainsAny(r.Path, "?#%*\\\x00"):
			c.complain(path, "%q is compared with the beginning of decoded paths: write it without escapes, query, star or backslash", r.Path)
		}
		prefix := strings.TrimRight(r.Path, "/")
		if first, twice := seen[prefix]; twice {
			c.complain(path, "%s is taken by cache.rules[%d]", r.Path, first)
		}
		seen[prefix] = i
	}
}

func (c *checker) cacheStatusTTL() {
	for i, r := range c.loaded.Config.Cache.Rules {
		for status, text := range r.StatusTTL {
			path := fmt.Sprintf("cache.rules[%d].status_ttl.%s", i, status)
			code, err := strconv.Atoi(status)
			if err != nil || code < 200 || code > 599 || code == 206 || code == 304 {
				c.complain(path, "is no status whose answer could be stored: write one from 200 to 599, not 206 or 304")
			}
			if ttl, err := ParseDuration(text); err != nil {
				c.complain(path, "%v", err)
			} else if ttl <= 0 {
				c.complain(path, "must be longer than 0: leave the status out instead")
			}
		}
		if r.TTL < 0 || r.StaleIfError < 0 || r.StaleWhileRevalidate < 0 {
			c.complain(fmt.Sprintf("cache.rules[%d]", i), "a time cannot be negative")
		}
	}
}

// cacheNames checks what is compared with names of fields, cookies and parameters.
func (c *checker) cacheNames() {
	for i, name := range c.loaded.Config.Cache.Targets {
		if !isToken(name) {
			c.complain(fmt.Sprintf("cache.targets[%d]", i), "%q cannot be the name of a header field", name)
		}
	}
	c.cacheWords("cache.ignore_query", c.loaded.Config.Cache.IgnoreQuery)
	for i, r := range c.loaded.Config.Cache.Rules {
		entry := fmt.Sprintf("cache.rules[%d].", i)
		for _, list := range []struct {
			key   string
			names []string
		}{{"bypass_headers", r.BypassHeaders}, {"key_headers", r.KeyHeaders}, {"key_cookies", r.KeyCookies}} {
			for _, name := range list.names {
				if !isToken(name) || strings.Contains(name, "*") {
					c.complain(entry+list.key, "%q cannot be a name here: write it as it is sent, without a star", name)
				}
			}
		}
		c.cacheWords(entry+"bypass_cookies", r.BypassCookies)
		c.cacheWords(entry+"bypass_query", r.BypassQuery)
		c.cacheWords(entry+"key_query", r.KeyQuery)
		c.cacheWords(entry+"ignore_query", r.IgnoreQuery)
	}
}

// cacheWords checks names that may end in a star.
func (c *checker) cacheWords(path string, names []string) {
	for _, name := range names {
		if name == "" || strings.Contains(strings.TrimSuffix(name, "*"), "*") || strings.ContainsAny(name, " ;,=&?#\x00") {
			c.complain(path, "%q cannot be a name: write it as it is sent; a star may stand at its end", name)
		}
	}
}
