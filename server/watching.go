package server

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"penknife/configs"
	"penknife/watch"
)

const (
	// pollImports is for development on file systems that tell nothing, as those of virtual machines and containers.
	pollImports = 2 * time.Second
	// maxWatched bounds what an application may want to have watched.
	maxWatched = 20000
)

// watching asks for a reload when a file changes: one that app.touch_reload names, or with app.reload one that the
// application was imported from.
type watching struct {
	reload  func(files string)
	log     *slog.Logger
	inForce *atomic.Pointer[configs.Loaded]

	watcher atomic.Pointer[watch.Watcher] // nil before there is something to watch

	mu       sync.Mutex // guards imported
	imported map[string]bool
}

func newWatching(s *Server) *watching {
	return &watching{
		reload: func(files string) {
			s.log.Info("files changed", "files", files)
			s.reloads.order()
		},
		log: s.log, inForce: &s.inForce, imported: map[string]bool{},
	}
}

// follow watches what the configuration in force names. It is called at the start and after each reload, never by two.
// Nothing is watched, and no goroutine runs, before there is something to watch.
func (w *watching) follow() error {
	loaded := w.inForce.Load()
	files := touched(loaded)
	if loaded.Config.App.Reload && loaded.File != "" {
		if file, err := filepath.Abs(loaded.File); err == nil {
			files = append(files, file)
		}
	}
	watcher := w.watcher.Load()
	if watcher == nil && len(files) == 0 && !loaded.Config.App.Reload {
		return nil
	}
	if watcher == nil {
		options := watch.Options{Changed: w.changed, Log: w.log}
		if loaded.Config.App.Reload {
			options.Poll = pollImports
		}
		var err error
		if watcher, err = watch.New(options); err != nil {
			return err
		}
		w.watcher.Store(watcher)
	}
	watcher.Watch(files...)
	return nil
}

// touched gives the files of app.touch_reload as absolute paths.
func touched(loaded *configs.Loaded) []string {
	files := make([]string, 0, len(loaded.Config.App.TouchReload))
	for _, name := range loaded.Config.App.TouchReload {
		if path, err := filepath.Abs(name); err == nil {
			files = append(files, path)
		}
	}
	return files
}

// note adds files that the application was imported from. It is workers.Deps.Imported.
func (w *watching) note(paths []string) {
	if watcher := w.watcher.Load(); watcher != nil {
		watcher.Watch(w.unknown(paths)...)
	}
}

// unknown gives the paths that were not named before, and remembers them.
func (w *watching) unknown(paths []string) (fresh []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, path := range paths {
		switch {
		case w.imported[path] || len(w.imported) > maxWatched:
		case len(w.imported) == maxWatched:
			w.log.Warn("too many files to watch: changes of further ones are not noticed", "watched", maxWatched)
			w.imported[""] = true // said once
		default:
			w.imported[path] = true
			fresh = append(fresh, path)
		}
	}
	return fresh
}

// changed asks for a reload if the files still matter: a reload may have taken them out of the configuration.
func (w *watching) changed(paths []string) {
	loaded := w.inForce.Load()
	if !loaded.Config.App.Reload {
		names := touched(loaded)
		paths = slices.DeleteFunc(paths, func(path string) bool { return !slices.Contains(names, path) })
	}
	if len(paths) > 0 {
		w.reload(summary(paths))
	}
}

// summary names a few files, for the log.
func summary(paths []string) string {
	const shown = 3
	if len(paths) <= shown {
		return strings.Join(paths, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(paths[:shown], ", "), len(paths)-shown)
}

// stage begins before the application does, which tells at once what it imports.
func (w *watching) stage() stage {
	return stage{name: "files", start: func(context.Context) error { return w.follow() }, stop: w.shutdown, least: time.Second}
}

func (w *watching) shutdown(ctx context.Context) error {
	if watcher := w.watcher.Load(); watcher != nil {
		return watcher.Shutdown(ctx)
	}
	return nil
}
