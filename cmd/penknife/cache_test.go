package main

import (
	"strings"
	"testing"

	"penknife/control"
)

func TestCachePurgeWantsExactlyOne(t *testing.T) {
	for _, line := range []string{"cache purge", "cache purge --all --tag a", "cache purge --url http://a/ --prefix http://a/"} {
		if o := execute(t, words(line), nil, nil); o.code != 2 || !strings.Contains(o.stderr, "exactly one of --url, --prefix, --tag and --all") {
			t.Errorf("%s: exit %d: %s", line, o.code, o.stderr)
		}
	}
	if o := execute(t, words("cache purge --all --control unix:/nowhere/c"), nil, nil); o.code != 1 || !strings.Contains(o.stderr, "no penknife answers") {
		t.Errorf("exit %d: %s", o.code, o.stderr)
	}
}

func TestCacheFlagMeansTheCache(t *testing.T) {
	o := execute(t, words("serve app --cache 1GiB"), nil, nil)
	if o.code != 0 || !o.served.Loaded.Config.Cache.Enabled || o.served.Loaded.Config.Cache.Size != 1<<30 {
		t.Errorf("exit %d: %s", o.code, o.stderr)
	}
	o = execute(t, words("serve app"), []string{"PENKNIFE_CACHE_SIZE=1GiB"}, nil)
	if o.code != 0 || o.served.Loaded.Config.Cache.Enabled {
		t.Errorf("a size in the environment switches the cache on, or exit %d", o.code)
	}
}

func TestPrintCacheStats(t *testing.T) {
	var b strings.Builder
	err := printCacheStats(&b, control.CacheStats{
		Entries: 2, Bytes: 2048, Limit: 1 << 20, Hits: 3, Misses: 1, Removed: map[string]uint64{"room": 4, "expired": 1},
		Top: []control.CacheTop{{URL: "http://a/", Variant: true, Hits: 2, Fetches: 2, Bytes: 1000}},
	})
	want := `2 entries, 2KiB of 1MiB
3 requests answered from the cache, 1 by the application (75.0 % found)
removed: 1 expired, 4 room

HITS  RATE    BYTES  URL
2     50.0 %  1000   http://a/ (variant)
`
	if err != nil || b.String() != want {
		t.Errorf("%v\n%s", err, b.String())
	}
}
