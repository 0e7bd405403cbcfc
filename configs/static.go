package configs

// Static is one prefix of paths and the files that are served below it.
type Static struct {
	URL           string            `yaml:"url"`
	Root          string            `yaml:"root"`          // a directory, or one file
	Fallthrough   bool              `yaml:"fallthrough"`   // what is missing goes to the application instead of 404
	Index         []string          `yaml:"index"`         // what a directory is answered with, first that exists
	Fallback      string            `yaml:"fallback"`      // below Root, instead of 404 for pages; empty: none
	Listing       bool              `yaml:"listing"`       // directories without an index file are listed
	Precompressed bool              `yaml:"precompressed"` // use siblings NAME.br, NAME.zst, NAME.gz
	Compress      bool              `yaml:"compress"`      // with gzip what has no sibling, once for each change
	CacheControl  string            `yaml:"cache_control"`
	Immutable     string            `yaml:"immutable"` // ImmutableAuto, ImmutableOff or a pattern
	Headers       map[string]string `yaml:"headers"`
	Types         map[string]string `yaml:"types"`  // extension with its dot -> media type
	Memory        ByteSize          `yaml:"memory"` // for small files; 0 is none
}

// staticDocs says what reflection cannot know about the keys of this file.
var staticDocs = map[string]keyDoc{
	"static": {flag: "static", doc: "In the file a list of mappings with the keys below; in the environment and on the " +
		"command line `URL=ROOT` only, which replace the whole list; an entry of the file with the same URL keeps its other keys."},
	"static.url": {doc: "The prefix of the paths, such as `/static/`. It counts at a slash only, and the longest one wins. " +
		"`/` is everything."},
	"static.root": {doc: "The directory with the files, or one file. It may be a symbolic link; links in it that lead " +
		"out of it are not followed."},
	"static.fallthrough": {doc: "What is missing, and any method but GET and HEAD, goes to the application. False: 404 and 405."},
	"static.index":       {doc: "What a directory is answered with: the first of these files that it has. `[]` is none."},
	"static.listing": {doc: "A directory without an index file is answered with a list of what is in it, as a page or, for clients that " +
		"prefer it, as JSON. Dotfiles and what leads out of the root are left out. The list ends after 10000 entries and says so."},
	"static.fallback": {doc: "A file below the root that answers, with status 200, for pages that do not exist: for applications " +
		"that do their routing in the browser. A path with a dot in its last segment counts only if the client accepts text/html."},
	"static.precompressed": {doc: "Send the siblings `NAME.br`, `NAME.zst` and `NAME.gz` to clients that accept them. One that is " +
		"more than a minute older than the file itself, or not smaller, is not used."},
	"static.compress": {doc: "Compress files from 512 bytes to 1 MiB that have no such sibling with gzip, when they are first asked " +
		"for, and hold the result in `static.memory`. Only types that get smaller by it."},
	"static.cache_control": {doc: "The `Cache-Control` of the answers, such as `max-age=3600`. Empty: none."},
	"static.immutable": {doc: "Which names never change their content and get `public, max-age=31536000, immutable`: `auto` are " +
		"those with a hash of 8 or more hexadecimal digits (`base.55e7cbb9ba48.css`, `app-3f9a21bc.js`), `off` are none, anything " +
		"else is a regular expression for paths below the root."},
	"static.headers": {doc: "Further header fields of the answers, by name."},
	"static.types":   {doc: "Media types by extension, such as `{.usdz: model/vnd.usdz+zip}`, before penknife's own and the system's."},
	"static.memory": {doc: "How much memory small files (up to 64 KiB) may take. What is in it is compared with the disk for each " +
		"request. 0 is none."},
}

// The two words that static.immutable knows besides patterns.
const (
	ImmutableAuto = "auto" // names with a content hash
	ImmutableOff  = "off"
)

// DefaultStatic gives an entry of static before anything was set.
func DefaultStatic() Static {
	return Static{Index: []string{"index.html"}, Precompressed: true, Compress: true, Immutable: ImmutableAuto, Memory: 32 << 20}
}
