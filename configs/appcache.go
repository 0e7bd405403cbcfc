package configs

// AppCache is what the application's own code keeps in penknife, and how it asks for it.
type AppCache struct {
	Size     ByteSize `yaml:"size"`      // 0 is none
	MaxValue ByteSize `yaml:"max_value"` // of a key with its value
	Copies   ByteSize `yaml:"copies"`    // 0 is none
	Channels int      `yaml:"channels"`  // of one process
}

// appCacheDocs says what reflection cannot know about the keys of this file.
var appCacheDocs = map[string]keyDoc{
	"app_cache.size": {max: 1 << 46, doc: "How much memory `penknife.cache` may take, keys, tags and penknife's own bookkeeping " +
		"included. It is taken as entries come; when it is full, the least useful ones go. 0 is no such cache."},
	"app_cache.max_value": {min: 1 << 10, max: 64 << 20, doc: "The largest value, with its key. At most half of `app_cache.size` counts."},
	"app_cache.copies": {max: 1 << 40, doc: "How much memory copies of entries that were just read may take (1 MiB to this, a power of two). Workers " +
		"see it and read there in under a microsecond, without asking penknife. It is taken with the first read. 0 is none."},
	"app_cache.channels": {min: 1, max: 1 << 16, doc: "How many threads of one process may call penknife at the same time: each that " +
		"does keeps a channel, of two descriptors and some kilobytes, until it ends. Calls of further threads fail."},
}

// smallestAppCache is the least that app_cache.size and app_cache.copies can be if they are not 0.
const smallestAppCache = 1 << 20

func (c *checker) appCacheSmall() {
	cache := c.loaded.Config.AppCache
	for path, size := range map[string]ByteSize{"app_cache.size": cache.Size, "app_cache.copies": cache.Copies} {
		if size > 0 && size < smallestAppCache {
			c.complain(path, "%s is out of range: 0 for none, or at least 1MiB", size)
		}
	}
}
