package configs

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

var errWarmup = errors.New("write a path such as /health, or a URL such as https://example.org/health")

// ParseWarmup reads an entry of app.warmup: a path with an optional query, or a URL with http or https.
func ParseWarmup(text string) (*url.URL, error) {
	u, err := url.ParseRequestURI(text)
	if err != nil {
		return nil, fmt.Errorf("%q is no request: %w", text, errWarmup)
	}
	local := u.Scheme == "" && u.Host == "" && strings.HasPrefix(u.Path, "/") && !strings.HasPrefix(u.Path, "//")
	remote := (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil
	if !local && !remote || strings.ContainsAny(text, "# ") {
		return nil, fmt.Errorf("%q is no request: %w", text, errWarmup)
	}
	return u, nil
}

func (c *checker) warmup() {
	for i, text := range c.loaded.Config.App.Warmup {
		if _, err := ParseWarmup(text); err != nil {
			c.complain(fmt.Sprintf("app.warmup[%d]", i), "%v", err)
		}
	}
}
