package static

import (
	"fmt"
	"html/template"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"penknife/configs"
	"penknife/gateway"
)

const (
	// maxHeld is the largest file that is held in memory; larger ones are sent by the kernel.
	maxHeld = 64 << 10
	// fallbackAccept is what the Accept of a page load has and that of a script, an image or a fetch has not.
	fallbackAccept = "text/html"
)

// mount is one prefix and what is behind it. Nothing of it changes after newMount but the memory.
type mount struct {
	prefix   string // without the slash at its end; "" is everything
	root     string // absolute
	single   bool   // root is a file
	fallsOn  bool   // misses go to the application
	index    []string
	fallback string
	listing  bool               // of directories without an index
	pages    *template.Template // of listings
	siblings bool               // look for .br, .zst, .gz
	compress bool               // make what has no siblings smaller

	cacheControl string
	immutable    func(name string) bool
	headers      []byte // lines
	nosniff      bool   // headers has X-Content-Type-Options
	types        map[string]string

	open   *opener
	memory memory
	// compressing is held by the request that compresses; nobody waits for it.
	compressing sync.Mutex
	maxHeld     int64
	settle      time.Duration // see settled
	confirmFor  time.Duration // see confirm
	born        time.Time
	boundary    boundary
	next        gateway.Handler
	counter     Counter
	log         *slog.Logger
}

func newMount(cfg configs.Static, open *opener, deps Deps) (*mount, error) {
	root, err := filepath.Abs(cfg.Root)
	if err != nil {
		return nil, fmt.Errorf("root: %w", err)
	}
	info, err := os.Stat(root)
	if err != nil {
		return nil, fmt.Errorf("root: %w", err)
	}
	m := &mount{
		prefix: strings.TrimRight(cfg.URL, "/"), root: root, single: !info.IsDir(), fallsOn: cfg.Fallthrough,
		index: cfg.Index, fallback: cfg.Fallback, listing: cfg.Listing, siblings: cfg.Precompressed, compress: cfg.Compress, cacheControl: cfg.CacheControl,
		headers: appendHeaders(nil, cfg.Headers), types: cfg.Types, open: open, settle: settleTime,
		confirmFor: confirmFor, born: time.Now().Add(-time.Hour), // so that 0 is long ago
		maxHeld: min(maxHeld, int64(cfg.Memory)), next: deps.Next, counter: deps.Counter, log: deps.Log,
	}
	for name := range cfg.Headers {
		m.nosniff = m.nosniff || strings.EqualFold(name, "X-Content-Type-Options")
	}
	if m.pages, err = parseListing(); err != nil {
		return nil, fmt.Errorf("listing: %w", err)
	}
	m.memory.limit = int64(cfg.Memory)
	m.memory.files = map[string]*file{}
	if m.immutable, err = parseImmutable(cfg.Immutable); err != nil {
		return nil, err
	}
	return m, nil
}

// parseImmutable gives the test for names whose content never changes.
func parseImmutable(text string) (func(string) bool, error) {
	switch text {
	case configs.ImmutableAuto:
		return hasContentHash, nil
	case configs.ImmutableOff, "":
		return func(string) bool { return false }, nil
	}
	pattern, err := regexp.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("immutable: %w", err)
	}
	return pattern.MatchString, nil
}

// appendHeaders writes the mount's own lines, sorted, so that answers do not differ from start to start.
func appendHeaders(dst []byte, headers map[string]string) []byte {
	names := make([]string, 0, len(headers))
	for name := range headers {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		dst = appendField(dst, name, headers[name])
	}
	return dst
}

// match gives what follows the prefix: nothing, or a slash and more.
func (m *mount) match(path []byte) (rest []byte, ok bool) {
	if len(path) < len(m.prefix) || string(path[:len(m.prefix)]) != m.prefix {
		return nil, false
	}
	rest = path[len(m.prefix):]
	if len(rest) == 0 {
		return rest, m.prefix != ""
	}
	return rest, rest[0] == '/'
}

// nameOf gives the name that decides about the type.
func (m *mount) nameOf(plain string) string {
	if m.single {
		return m.root
	}
	return plain
}

func (m *mount) count(how Outcome) {
	if m.counter != nil {
		m.counter.Answered(int(how))
	}
}
