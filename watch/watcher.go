package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settle is how long nothing may change before changes are told: editors, version control and deploys write many files.
	settle = 100 * time.Millisecond
	// impatience bounds that when something never rests.
	impatience = 2 * time.Second
)

// Options says how a Watcher looks.
type Options struct {
	// Changed is called with the paths that changed, sorted, from the Watcher's goroutine; what changes meanwhile is told
	// afterwards. A file that is removed counts when it is back; one that was not there counts when it appears.
	Changed func(paths []string)
	// Poll looks at every file that often, too, for file systems that give no events, as mounts from another machine.
	// 0: never.
	Poll time.Duration
	Log  *slog.Logger
}

// Watcher watches files. Watch may be called at any time, Shutdown once.
type Watcher struct {
	options Options
	events  *fsnotify.Watcher
	done    chan struct{}

	mu      sync.Mutex // guards what follows
	files   map[string]identity
	dirs    map[string]bool
	trouble bool // that a directory cannot be watched was said
}

// identity is what changes when a file does. The zero value is a file that is not there.
type identity struct {
	device, inode uint64
	size          int64
	modified      time.Time
}

// New makes a Watcher and starts its goroutine. It fails if the kernel has no more watches to give.
func New(options Options) (*Watcher, error) {
	events, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch files: %w", err)
	}
	w := &Watcher{
		options: options, events: events, done: make(chan struct{}), files: map[string]identity{}, dirs: map[string]bool{},
	}
	go w.run() // ended by Shutdown
	return w, nil
}

// Watch adds files, which need not exist; their directories must. A path that is watched already keeps what was seen of
// it. Paths are absolute.
func (w *Watcher) Watch(paths ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, path := range paths {
		path = filepath.Clean(path)
		if _, known := w.files[path]; known {
			continue
		}
		w.files[path] = identify(path)
		w.watchDir(filepath.Dir(path))
	}
}

// watchDir asks the kernel for events. Without them there is still Poll; that is said once.
func (w *Watcher) watchDir(dir string) {
	if w.dirs[dir] {
		return
	}
	w.dirs[dir] = true
	if err := w.events.Add(dir); err != nil && !w.trouble {
		w.trouble = true
		w.options.Log.Warn("changes of some files will be noticed late or not at all", "directory", dir, "error", err)
	}
}

// Only forgets every file but these, and adds those that are new.
func (w *Watcher) Only(paths ...string) {
	w.mu.Lock()
	maps.DeleteFunc(w.files, func(path string, _ identity) bool { return !slices.Contains(paths, path) })
	w.mu.Unlock()
	w.Watch(paths...)
}

// Shutdown ends the goroutine and waits for a call of Changed that is under way.
func (w *Watcher) Shutdown(context.Context) error {
	err := w.events.Close()
	<-w.done
	return err
}

func (w *Watcher) run() {
	defer close(w.done)
	var poll <-chan time.Time
	if w.options.Poll > 0 {
		ticker := time.NewTicker(w.options.Poll)
		defer ticker.Stop()
		poll = ticker.C
	}
	for {
		select {
		case _, open := <-w.events.Events:
			if !open {
				return
			}
			if !w.rest() {
				return
			}
		case err, open := <-w.events.Errors:
			if !open {
				return
			}
			if !errors.Is(err, fsnotify.ErrEventOverflow) { // then only Poll or the next event tells; look at once
				w.options.Log.Warn("watching files", "error", err)
			}
		case <-poll:
		}
		if changed := w.compare(); len(changed) > 0 {
			w.options.Changed(changed)
		}
	}
}

// rest waits until events pause. It gives false when the Watcher is shut down.
func (w *Watcher) rest() bool {
	limit, quiet := time.NewTimer(impatience), time.NewTimer(settle)
	defer limit.Stop()
	defer quiet.Stop()
	for {
		select {
		case _, open := <-w.events.Events:
			if !open {
				return false
			}
			quiet.Reset(settle)
		case <-quiet.C:
			return true
		case <-limit.C:
			return true
		}
	}
}

// compare looks at every file and gives those that are different.
func (w *Watcher) compare() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var changed []string
	for path, before := range w.files {
		now := identify(path)
		if now == before || now == (identity{}) {
			continue
		}
		w.files[path] = now
		changed = append(changed, path)
	}
	slices.Sort(changed)
	return changed
}

func identify(path string) identity {
	info, err := os.Stat(path)
	if err != nil {
		return identity{}
	}
	id := identity{size: info.Size(), modified: info.ModTime()}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		id.device, id.inode = uint64(stat.Dev), stat.Ino //nolint:unconvert // 32 bits on mips
	}
	return id
}
