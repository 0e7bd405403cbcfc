package admin

import (
	"fmt"
	"strings"

	"penknife/control"
)

// cacheView is the section about the response cache.
type cacheView struct {
	Summary, Full, FullLabel string
	Facts, Top               []fact
}

// cacheOf gives nil when there is no cache.
func cacheOf(c *control.CacheStats) *cacheView {
	if c == nil {
		return nil
	}
	part := float64(c.Bytes) / float64(max(c.Limit, 1))
	v := &cacheView{
		Summary: "no request yet", Full: fmt.Sprintf("%.1f", 100*min(part, 1)),
		FullLabel: size(c.Bytes) + " of " + size(c.Limit) + " in use",
		Facts: []fact{
			{"entries", grouped(uint64(max(c.Entries, 0)))}, {"in use", size(c.Bytes) + " of " + size(c.Limit)},
			{"hits", grouped(c.Hits)}, {"misses", grouped(c.Misses)},
		},
	}
	if asked := c.Hits + c.Misses; asked > 0 {
		v.Summary = percent(float64(c.Hits)/float64(asked)) + " hits"
	}
	if r := c.Redis; r != nil {
		v.Facts = append(v.Facts, fact{"redis", strings.TrimSpace(r.State + " " + r.Reason)})
	}
	for _, key := range c.Top {
		rate := float64(key.Hits) / float64(max(key.Hits+key.Fetches, 1))
		v.Top = append(v.Top, fact{key.URL, grouped(key.Hits) + " (" + percent(rate) + ")"})
	}
	return v
}
