package configs

// AppCache is what the application's own code keeps in penknife, and how it asks for it.
type AppCache struct {
	Size     ByteSize `yaml:"size"`      // 0 is none
	MaxValue ByteSize `yaml:"max_value"` // of a key with its value
	Channels int      `yaml:"channels"`  // of one process
}

// appCacheDocs says what reflection cannot know about the keys of this file.
var appCacheDocs = map[string]keyDoc{
	"app_cache.size": {max: 1 << 46, doc: "How much memory `penknife.cache` may take, keys, tags and penknife's own bookkeeping " +
		"included. It is taken as entries come; when it is full, the least useful ones go. 0 is no such cache."},
	"app_cache.max_value": {min: 1 << 10, max: 64 << 20, doc: "The largest value, with its key. At most half of `app_cache.size` counts."},
	"app_cache.channels": {min: 1, max: 1 << 16, doc: "How many threads of one process may call penknife at the same time: each that " +
		"does keeps a channel, of two descriptors and some kilobytes, until it ends. Calls of further threads fail."},
}
