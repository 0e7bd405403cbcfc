package cache

import (
	"strings"

	"penknife/configs"
)

// settings is what a reload can change. A request keeps those with which it began.
type settings struct {
	cfg     configs.Cache
	rules   ruleSet
	obey    bool     // directives of clients count
	strip   bool     // tags do not reach clients
	targets []string // in lower case
}

func newSettings(cfg configs.Cache) *settings {
	s := &settings{
		cfg: cfg, rules: newRuleSet(cfg), obey: cfg.RequestDirectives != configs.CacheIgnore, strip: cfg.Tags != configs.CacheKeep,
	}
	for _, target := range cfg.Targets {
		s.targets = append(s.targets, strings.ToLower(target))
	}
	return s
}

// Configure takes over another configuration for requests that come from now on: all of it but Enabled, Size and
// Revalidations. What is stored stays. It warns of rules that give up safety.
func (h *Handler) Configure(cfg configs.Cache) {
	h.settings.Store(newSettings(cfg))
	for _, r := range cfg.Rules {
		if r.StripSetCookie {
			h.deps.Log.Warn("cache: answers with Set-Cookie are stored without it, and sent to everybody", "path", r.Path,
				"key", "cache.rules.strip_set_cookie")
		}
		if r.WithCookies {
			h.deps.Log.Warn("cache: answers to requests with cookies are stored, and sent to everybody", "path", r.Path,
				"key", "cache.rules.with_cookies")
		}
	}
}
